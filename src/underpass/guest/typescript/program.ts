// One program that the host sends, or in a session one after the other: each is run, and answered with its value or
// its error.

import {
  abandon,
  isListening,
  listen,
  nextProgram,
  onTimeout,
  receive,
  sendText,
  unanswered,
} from "./channel.ts";
import {
  describe,
  describeTimeout,
  NeverAwaited,
  type Place,
  type Shift,
  type Text,
  Unclear,
  ValueTooLarge,
} from "./failures.ts";
import { names } from "./names.ts";
import { flush, install } from "./output.ts";
import { begin, end, enter, guardTimers, isOver } from "./runs.ts";
import { callTool, ToolError, workspace } from "./runtime.ts";
import { forgetRoom, putText } from "./workspace.ts";
import { finishUses, type SkillModule, withSkills } from "./skills.ts";
import { type Problem, toJson, Unawaited } from "./values.ts";
import { guardWorkers } from "./workers.ts";

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
  /** The skills that it imports, where it imports any. */
  skills?: SkillModule[];
  /** Where the lines of `code` are not what the program's author wrote. */
  shifts: Shift[];
  /** What to subtract from the system's time, to have it as the host counts it. */
  epoch: number;
  /** Whether others follow, which find the names of this one. */
  session?: boolean;
  /** In a session, the line of a program whose names cannot be found; null where they can. */
  unclear?: number | null;
}

/** In a session it is given what keeps its names. */
type Program = (kept?: typeof names) => Promise<unknown>;

const exit = Deno.exit.bind(Deno);
const { stringify, parse } = JSON;
const now = performance.now.bind(performance);
const { Blob } = globalThis;
const addressOf = URL.createObjectURL.bind(URL);
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
/** Generated modules on their way, for the run that goes on. */
let loading = new Set<Promise<unknown>>();
/** The programs that ran here before, in a session. */
const earlier: Text[] = [];
/** Fails the run that goes on. */
let failRun: (thrown: unknown) => void = () => {};

/** Make ready whatever does not depend on the program. */
export async function prepare(): Promise<void> {
  install();
  guardWorkers();
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

/** Wait for the host's program, and run it; in a session one after the other. */
export async function serve(): Promise<void> {
  next(); // the agent's name: its workspace is there now
  let frame = parse(next()) as Frame;
  Deno.chdir(workspace.path());
  globalThis.addEventListener("unhandledrejection", (event) => failBy(event, event.reason));
  globalThis.addEventListener("error", (event) => failBy(event, event.error));
  if (frame.session) {
    guardTimers();
  }
  await run(frame);
  while (frame.session) {
    frame = parse(await nextProgram() ?? exit(0)) as Frame;
    await run(frame);
  }
}

/** Nobody caught it, so it is the run's error; what earlier runs left behind is nobody's. */
function failBy(event: Event, thrown: unknown): void {
  event.preventDefault();
  if (!isOver()) {
    failRun(thrown);
  }
}

function moduleOf(code: string): string {
  return addressOf(new Blob([code], { type: "application/typescript" }));
}

/** Return a plain program's function; null where the parser of modules is to say why there is none. */
function compiled(code: string, url: string): Program | null {
  try {
    return evaluate(`${SCRIPT}${code.slice(EXPORT.length)})\n//# sourceURL=${url}`);
  } catch {
    return null;
  }
}

function next(): string {
  return receive() ?? exit(0);
}

async function run(frame: Frame): Promise<void> {
  const { filename, servers, shifts, session } = frame;
  begin();
  loading = new Set();
  forgetRoom();
  const script = earlier.length === 0 ? PLAIN : `${PLAIN}-${earlier.length + 1}`;
  // A module's way through the loader takes longer than most programs.
  const plain = frame.plain ? compiled(frame.code, script) : null;
  const url = plain === null ? moduleOf(frame.skills ? withSkills(frame.code, frame.skills) : frame.code) : script;
  const place: Place = { url, filename, workspace: workspace.path(), servers, shifts, earlier };
  let started = 0;
  let said = false;
  const ended = Promise.withResolvers<void>();

  /** Say the last word. A process for one program then waits for its end: the host brings it. */
  function finish(answer: object, value: string): void {
    if (!said) {
      said = true;
      flush();
      finishUses();
      const head = stringify({ op: "done", started: started + 1e-9, ...answer });
      sendText(`${head.slice(0, -1)},"value":${value}}`);
      end();
    }
    if (!session) {
      while (receive() !== null);
      exit(0);
    }
    ended.resolve();
  }

  function fail(thrown: unknown): void {
    // What a program throws to leave, or what it does then, is not its error.
    if (!said) {
      finish({ error: describe(thrown, place) }, "null");
    }
  }

  function leave(code?: number): never {
    if (code) {
      fail(new Error(`the program ended itself with status ${code}`));
    } else {
      finish({}, "null");
    }
    throw new Left();
  }

  async function work(): Promise<void> {
    const program: Program = plain ?? (await import(url)).default;
    if (frame.unclear) {
      throw new Unclear(`the names of this program cannot be kept: line ${frame.unclear} is not understood`);
    }
    started = (performance.timeOrigin + now()) / 1_000 - frame.epoch;
    const running = session ? program(names) : program();
    if (!isListening() && !await settlesSoon(running)) {
      listen();
    }
    const value = await running;
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      await null;
    }
    if (!said) {
      const { text, problems } = express(value);
      fit(text, frame);
      finish(problems.length > 0 ? { problems } : {}, text);
    }
  }

  Deno.exit = leave;
  failRun = fail;
  onTimeout(() => finish({ error: describeTimeout(place) }, "null"));
  // It also keeps a program alive that waits for what never comes; the host knows how long. No timer
  // does it: the first use of any costs Deno half of what its start does.
  if (plain === null && !isListening()) {
    listen();
  }
  enter(work).catch(fail);
  await ended.promise;
  failRun = () => {};
  onTimeout(() => {});
  abandon();
  earlier.push({ url, filename, shifts });
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

/** Unwinds a program that ends itself. */
class Left extends Error {}

function express(value: unknown): { text: string; problems: Problem[] } {
  if (unanswered() + loading.size > 0) {
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
      const those = loading.add(module);
      const loaded = () => those.delete(module);
      module.then(loaded, loaded);
    },
  },
});
