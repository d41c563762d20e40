// The agent's files, as code in the sandbox sees them.

import { toJson } from "./values.ts";

const root = Deno.args[0];

/** Files that outlive the run. `Deno.readTextFileSync(workspace.path("data/x.csv"))` works. */
export const workspace = {
  /** Return the real path of `name`. Throws a `RangeError` where it leaves the workspace. */
  path(name = ""): string {
    if (name.startsWith("/") || name.split("/").includes("..")) {
      throw new RangeError(
        `${JSON.stringify(name)} leaves the workspace: give a path relative to it, without '..'`,
      );
    }
    return name === "" ? root : `${root}/${name}`;
  },

  /** Write a value: `.json` as JSON, text and bytes as they are; returns the path. */
  saveData(name: string, value: unknown): string {
    if (value instanceof Uint8Array) {
      return write(name, value);
    }
    if (typeof value === "string" && !name.endsWith(".json")) {
      return workspace.saveText(name, value);
    }
    const { text, problems } = toJson(value);
    if (problems.length > 0) {
      throw new TypeError(`it cannot be saved as JSON: at ${problems[0][0]}: ${problems[0][1]}`);
    }
    return workspace.saveText(name, text);
  },

  /** Write text as it is, whatever the name's ending; returns the path. */
  saveText(name: string, text: string): string {
    return write(name, new TextEncoder().encode(text));
  },

  /** Read what `saveData` wrote, or a run left in `results/`: JSON, text, else bytes. */
  // deno-lint-ignore no-explicit-any
  loadData(name: string): any {
    const raw = Deno.readFileSync(workspace.path(name));
    if (name.endsWith(".json")) {
      return JSON.parse(new TextDecoder().decode(raw));
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
    } catch {
      return raw;
    }
  },
};

function write(name: string, content: Uint8Array): string {
  const target = workspace.path(name);
  Deno.mkdirSync(target.slice(0, target.lastIndexOf("/")), { recursive: true });
  Deno.writeFileSync(target, content);
  return target;
}
