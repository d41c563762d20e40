// One program that the host sends: it is run, and answered with its value or its error.

import { listen, onTimeout, receive, sendText, unanswered } from "./channel.ts";
import { describe, describeTimeout, NeverAwaited, type Place, type Shift, ValueTooLarge } from "./failures.ts";
import { flush, install } from "./output.ts";
import { callTool, ToolError, workspace } from "./runtime.ts";
import { putText } from "./workspace.ts";
import { type Problem, toJson, Unawaited } from "./values.ts";

/** What the host sends. */
interface Frame {
  run: string;
  /** The program, as a module whose only export is a function. */
  code: string;
  /** Whether it is JavaScript as it is, and imports nothing. */
  plain: boolean;
  filename: string;
  /** Characters of JSON. */
  max_value: number;
  /** The servers that it can import. */
  servers: string[];
  /** Where the lines of `code` are not what the program's author wrote. */
  shifts: Shift[];
  /** What to subtract from the system's time, to have it as the host counts it. */
  epoch: number;
}

type Program = () => Promise<unknown>;

const exit = Deno.exit.bind(Deno);
const { stringify, parse } = JSON;
const now = performance.now.bind(performance);
/** Indirectly: in no scope of ours. */
const evaluate = eval;

const EXPORT = "export default ";
/** As long, so that nothing moves. */
const SCRIPT = '"use strict"; (';
/** The address of a program that is no module. */
const PLAIN = "file:///program";

/** Turns of the loop that bring a call from its function to the channel, once its module is there. */
const MOST_TURNS = 16;
let rehearsals = 0;
/** Generated modules on their way. */
let loading = 0;

/** Make ready whatever does not depend on the program. */
export async function prepare(): Promise<void> {
  install();
  await rehearse();
}

/** Run a program of one line, so that what every run needs is loaded before there is one. */
export async function rehearse(): Promise<void> {
  const module = await import(moduleOf("export default async function (): Promise<number> { return 1 }"));
  toJson([await module.default()]);
  new Error().stack;
  // Another each time; from a file, as generated modules are.
  rehearsals += 1;
  await import(`${import.meta.resolve("./errors.ts")}?${rehearsals}`);
}

/** Wait for the host's program, and run it. */
export async function serve(): Promise<void> {
  next(); // the agent's name: its workspace is there now
  const frame = parse(next()) as Frame;
  Deno.chdir(workspace.path());
  await run(frame);
}

function moduleOf(code: string): string {
  return URL.createObjectURL(new Blob([code], { type: "application/typescript" }));
}

/** Return a plain program's function; null where the parser of modules is to say why there is none. */
function compiled(code: string): Program | null {
  try {
    return evaluate(`${SCRIPT}${code.slice(EXPORT.length)})\n//# sourceURL=${PLAIN}`);
  } catch {
    return null;
  }
}

function next(): string {
  return receive() ?? exit(0);
}

async function run(frame: Frame): Promise<void> {
  const { filename, servers, shifts } = frame;
  // A module's way through the loader takes longer than most programs.
  const plain = frame.plain ? compiled(frame.code) : null;
  const url = plain === null ? moduleOf(frame.code) : PLAIN;
  const place: Place = { url, filename, workspace: workspace.path(), servers, shifts };
  let started = 0;
  let over = false;

  /** Say the last word, and wait for the end: the host brings it. */
  function finish(answer: object, value: string): never {
    if (!over) {
      over = true;
      flush();
      const head = stringify({ op: "done", started: started + 1e-9, ...answer });
      sendText(`${head.slice(0, -1)},"value":${value}}`);
    }
    while (receive() !== null);
    return exit(0);
  }

  function fail(thrown: unknown): never {
    return finish({ error: describe(thrown, place) }, "null");
  }

  function leave(code?: number): never {
    if (code) {
      return fail(new Error(`the program ended itself with status ${code}`));
    }
    return finish({}, "null");
  }

  Deno.exit = leave;
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail(event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    fail(event.error);
  });
  onTimeout(() => finish({ error: describeTimeout(place) }, "null"));
  // It also keeps a program alive that waits for what never comes; the host knows how long. No timer
  // does it: the first use of any costs Deno half of what its start does.
  if (plain === null) {
    listen();
  }
  try {
    const program: Program = plain ?? (await import(url)).default;
    started = (performance.timeOrigin + now()) / 1_000 - frame.epoch;
    const running = program();
    if (plain !== null && !await settlesSoon(running)) {
      listen();
    }
    const value = await running;
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      await null;
    }
    const { text, problems } = express(value);
    fit(text, frame);
    finish(problems.length > 0 ? { problems } : {}, text);
  } catch (thrown) {
    fail(thrown);
  }
}

/** Whether a plain program waits for nothing outside: to listen starts a thread of Deno's. */
async function settlesSoon(running: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  running.then(settle, settle);
  for (let turn = 0; turn < MOST_TURNS && !settled; turn += 1) {
    await null;
  }
  return settled;
}

function express(value: unknown): { text: string; problems: Problem[] } {
  if (unanswered() + loading > 0) {
    throw new NeverAwaited("a tool was called and its result never awaited, so the call may not have happened");
  }
  try {
    return toJson(value);
  } catch (thrown) {
    if (thrown instanceof Unawaited) {
      throw new NeverAwaited(`the value holds a promise at ${thrown.message}, which was never awaited`);
    }
    throw thrown;
  }
}

/** Leave a value that is too large for the host in the workspace, and throw. */
function fit(text: string, frame: Frame): void {
  if (text.length <= frame.max_value) {
    return;
  }
  const size = `the value takes ${text.length} characters of JSON, and the limit is ${frame.max_value}`;
  const name = `results/${frame.run}.json`;
  try {
    putText(name, text);
  } catch (error) {
    throw new ValueTooLarge(`${size}; it could not be kept either: ${error}`);
  }
  throw new ValueTooLarge(`${size}; it is kept whole in the workspace as ${name}`);
}

Object.defineProperties(globalThis, {
  [Symbol.for("underpass.callTool")]: { value: callTool },
  [Symbol.for("underpass.ToolError")]: { value: ToolError },
  // Generated modules load on first use, and say so here.
  [Symbol.for("underpass.loading")]: {
    value: (module: Promise<unknown>) => {
      loading += 1;
      const loaded = () => loading -= 1;
      module.then(loaded, loaded);
    },
  },
});
