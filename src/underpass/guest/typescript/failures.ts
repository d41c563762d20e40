// Says why a program failed, in its own line numbers, with a hint where the cause is a known one.

import { lastQuestion, unanswered } from "./channel.ts";
import { HostError } from "./errors.ts";

/** The function that holds a program; never a name of the program's. */
const MAIN = "__program__";
const MOST_FRAMES = 12;
/** What V8 calls the global object. */
const GLOBAL = "of object '#<Window>'";
const RUNTIME = /mcp-runtime'|runtime\.[jt]s'/;
/** What a skill's module has as its address. */
const SKILL = /requested module 'blob:null/;
const NO_MEMORY = /^Array buffer allocation failed|^Invalid array buffer length|out of memory/;

const TOO_MANY_FILES = /Too many open files \(os error 24\)/;

/** A tool was called, but its result never awaited. */
export class NeverAwaited extends Error {}
/** The value is larger than the host takes. */
export class ValueTooLarge extends Error {}

/** A failure as the host reads it. */
export interface Failure {
  type: string;
  message: string;
  hint: string;
  traceback: string;
  line: number | null;
}

/** The names that a program declares cannot be found in its text. */
export class Unclear extends Error {}

/** In this line, what stood behind `column` stands `by` characters further on. */
export type Shift = [line: number, column: number, by: number];

/** A program's text, where errors name it. */
export interface Text {
  /** The address of its module. */
  url: string;
  /** What its author calls it. */
  filename: string;
  /** Where its lines are not what its author wrote. */
  shifts: Shift[];
}

/** Where the program is, and what is beside it. */
export interface Place extends Text {
  workspace: string;
  /** The servers that it can import. */
  servers: string[];
  /** The programs that ran here before, in a session. */
  earlier: Text[];
}

/** Describe what a program threw. */
export function describe(thrown: unknown, place: Place): Failure {
  const unparsed = syntaxError(thrown, place);
  if (unparsed !== null) {
    return unparsed;
  }
  if (!(thrown instanceof Error)) {
    const message = typeof thrown === "string" ? thrown : Deno.inspect(thrown);
    return wellFormed({ type: "Error", message, hint: "throw an Error: it knows its line", traceback: "", line: null });
  }
  const type = kindOf(thrown);
  const message = messageOf(thrown, place);
  const frames = ownFrames(String(thrown.stack ?? ""), place);
  const line = lineOf(frames, place);
  const head = `${type}: ${message.slice(0, 2_000)}`;
  const traceback = frames.length > 0 ? [head, ...frames].join("\n") + "\n" : "";
  return wellFormed({ type, message, hint: hintFor(thrown, type, message), traceback, line });
}

/** Describe a program whose time is over while it waits. */
export function describeTimeout(place: Place): Failure {
  const question = lastQuestion();
  const frames = question === null ? [] : ownFrames(String(question.site.stack ?? ""), place);
  const what = question?.waits ? "waiting for a tool called here:" : "waiting, after the last tool call:";
  return {
    type: "TimeLimit",
    message: "",
    hint: "",
    traceback: frames.length > 0 ? [what, ...frames].join("\n") + "\n" : "",
    line: question?.waits ? lineOf(frames, place) : null,
  };
}

function wellFormed(failure: Failure): Failure {
  const { type, message, hint, traceback, line } = failure;
  return {
    type: type.toWellFormed(),
    message: message.toWellFormed(),
    hint: hint.toWellFormed(),
    traceback: traceback.toWellFormed(),
    line,
  };
}

function kindOf(error: Error): string {
  if (error instanceof RangeError && NO_MEMORY.test(error.message)) {
    return "MemoryError";
  }
  if ((error as { code?: unknown }).code === "EMFILE" || TOO_MANY_FILES.test(error.message)) {
    return "OpenFilesLimit";
  }
  if (error instanceof NeverAwaited) {
    return "NeverAwaited";
  }
  if (error instanceof ValueTooLarge) {
    return "ValueTooLarge";
  }
  if (error instanceof Unclear) {
    return "Unclear";
  }
  const name = error.name === "Error" ? error.constructor?.name : error.name;
  return String(name || "Error");
}

function messageOf(error: Error, place: Place): string {
  let message = withoutPlace(String(error.message), place);
  if (error instanceof AggregateError) {
    const parts = error.errors.slice(0, 5).map((part) =>
      part instanceof Error ? `${kindOf(part)}: ${part.message}` : String(part)
    );
    message = `${message}: ${parts.join("; ")}`;
  }
  return message;
}

/** A message without the address of our own making that Deno puts after it. */
function withoutPlace(message: string, place: Place): string {
  const at = message.search(/\s+at (blob:null|file:\/\/)[^\s]+:\d+:\d+$/);
  return (at < 0 ? message : message.slice(0, at)).replaceAll(place.url, place.filename);
}

/** The frames of programs and of modules in the workspace; ours and the library's say little. */
function ownFrames(stack: string, place: Place): string[] {
  const found: string[] = [];
  for (const line of stack.split("\n")) {
    if (found.length < MOST_FRAMES && /^\s+at /.test(line)) {
      const frame = ownFrame(line, place);
      if (frame !== null) {
        found.push(frame);
      }
    }
  }
  return found;
}

