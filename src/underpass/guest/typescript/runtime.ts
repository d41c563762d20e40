// What code imports as "mcp-runtime": calls, discovery, the workspace, progress, errors.

import { ask, send } from "./channel.ts";
import { ToolArgumentsInvalid } from "./errors.ts";
import { flush } from "./output.ts";
import { toPlain, Unawaited } from "./values.ts";

const { isArray } = Array;
/** The language of signatures and examples. */
const language = "typescript";

export {
  ToolArgumentsInvalid,
  ToolChanged,
  ToolError,
  ToolFailed,
  ToolLimitExceeded,
  ToolNotFound,
  ToolTimeout,
  ToolUnavailable,
} from "./errors.ts";
export { workspace } from "./workspace.ts";

/** Where to look for tools, and how many to return. */
export interface SearchOptions {
  server?: string;
  limit?: number;
}

/** A tool that fits a search. */
export interface Hit {
  id: string;
  summary: string;
  signature: string;
  score: number;
}

/** Call one tool by the names that its server gives; resolves to its result, unwrapped. */
export function callTool(server: string, tool: string, args: object = {}): Promise<unknown> {
  return question({ op: "call", server: String(server), tool: String(tool) }, args, { server, tool });
}

/** Find tools for one step of a task. */
export async function searchTools(query: string, options: SearchOptions = {}): Promise<Hit[]> {
  const { server = null, limit = 10 } = options;
  return await question({ op: "ask", what: "search_tools" }, { query, server, limit, language }) as Hit[];
}

/** Return the Markdown documentation of tools, by name (`"git.git_log"`). */
export async function getToolDocs(...names: string[]): Promise<Record<string, string>> {
  const found = await question({ op: "ask", what: "get_tool_docs" }, { names: names.flat(), language });
  return found as Record<string, string>;
}

/** Return the connected servers and their state. */
export async function listServers(): Promise<Record<string, unknown>[]> {
  return await question({ op: "ask", what: "list_servers" }, {}) as Record<string, unknown>[];
}

/** Tell the person who waits how far the program is. */
export function progress(value: number, total?: number, message?: string): void {
  if (!Number.isFinite(value)) {
    throw new TypeError(`progress must be a finite number, not ${value}`);
  }
  send({ op: "progress", value, total: total ?? null, message: message?.toWellFormed() ?? null });
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
