// The names that the programs of a session declare: properties of the global object, where later programs find them.

const { defineProperty } = Object;
/** Begins the name of what Deno has as well. */
const OWN = "__own_";

function keep(name: PropertyKey, value: unknown, writable: boolean): boolean {
  // As it may have been declared before, in another way.
  return defineProperty(globalThis, name, { value, writable, enumerable: true, configurable: true }) !== null;
}

function keeping(take: (name: string, value: unknown) => boolean): object {
  return new Proxy({}, { set: (_, name, value) => take(name as string, value) });
}

/** What a program's declarations are made to do; a program is given it. */
export const names = {
  let: keeping((name, value) => keep(name, value, true)),
  const: keeping((name, value) => keep(name, value, false)),

  /** A function or class that the program itself calls otherwise. */
  function: keeping((name, value) => {
    const shown = name.startsWith(OWN) ? name.slice(OWN.length) : name;
    defineProperty(value, "name", { value: shown, configurable: true });
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
