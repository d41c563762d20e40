// Skills: the modules that come with a program, and the count of how it calls them.

import { send } from "./channel.ts";
import { errorFrom } from "./errors.ts";
import { isOver } from "./runs.ts";

/** A module; `place` stands for its address in those that come after it, and in the program. */
export interface SkillModule {
  place: string;
  code: string;
}

type Function = (...args: unknown[]) => unknown;

// deno-lint-ignore no-explicit-any
const { core } = (Deno as any)[(Deno as any).internal];
/** Whether code is at work for a skill: what a skill calls of itself or of others is its own affair. */
const inside = new core.AsyncVariable();
const now = performance.now.bind(performance);
const { Blob } = globalThis;
const addressOf = URL.createObjectURL.bind(URL);

const PLACE = /skills:\/\/[0-9a-f]{37}/g;
/** Calls of a run that the host is told of one by one: it then knows which was under way at its end. */
const EACH = 16;
/** In a session, a skill that is what it was keeps its module. */
const addresses = new Map<string, string>();
let told = 0;
let more = new Map<string, { ok: number; failed: number; milliseconds: number }>();

/** Return a program whose imports of skills lead to their modules, which are made here. */
export function withSkills(program: string, modules: SkillModule[]): string {
  const filled = (code: string) => code.replace(PLACE, (place) => addresses.get(place) ?? place);
  for (const { place, code } of modules) {
    if (!addresses.has(place)) {
      addresses.set(place, addressOf(new Blob([filled(code)], { type: "application/typescript" })));
    }
  }
  return filled(program);
}

/** Tell the host of calls that it was not told of; the next program's are counted from the start. */
export function finishUses(): void {
  for (const [key, { ok, failed, milliseconds }] of more) {
    tell(key, 0, ok, failed, milliseconds);
  }
  more = new Map();
  told = 0;
}

function tell(key: string, under_way: number, ok = 0, failed = 0, milliseconds = 0): void {
  send({ op: "use", key, under_way, ok, failed, milliseconds });
}

/** Return a function that does the same and is counted, as the skill that the host calls `key`. */
function counted(skill: unknown, key: string): unknown {
  if (typeof skill !== "function") {
    return skill;
  }
  const function_ = skill as Function;
  const call = function (this: unknown, ...args: unknown[]): unknown {
    return inside.get() || isOver() ? Reflect.apply(function_, this, args) : outermost(function_, key, this, args);
  };
  return Object.defineProperty(call, "name", { value: function_.name });
}

function outermost(skill: Function, key: string, self: unknown, args: unknown[]): unknown {
  const isTold = told < EACH;
  told += 1;
  if (isTold) {
    tell(key, 1);
  }
  const began = now();
  function end(ok: boolean): void {
    if (!isOver()) {
      note(key, ok, now() - began, isTold);
    }
  }
  const before = inside.enter(true);
  let made: unknown;
  try {
    made = Reflect.apply(skill, self, args);
  } catch (thrown) {
    end(false);
    throw thrown;
  } finally {
    core.setAsyncContext(before);
  }
  if (!(made instanceof Promise)) {
    end(true);
    return made;
  }
  return made.then((value) => {
    end(true);
    return value;
  }, (thrown) => {
    end(false);
    throw thrown;
  });
}

function note(key: string, ok: boolean, milliseconds: number, isTold: boolean): void {
  if (isTold) {
    tell(key, -1, Number(ok), Number(!ok), milliseconds);
    return;
  }
  const counts = more.get(key) ?? { ok: 0, failed: 0, milliseconds: 0 };
  counts[ok ? "ok" : "failed"] += 1;
  counts.milliseconds += milliseconds;
  more.set(key, counts);
}

Object.defineProperties(globalThis, {
  [Symbol.for("underpass.skill")]: { value: counted },
  [Symbol.for("underpass.skillError")]: {
    // With a stack of its own making, Deno would make another error of it where a module throws it.
    value: (type: string, message: string, hint: string) => errorFrom({ type, message, hint }),
  },
});
