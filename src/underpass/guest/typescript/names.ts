// The names that the programs of a session declare: properties of the global object, where later programs find them.

const { defineProperty, getOwnPropertyDescriptor } = Object;
/** Begins the name of what Deno has as well. */
const OWN = "__own_";

function keep(name: PropertyKey, value: unknown, writable: boolean): boolean {
  // As it may have been declared before, in another way.
  return defineProperty(globalThis, name, { value, writable, enumerable: true, configurable: true }) !== null;
}

/** Let a function, or a class, have the name that it is declared with, where it has none of its own making. */
function call(value: unknown, name: string, always: boolean): void {
  if (typeof value === "function") {
    const own = getOwnPropertyDescriptor(value, "name");
    if (own?.writable === false && (always || own.value === "")) {
      defineProperty(value, "name", { value: name.startsWith(OWN) ? name.slice(OWN.length) : name });
    }
  }
}

function keeping(take: (name: string, value: unknown) => boolean): object {
  return new Proxy({}, { set: (_, name, value) => take(name as string, value) });
}

/** What a program's declarations are made to do; a program is given it. */
export const names = {
  let: keeping((name, value) => {
    call(value, name, false);
    return keep(name, value, true);
  }),
  const: keeping((name, value) => {
    call(value, name, false);
    return keep(name, value, false);
  }),
  /** A function or class that the program itself may call otherwise. */
  function: keeping((name, value) => {
    call(value, name, true);
    return keep(name, value, true);
  }),

  /** A `var` is there from the beginning, and keeps the value that it has. */
  variable(name: string): void {
    if (!(name in globalThis)) {
      keep(name, undefined, true);
    }
  },

  /** Until a program declares it, the other name of what Deno has stands for that. */
  shadow(name: string): void {
    if (!(OWN + name in globalThis)) {
      keep(OWN + name, (globalThis as Record<string, unknown>)[name], true);
    }
  },

  /** Names that are imported for later programs; where they are types, nothing is there. */
  imported(module: Record<string, unknown>, wanted: Record<string, string>): void {
    for (const [name, exported] of Object.entries(wanted)) {
      if (exported in module) {
        keep(name, module[exported], false);
      }
    }
  },
};
