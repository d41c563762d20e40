// The agent's files, as code in the sandbox sees them.

import { ask } from "./channel.ts";
import { WorkspaceFull } from "./errors.ts";
import { decode, encode } from "./formats.ts";
import { check, inside, refuseTwin } from "./paths.ts";

/** Begins the name of a file that is being written. */
const UNFINISHED = ".saving-";
let left = { bytes: 0, files: 0 };
let saved = 0;

/** Files that outlive the run. `Deno.readTextFileSync(workspace.path("data/x.csv"))` works. */
export const workspace = {
  /** Return the real path of `name`. Throws a `RangeError` where it leaves the workspace. */
  path(name = ""): string {
    return inside(name);
  },

  /**
   * Write a value in the format that the name's ending says, whole or not at all; resolves to the path.
   *
   * `.json`, `.jsonl`, `.csv`, `.tsv`; text and bytes as they are. Throws a `RangeError` where the name leaves
   * the workspace, a `TypeError` where the format cannot express the value, and `WorkspaceFull`.
   */
  async saveData(name: string, value: unknown): Promise<string> {
    return await save(name, encode(name, value));
  },

  /** Write text as it is, whatever the name's ending; resolves to the path. Throws as `saveData`. */
  async saveText(name: string, text: string): Promise<string> {
    return await save(name, new TextEncoder().encode(text));
  },

  /**
   * Read what `saveData` wrote, or a run left in `results/`. A table is an array of objects.
   *
   * Throws `Deno.errors.NotFound`, and a `SyntaxError` where the content is not what the name's ending says.
   */
  // deno-lint-ignore no-explicit-any require-await
  async loadData(name: string): Promise<any> {
    return decode(name, Deno.readFileSync(inside(name)));
  },

  /** Return the names of all files below a folder, sorted. Throws `Deno.errors.NotFound` where there is none. */
  // deno-lint-ignore require-await
  async list(folder = ""): Promise<string[]> {
    const top = inside("");
    return below(inside(folder)).map((path) => path.slice(top.length + 1)).filter(canBeRead).sort();
  },

  /** Delete a file, or a folder with all that is in it. Throws `Deno.errors.NotFound` where there is none. */
  // deno-lint-ignore require-await
  async delete(name: string): Promise<void> {
    const parts = check(name).split("/").filter((part) => part !== "" && part !== ".");
    const last = parts.pop();
    if (last === undefined) {
      throw new RangeError(`${JSON.stringify(name)} is the workspace itself: name what is in it`);
    }
    // A link goes itself, and not what it leads to.
    Deno.removeSync(`${inside(parts.join("/"))}/${last}`, { recursive: true });
  },

  /**
   * Keep all files as they are now, under a name. A name in use stands for the new state then. Throws a
   * `ToolError` where they cannot be kept, and `WorkspaceFull` where too much is kept already.
   */
  async checkpoint(name: string): Promise<{ name: string; created: string; files: number; bytes: number }> {
    return await state("workspace_checkpoint", { name }) as never;
  },

  /**
   * Make all files what they were at a checkpoint. What they are now is kept first: `before` names it, and
   * `changes` counts what differed. Throws a `ToolError`.
   */
  async restore(name: string): Promise<{ changes: number; before: string | null }> {
    return await state("workspace_restore", { name }) as never;
  },

  /** Return the checkpoints, the oldest first. */
  async checkpoints(): Promise<{ name: string; created: string; files: number; bytes: number }[]> {
    return await state("workspace_checkpoints", {}) as never;
  },
};

async function state(what: string, arguments_: Record<string, unknown>): Promise<unknown> {
  forgetRoom(); // what is there by now is not what there was room for
  return await ask({ op: "ask", what, arguments: arguments_ });
}

/** Forget what there was room for: it was said to another run. */
export function forgetRoom(): void {
  left = { bytes: 0, files: 0 };
}

/** Write text without asking for room: what the host bounds by other means. */
export function putText(name: string, text: string): void {
  write(inside(name), new TextEncoder().encode(text), true);
}

async function save(name: string, content: Uint8Array): Promise<string> {
  const path = inside(name);
  const known = statusOf(path);
  if (known?.isDirectory) {
    throw new Deno.errors.IsADirectory(`${JSON.stringify(name)}: a folder has that name`);
  }
  refuseTwin(path);
  const before = known?.isFile ? known.size : 0;
  // The old file stays until the new one is whole, where there is room for both.
  const whole = await reserve(content.length, Math.max(content.length - before, 0)) || before === 0;
  try {
    write(path, content, whole);
  } catch (error) {
    if (/os error 27\b/.test(String(error))) {
      throw new WorkspaceFull(`${JSON.stringify(name)} has no room for ${content.length} bytes`);
    }
    throw error;
  }
  return path;
}

/** Ask the host for room where what it said last may not be enough; returns whether `size` fits as well. */
async function reserve(size: number, growth: number): Promise<boolean> {
  if (growth > left.bytes || left.files < 1) {
    left = await ask({ op: "ask", what: "workspace_room", arguments: { size, growth } }) as typeof left;
  }
  const fits = size <= left.bytes;
  left = { bytes: left.bytes - growth, files: left.files - 1 };
  return fits;
}

function write(path: string, content: Uint8Array, whole: boolean): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  Deno.mkdirSync(folder, { recursive: true });
  if (!whole) {
    Deno.writeFileSync(path, content);
    return;
  }
  const unfinished = begin(folder);
  try {
    Deno.writeFileSync(unfinished, content);
    Deno.renameSync(unfinished, path);
  } catch (error) {
    Deno.removeSync(unfinished);
    throw error;
  }
}

/** Make an empty file that no other program writes to, and return its path. */
function begin(folder: string): string {
  for (;;) {
    saved += 1;
    const path = `${folder}/${UNFINISHED}${performance.now().toString(36)}-${saved}`;
    try {
      Deno.openSync(path, { write: true, createNew: true }).close();
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) {
        throw error;
      }
    }
  }
}

function statusOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}

function below(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory ? below(path) : entry.name.startsWith(UNFINISHED) ? [] : [path];
  });
}

function canBeRead(name: string): boolean {
  try {
    return statusOf(inside(name))?.isFile === true;
  } catch {
    return false; // a link that leads outside, or a name that nobody can give
  }
}