function ownFrame(line: string, place: Place): string | null {
  const text = [place, ...place.earlier].find(({ url }) => line.includes(`${url}:`) || line.includes(`${url},`));
  if (text === undefined) {
    const here = `file://${place.workspace}/`;
    return line.includes(here) ? line.replaceAll(here, "") : null;
  }
  // So it is called where it is no module.
  const named = line.replaceAll(`${text.url}, <anonymous>:`, `${text.url}:`)
    .replace(/:(\d+):(\d+)(?=\)?$)/, (_, row, column) => `:${row}:${columnOf(Number(row), Number(column), text)}`)
    .replaceAll(text.url, text.filename);
  return named.replace(new RegExp(`^(\\s+at )(?:async )?(?:Module\\.|Object\\.)?${MAIN} \\((.*)\\)$`), "$1$2");
}

/** The line at which the program was, or else what it called. */
function lineOf(frames: string[], place: Place): number | null {
  const own = frames.find((frame) => frame.includes(`${place.filename}:`)) ?? frames[0] ?? "";
  return Number(/:(\d+):\d+\)?$/.exec(own)?.[1] ?? 0) || null;
}

function columnOf(line: number, column: number, text: Text): number {
  for (const [shifted, from, by] of text.shifts) {
    if (shifted === line && column > from) {
      column = Math.max(column - by, from + 1);
    }
  }
  return column;
}

/** A program that Deno could not load: its parser says where, in the text of its message. */
function syntaxError(thrown: unknown, place: Place): Failure | null {
  if (!(thrown instanceof Error)) {
    return null;
  }
  const said = String(thrown.message);
  const at = new RegExp(`${place.url.replaceAll("/", "\\/")}:(\\d+):(\\d+)`);
  const found = thrown instanceof SyntaxError ? at.exec(`${said}\n${thrown.stack}`) : at.exec(said);
  if (found === null || (!said.startsWith("SyntaxError: ") && !(thrown instanceof SyntaxError))) {
    return null;
  }
  const [first, ...shown] = said.replace(/^SyntaxError: /, "").split("\n");
  const missing = /does not provide an export named '([^']+)'/.exec(first);
  const message = missing === null
    ? withoutPlace(first, place)
    : `there is no ${RUNTIME.test(first) ? "function" : SKILL.test(first) ? "function of a skill" : "server"} '${missing[1]}' to import`;
  const where = `${place.filename}:${found[1]}:${columnOf(Number(found[1]), Number(found[2]), place)}`;
  const context = shown.filter((line) => !line.includes(place.url));
  const traceback = [`SyntaxError: ${message}`, ...context, `    at ${where}`].join("\n") + "\n";
  const hint = missing === null ? "" : exportsHint(first, missing[1], place);
  return wellFormed({ type: "SyntaxError", message, hint, traceback, line: Number(found[1]) });
}

function exportsHint(said: string, wanted: string, place: Place): string {
  if (RUNTIME.test(said)) {
    return "mcp-runtime has callTool, searchTools, getToolDocs, listServers, progress, workspace and ToolError";
  }
  if (SKILL.test(said)) {
    return "listSkills and searchSkills give the signature of each";
  }
  const plain = (name: string) => name.replaceAll("_", "").toLowerCase();
  const near = place.servers.filter((name) => plain(name).includes(plain(wanted)) || plain(wanted).includes(plain(name)));
  const shown = near.length > 0 ? near : place.servers;
  return shown.length > 0 ? `the servers are: ${shown.slice(0, 20).join(", ")}` : "no server is connected";
}

function hintFor(error: Error, type: string, message: string): string {
  if (error instanceof HostError) {
    return error.hint;
  }
  switch (type) {
    case "Unclear":
      return "write it in other words, or run it without a session";
    case "ValueTooLarge":
      return "return less: aggregate, filter, or save it and return its path";
    case "NeverAwaited":
      return "tool functions are asynchronous: write `await` before the call";
    case "NotCapable":
    case "PermissionDenied":
      return "the sandbox has no network and no other processes, and reads and writes only its workspace; " +
        "use the tools of mcp-servers for everything outside";
    case "WouldBlock":
      return "threads share the program's memory and no other limit: use fewer workers";
    case "NotFound":
      return "the sandbox sees the workspace (the current folder), not the host's files";
    case "ReferenceError":
      return "a server is imported with `import { name } from \"mcp-servers\"`, and the rest of the tools with " +
        "`import { callTool, searchTools, workspace } from \"mcp-runtime\"`";
  }
  if (message.startsWith("Cannot assign to read only property") && message.includes(GLOBAL)) {
    return "it was declared with `const` or imported: declare it again, or with `let`";
  }
  if (message.startsWith("Maximum call stack size exceeded")) {
    return "use a loop instead of recursion";
  }
  if (/[Mm]odule not found|not prefixed with|not a dependency|remote specifier|Unsupported scheme|npm |npm:|jsr:/.test(message)) {
    return "there are mcp-servers, mcp-runtime and files of the workspace, and no other packages";
  }
  if (error instanceof TypeError && unanswered() > 0) {
    return "tool functions are asynchronous: write `await` before the call";
  }
  if (error instanceof TypeError && /is not a function|not iterable|of undefined/.test(message)) {
    return "where it is the result of a tool: write `await` before the call, and look at what it holds";
  }
  return "";
}
