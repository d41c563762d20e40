// How a value is kept in a file, by the ending of the file's name: as for programs in Python.
//
// `.json` is one JSON value, `.jsonl` one for each line, `.csv` and `.tsv` a table with a header. Text and
// bytes are kept as they are. Other endings hold JSON.

import { toPlain } from "./values.ts";

const { parse, stringify } = JSON;
const { isArray } = Array;
const encoder = new TextEncoder();
const SEPARATORS = new Map([[".csv", ","], [".tsv", "\t"]]);
const LINES = [".jsonl", ".ndjson"];

type Row = Record<string, unknown> | unknown[];

/** Return what a file named `name` holds for `value`. Throws a `TypeError` where its format cannot express it. */
export function encode(name: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) {
    return value;
  }
  const ending = endingOf(name);
  if (ending === ".parquet") {
    throw new TypeError(`${stringify(name)}: only programs in Python write .parquet files; save as .jsonl`);
  }
  if (typeof value === "string" && ending !== ".json") {
    return encoder.encode(value);
  }
  const plain = plainOf(name, value);
  const separator = SEPARATORS.get(ending);
  if (LINES.includes(ending)) {
    return encoder.encode(rowsOf(name, plain).map((row) => `${stringify(row)}\n`).join(""));
  }
  return encoder.encode(separator === undefined ? stringify(plain) : table(name, plain, separator));
}

/** Return the value that a file named `name` holds: a table is an array of objects. */
// deno-lint-ignore no-explicit-any
export function decode(name: string, content: Uint8Array): any {
  const ending = endingOf(name);
  const separator = SEPARATORS.get(ending);
  if (ending === ".json") {
    return read(name, "JSON", () => parse(textOf(content)));
  }
  if (LINES.includes(ending)) {
    return read(name, "lines of JSON", () => textOf(content).split("\n").filter((line) => line.trim()).map((line) => parse(line)));
  }
  if (separator !== undefined) {
    return read(name, "table", () => records(textOf(content), separator));
  }
  if (ending === ".parquet") {
    throw new TypeError(`${stringify(name)}: only programs in Python read .parquet files`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return content;
  }
}

function endingOf(name: string): string {
  return /[^/](\.[^./]+)$/.exec(name)?.[1].toLowerCase() ?? "";
}

function read<Value>(name: string, what: string, reading: () => Value): Value {
  try {
    return reading();
  } catch (error) {
    throw new SyntaxError(`${stringify(name)} is no ${what}: ${(error as Error).message}`);
  }
}

function textOf(content: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(content);
}

function plainOf(name: string, value: unknown): unknown {
  const { plain, problems } = toPlain(value);
  if (problems.length > 0) {
    const [path, reason] = problems[0];
    throw new TypeError(`the value cannot be saved as ${stringify(name)}: at ${path}: ${reason}`);
  }
  return plain;
}

function rowsOf(name: string, plain: unknown): unknown[] {
  if (!isArray(plain)) {
    throw new TypeError(`${stringify(name)} holds rows: give an array`);
  }
  return plain;
}

function table(name: string, plain: unknown, separator: string): string {
  const rows = rowsOf(name, plain).map((row) => {
    if (typeof row !== "object" || row === null) {
      throw new TypeError(`a row of ${stringify(name)} is an object or an array, and not ${stringify(row).slice(0, 80)}`);
    }
    return row as Row;
  });
  const columns = [...new Set(rows.flatMap((row) => isArray(row) ? [] : Object.keys(row)))];
  const lines = rows.map((row) => isArray(row) ? row : columns.map((column) => row[column]));
  const all = columns.length > 0 ? [columns, ...lines] : lines;
  return all.map((cells) => `${cells.map((cell) => quoted(cell, separator)).join(separator)}\n`).join("");
}

function quoted(cell: unknown, separator: string): string {
  const text = cell === null || cell === undefined ? "" : typeof cell === "string" ? cell : stringify(cell);
  return /["\r\n]/.test(text) || text.includes(separator) ? `"${text.replaceAll('"', '""')}"` : text;
}

function records(text: string, separator: string): Record<string, string>[] {
  const [header, ...rows] = cellsOf(text, separator).filter((row) => row.length > 1 || row[0] !== "");
  return rows.map((row, at) => {
    if (row.length > header.length) {
      throw new Error(`row ${at + 2} has ${row.length} cells, and the header ${header.length}`);
    }
    return Object.fromEntries(header.map((column, place) => [column, row[place] ?? ""]));
  });
}

/** The cells of each row: separated, and in quotes where they hold a separator, a quote or the end of a line. */
function cellsOf(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}\\r\\n]*))(${separator}|\\r\\n|\\n|\\r|$)`, "y");
  let row: string[] = [];
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex;
    const found = cell.exec(text);
    if (found === null) {
      throw new Error(`at character ${at}: a quote that does not end, or text after it`);
    }
    row.push(found[1]?.replaceAll('""', '"') ?? found[2]);
    if (found[3] !== separator) {
      rows.push(row);
      row = [];
    } else if (cell.lastIndex === text.length) {
      rows.push([...row, ""]);
    }
  }
  return rows;
}
