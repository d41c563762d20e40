// What earlier runs left whole, because it was too large for an answer.

import { ResultNotFound } from "./errors.ts";
import { decode } from "./formats.ts";
import { inside } from "./paths.ts";

const FOLDER = "results/";
/** Handles that a hint names. */
const NAMED = 5;

/**
 * Return the whole value of an earlier run, by the handle that stood in its place.
 *
 * Throws `ResultNotFound` where no result of this agent has that handle, or it cannot be read.
 */
// deno-lint-ignore no-explicit-any require-await
export async function loadResult(handle: string): Promise<any> {
  const name = typeof handle === "string" && handle.startsWith(FOLDER) ? handle.slice(FOLDER.length) : "";
  const shown = (JSON.stringify(handle) ?? String(handle)).slice(0, 300);
  if (name === "" || name.includes("/")) {
    throw new ResultNotFound(`${shown} is no handle of a result`, hint(), { handle: String(handle).slice(0, 100) });
  }
  try {
    return decode(handle, Deno.readFileSync(inside(handle)));
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const problem = missing
      ? `this agent has no result ${shown}`
      : `the result cannot be read: ${error instanceof Error ? error.message : error}`;
    throw new ResultNotFound(problem, hint(), { handle });
  }
}

function hint(): string {
  const found: [modified: number, name: string][] = [];
  try {
    const folder = inside(FOLDER);
    for (const entry of Deno.readDirSync(folder)) {
      if (entry.isFile) {
        found.push([Deno.statSync(`${folder}/${entry.name}`).mtime?.getTime() ?? 0, entry.name]);
      }
    }
  } catch {
    // A folder that cannot be read has no results.
  }
  if (found.length === 0) {
    return "a value that is too large for an answer comes with a handle; there is none yet";
  }
  found.sort(([left], [right]) => right - left);
  return `the newest are ${found.slice(0, NAMED).map(([, name]) => FOLDER + name).join(", ")}`;
}
