// Which run the code at work belongs to: in a session, promises and timers of earlier runs may still be there.

import { ToolError } from "./errors.ts";

// deno-lint-ignore no-explicit-any
const { core } = (Deno as any)[(Deno as any).internal];
/** Follows code through whatever it awaits or leaves for later. */
const variable = new core.AsyncVariable();
let current = 0;
let goesOn = false;

/** Begin a run. */
export function begin(): void {
  current += 1;
  goesOn = true;
}

/** End the run: what is left of it can neither ask nor print any more. */
export function end(): void {
  goesOn = false;
}

/** Do something that belongs to the run that goes on, with all that comes of it. */
export function enter<T>(work: () => T): T {
  const before = variable.enter(current);
  try {
    return work();
  } finally {
    core.setAsyncContext(before);
  }
}

/** Whether the run that this code belongs to is over. */
export function isOver(): boolean {
  const own = variable.get();
  return !goesOn || (own !== undefined && own !== current);
}

/** What is thrown where code of a run that is over asks for something. */
export function over(what: string): ToolError {
  return new ToolError(`the run that this belongs to is over: ${what}`, "await it in the run that begins it");
}

/** Let no timer of a run that is over fail another: what is thrown in one reaches nobody who could tell whose it is. */
export function guardTimers(): void {
  const scope = globalThis as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) {
    scope[name] = new Proxy(scope[name], {
      apply: (start, self, [callback, ...more]) => Reflect.apply(start, self, [guarded(callback), ...more]),
    });
  }
}

function guarded(callback: unknown): unknown {
  return typeof callback !== "function" ? callback : function (this: unknown, ...args: unknown[]): unknown {
    try {
      return Reflect.apply(callback, this, args);
    } catch (thrown) {
      if (!isOver()) {
        throw thrown;
      }
    }
  };
}
