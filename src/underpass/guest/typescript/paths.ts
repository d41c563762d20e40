// Names of files in a workspace, and what is wrong with those that are none: as for programs in Python.

const LONGEST_PART = 255;
const LONGEST = 1_024;
const UNSHOWN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const bytes = (text: string) => new TextEncoder().encode(text).length;

/** Where the workspace is. */
const root = Deno.args[0];

/** Return the real path of `name`, with links followed. Throws a `RangeError` where it leaves the workspace. */
export function inside(name: string): string {
  check(name);
  const top = Deno.realPathSync(root);
  const path = real(top, name.split("/").filter((part) => part !== "" && part !== "."));
  if (path !== top && !path.startsWith(`${top}/`)) {
    throw new RangeError(`${JSON.stringify(name)} leaves the workspace by a link`);
  }
  return path;
}

/** Return a name. Throws a `RangeError` where it is no file's. */
export function check(name: string): string {
  const fault = typeof name === "string" ? faultOf(name) : "is no text";
  if (fault !== "") {
    throw new RangeError(`${JSON.stringify(name)?.slice(0, 100)} ${fault}`);
  }
  return name;
}

function faultOf(name: string): string {
  const hidden = UNSHOWN.exec(name);
  if (hidden !== null) {
    return `holds ${JSON.stringify(hidden[0])}, which no name may`;
  }
  const parts = name.split("/");
  if (name.startsWith("/") || parts.includes("..")) {
    return "leaves the workspace: give a path relative to it, without '..'";
  }
  const plain = name.normalize("NFKC").split("/");
  if (plain.length !== parts.length || plain.includes("..")) {
    return "looks like another path: write it in plain letters";
  }
  if (bytes(name) >= LONGEST || parts.some((part) => bytes(part) > LONGEST_PART)) {
    return `is too long: a name has at most ${LONGEST_PART} bytes, and a path ${LONGEST}`;
  }
  return "";
}

/** The real path of what is there, and below it the parts that are not there yet. */
function real(top: string, parts: string[]): string {
  for (let known = parts.length; known > 0; known -= 1) {
    const path = [top, ...parts.slice(0, known)].join("/");
    if (exists(path)) {
      try {
        return [Deno.realPathSync(path), ...parts.slice(known)].join("/");
      } catch {
        return ""; // a link that leads nowhere, or where we may not look
      }
    }
  }
  return [top, ...parts].join("/");
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Refuse a new file or folder whose name differs from another's in case alone.
 *
 * Other systems take the two for one, and would lose one of them. Throws a `RangeError`.
 */
export function refuseTwin(path: string): void {
  let folder = Deno.realPathSync(root);
  for (const part of path.slice(folder.length + 1).split("/")) {
    if (!exists(`${folder}/${part}`)) {
      const fold = part.toLowerCase();
      const twin = [...Deno.readDirSync(folder)].find((entry) => entry.name.toLowerCase() === fold);
      if (twin !== undefined) {
        throw new RangeError(`'${part}' differs from '${twin.name}', which is there, in case alone`);
      }
      return;
    }
    folder = `${folder}/${part}`;
  }
}
