// What code imports as "mcp-runtime": calls, discovery, the workspace, progress, errors.

import { ask, send } from "./channel.ts";
import { ToolArgumentsInvalid } from "./errors.ts";
import { flush } from "./output.ts";
import { isOver, over } from "./runs.ts";
import { toPlain, Unawaited } from "./values.ts";

const { isArray } = Array;
/** The language of signatures and examples. */
const language = "typescript";

export {
  HostError,
  PermissionDenied,
  ResultNotFound,
  SkillError,
  SkillInvalid,
  SkillNotFound,
  SkillNotSaved,
  SkillRefused,
  SkillStale,
  ToolArgumentsInvalid,
  ToolChanged,
  ToolError,
  ToolFailed,
  ToolLimitExceeded,
  ToolNotFound,
  ToolTimeout,
  ToolUnavailable,
  WorkspaceFull,
} from "./errors.ts";
export { loadResult } from "./results.ts";
export { workspace } from "./workspace.ts";

/** Where to look for tools, how many to return, and how much to tell of each. */
export interface SearchOptions {
  server?: string;
  category?: string;
  capabilities?: string[];
  limit?: number;
  detail?: "brief" | "full";
  /** Skills, too, in one ranking with the tools; with one query and no filter. */
  skills?: boolean;
}

/** A tool that fits a search. */
export interface Hit {
  id: string;
  server: string;
  name: string;
  summary: string;
  signature: string;
  category: string;
  capabilities: string[];
  score: number;
  /** With `detail: "full"`. */
  documentation?: string;
}

/** What fits one of several queries; `also` has the ids of tools that fit another of them better. */
export interface HitGroup {
  query: string;
  tools: Hit[];
  also?: string[];
}

/** A server; `tools` is how many it has, null where that is not known. */
export interface ServerState {
  name: string;
  module: string;
  state: string;
  tools: number | null;
  error: string | null;
}

/** A function that has worked before. */
export interface SkillHit {
  name: string;
  /** The line that imports it. */
  import: string;
  summary: string;
  signature: string;
  version: string;
  scope: string;
  language: "python" | "typescript";
  uses: number;
  /** The share of uses that went well; null where there were none. */
  success: number | null;
}

/** What is kept as a skill. */
export interface SkillToSave {
  /** Lowercase letters, digits and single hyphens; an existing name gets a new version. */
  name: string;
  /** What it does and when to use it. */
  description: string;
  /** A module that exports one typed, asynchronous function with a comment that documents it. */
  code: string;
  /** That function's name, where the code has several. */
  entrypoint?: string;
  /** Markdown. */
  examples?: string;
  /** Markdown. */
  pitfalls?: string;
  tags?: string[];
  /** Uses whose results are known. */
  cases?: { arguments: Record<string, unknown>; result: unknown }[];
  /** Whose library; by default this agent's. */
  scope?: "agent" | "project" | "user";
}

/** A skill that was saved. */
export interface SavedSkill {
  name: string;
  version: string;
  digest: string;
  status: string;
  scope: string;
  import: string;
}

/** Call one tool by the names that its server gives; resolves to its result, unwrapped. */
export function callTool(server: string, tool: string, args: object = {}): Promise<unknown> {
  return question({ op: "call", server: String(server), tool: String(tool) }, args, { server, tool });
}

/** Find tools for one step of a task, or with `queries` for several: a group for each. */
export function searchTools<Options extends SearchOptions>(
  query: string,
  options?: Options,
): Promise<(Options extends { skills: true } ? Hit | SkillHit & { score: number } : Hit)[]>;
export function searchTools(options: SearchOptions & { queries: string[] }): Promise<HitGroup[]>;
export function searchTools(options: SearchOptions & { query?: string }): Promise<Hit[]>;
export async function searchTools(
  first: string | SearchOptions,
  more: SearchOptions = {},
): Promise<Hit[] | HitGroup[] | (Hit | SkillHit & { score: number })[]> {
  const told = optionsOf("searchTools", typeof first === "string" ? more : first);
  const asked = typeof first === "string" ? { ...told, query: first } : told;
  return await question({ op: "ask", what: "search_tools" }, { ...asked, language }) as Hit[] | HitGroup[];
}

/** Return the Markdown documentation of tools, by name (`"git.git_log"`); options come last. */
export async function getToolDocs(
  ...names: (string | string[] | { detail?: "brief" | "full" })[]
): Promise<Record<string, string>> {
  const last = names.at(-1);
  const options = typeof last === "object" && !isArray(last) ? names.pop() as object : {};
  const asked = { names: names.flat(), ...options, language };
  return await question({ op: "ask", what: "get_tool_docs" }, asked) as Record<string, string>;
}

/** Return each category of tools with how many there are. */
export async function listCategories(options: { server?: string } = {}): Promise<Record<string, number>> {
  const told = optionsOf("listCategories", options);
  return await question({ op: "ask", what: "list_categories" }, told) as Record<string, number>;
}

/** Return each capability with how many tools have it. */
export async function listCapabilities(options: { server?: string } = {}): Promise<Record<string, number>> {
  const told = optionsOf("listCapabilities", options);
  return await question({ op: "ask", what: "list_capabilities" }, told) as Record<string, number>;
}

/** Return the connected servers and their state. */
export async function listServers(): Promise<ServerState[]> {
  return await question({ op: "ask", what: "list_servers" }, {}) as ServerState[];
}

/** Find functions that have worked before, for one step of a task, the best first. */
export async function searchSkills(
  query: string,
  options: { limit?: number } = {},
): Promise<(SkillHit & { score: number })[]> {
  const told = { query, ...optionsOf("searchSkills", options), language };
  return await question({ op: "ask", what: "search_skills" }, told) as (SkillHit & { score: number })[];
}

/** Return the skills that there are; `problem` says why one cannot be used. */
export async function listSkills(): Promise<(SkillHit & { problem: string | null })[]> {
  return await question({ op: "ask", what: "list_skills" }, { language }) as (SkillHit & { problem: string | null })[];
}

/** Keep a function for later programs. Throws `SkillInvalid` or `SkillNotSaved`: nothing was saved then. */
export async function saveSkill(skill: SkillToSave): Promise<SavedSkill> {
  const told = { ...optionsOf("saveSkill", skill), language };
  return await question({ op: "ask", what: "save_skill" }, told) as SavedSkill;
}

/** Tell the person who waits how far the program is. */
export function progress(value: number, total?: number, message?: string): void {
  if (!Number.isFinite(value)) {
    throw new TypeError(`progress must be a finite number, not ${value}`);
  }
  if (isOver()) {
    throw over("nobody waits for it");
  }
  send({ op: "progress", value, total: total ?? null, message: message?.toWellFormed() ?? null });
}

/** What a function of discovery is told by name. Throws `ToolArgumentsInvalid` where it is told otherwise. */
function optionsOf(name: string, options: unknown): object {
  if (typeof options === "object" && options !== null && !isArray(options)) {
    return options;
  }
  const shown = (JSON.stringify(options) ?? String(options)).slice(0, 100);
  const server = typeof options === "string" ? shown : '"…"';
  const before = name === "searchTools" ? '"…", ' : "";
  const hint = `write ${name}(${before}{ server: ${server} })`;
  throw new ToolArgumentsInvalid(`${name} takes its options in an object, not as ${shown}`, hint);
}

async function question(
  frame: Record<string, unknown>,
  args: object,
  about: Record<string, unknown> = {},
): Promise<unknown> {
  flush();
  return await ask({ ...frame, arguments: plain(args, about) });
}

/** Arguments as JSON values. Throws where they cannot be: nothing is silently changed. */
function plain(args: object, about: Record<string, unknown>): object {
  let reason: string;
  try {
    const { plain: converted, problems } = toPlain(args);
    if (problems.length === 0 && typeof converted === "object" && converted !== null && !isArray(converted)) {
      return converted;
    }
    reason = problems.map(([path, why]) => `at ${path}: ${why}`)[0] ?? "the arguments are no object";
  } catch (error) {
    if (!(error instanceof Unawaited)) {
      throw error;
    }
    reason = `at ${error.message}: it is a promise: write \`await\` before the call that makes it`;
  }
  throw new ToolArgumentsInvalid(reason, 'give JSON values by name: { query: "…" }', about);
}
