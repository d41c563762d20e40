// Small helpers for arrays of objects, as tools give them: what Python programs have in `mcp_runtime.data`.
//
// Each takes rows: an array of objects (anything else in it counts as `{ value: it }`; null is no rows). A
// column is a key, or a path of keys: "user.login". A missing key counts as null. Texts, numbers and the rest
// may be mixed in a column: numbers come first, then texts; NaN, infinities and booleans are no numbers.

// deno-lint-ignore-file no-explicit-any
/** Rows as tools give them. */
export type Rows = Iterable<any> | null | undefined;
type Row = Record<string, any>;

const MISSING = Symbol("missing");
/** Values that a summary names. */
const COMMON = 3;
/** Levels of a value that are shown. */
const DEPTH = 50;

/** The facts of one column; those that its values have. */
export interface ColumnSummary {
  /** How many values of each type. */
  types: Record<string, number>;
  /** Rows without the key. */
  missing: number;
  distinct: number;
  min?: number | string;
  max?: number | string;
  mean?: number;
  sum?: number;
  /** The most frequent texts. */
  common?: { value: string; count: number }[];
}

/**
 * Return rows as a Markdown table: what to print or return in place of the rows.
 *
 * `columns` says which, in order, by default all that occur; `limit` how many rows (the last line says how
 * many more there are), and `width` how many characters a cell may have.
 */
export function table(
  rows: Rows,
  { columns, limit = 20, width = 60 }: { columns?: string[]; limit?: number; width?: number } = {},
): string {
  const every = rowsOf(rows);
  const names = columns ?? columnsOf(every);
  if (names.length === 0) {
    return every.length > 0 ? `(${every.length} rows without columns)` : "(no rows)";
  }
  const shown = every.slice(0, Math.max(limit, 0));
  const lines = [
    names.map((name) => fitted(name, width)),
    names.map(() => "---"),
    ...shown.map((row) => names.map((name) => fitted(textOf(valueOf(row, name)), width))),
  ];
  const text = lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  return shown.length === every.length ? text : `${text}\n… ${every.length - shown.length} more rows`;
}

/** Return `rows`, their number, and `columns`, with the facts of each. */
export function summarize(rows: Rows): { rows: number; columns: Record<string, ColumnSummary> } {
  const every = rowsOf(rows);
  const columns = columnsOf(every).map((name) => [name, summary(every, name)] as const);
  return { rows: every.length, columns: Object.fromEntries(columns) };
}

/**
 * Return one object for each value of a column, or of several together, the most frequent first.
 *
 * It has the value, `count`, and what is asked for: `group(rows, "state", { sum: "size" })` gives
 * `{ state: "open", count: 3, sum_size: 12 }`. Only numbers are added up; a group without any has null.
 */
export function group(
  rows: Rows,
  by: string | string[],
  aggregates: Partial<Record<"sum" | "mean" | "min" | "max", string | string[]>> = {},
): Record<string, any>[] {
  const names = [by].flat();
  const wanted = (["sum", "mean", "min", "max"] as const).flatMap((how) =>
    [aggregates[how] ?? []].flat().map((name) => [how, name] as const)
  );
  const groups = new Map<string, Row[]>();
  for (const row of rowsOf(rows)) {
    const key = jsonOf(names.map((name) => keyOf(valueOf(row, name))), 0);
    const members = groups.get(key);
    if (members === undefined) {
      groups.set(key, [row]);
    } else {
      members.push(row);
    }
  }
  return [...groups.values()].sort((left, right) => right.length - left.length).map((members) =>
    Object.fromEntries([
      ...names.map((name) => [name, plainOf(valueOf(members[0], name))]),
      ["count", members.length],
      ...wanted.map(([how, name]) => [`${how}_${name}`, aggregate(how, members.map((row) => valueOf(row, name)))]),
    ])
  );
}

/**
 * Return the `n` rows with the largest (or `smallest`) values of a column, in order.
 *
 * Rows of the same value stay in their order; those without a number or a text there are left out.
 */
export function top<T>(
  rows: Iterable<T> | null | undefined,
  by = "value",
  n = 10,
  { smallest = false }: { smallest?: boolean } = {},
): T[] {
  const pairs = itemsOf(rows).map((item) => [valueOf(rowOf(item), by), item] as const);
  const sign = smallest ? 1 : -1;
  const ordered = [isNumber, isText].flatMap((kind) =>
    pairs.filter(([value]) => kind(value)).sort(([left], [right]) => sign * compare(left, right))
  );
  return ordered.slice(0, Math.max(n, 0)).map(([, item]) => item);
}

/** Return items in arrays of `size`, the last one of what is left. Throws a `RangeError` below 1. */
export function chunked<T>(items: Iterable<T> | null | undefined, size = 100): T[][] {
  if (!(size >= 1)) {
    throw new RangeError(`size: ${size} is less than 1`);
  }
  const every = itemsOf(items);
  const chunks: T[][] = [];
  for (let at = 0; at < every.length; at += size) {
    chunks.push(every.slice(at, at + size));
  }
  return chunks;
}

function itemsOf(rows: any): any[] {
  if (rows === null || rows === undefined) {
    return [];
  }
  if (typeof rows !== "object") {
    throw new TypeError(`rows are an array of objects, and not a ${typeof rows}`);
  }
  if (typeof rows[Symbol.iterator] !== "function" || rows instanceof Map) {
    const lists = Object.keys(rows).filter((key) => Array.isArray(rows[key])).slice(0, 5).map((key) => `'${key}'`);
    const hint = lists.length > 0 ? `; an array in it is under ${lists.join(", ")}` : "";
    throw new TypeError(`rows are an array of objects, and this is one object${hint}`);
  }
  return [...rows];
}

function rowsOf(rows: Rows): Row[] {
  return itemsOf(rows).map(rowOf);
}

function isRecord(value: any): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function rowOf(item: any): Row {
  return isRecord(item) ? item : { value: item };
}

function columnsOf(rows: Row[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** The value of a column, or the mark of a missing one. */
function valueOf(row: Row, column: string): any {
  if (Object.hasOwn(row, column)) {
    return row[column];
  }
  let value: any = row;
  for (const part of String(column).split(".")) {
    if (!isRecord(value) || !Object.hasOwn(value, part)) {
      return MISSING;
    }
    value = value[part];
  }
  return value;
}

function plainOf(value: any): any {
  const nothing = value === MISSING || value === undefined || (typeof value === "number" && !Number.isFinite(value));
  return nothing ? null : value;
}

function isNumber(value: any): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function isText(value: any): boolean {
  return typeof value === "string";
}

function typeOf(value: any): string {
  if (plainOf(value) === null) {
    return "null";
  }
  if (typeof value === "boolean" || isNumber(value)) {
    return typeof value;
  }
  return Array.isArray(value) ? "array" : isRecord(value) ? "object" : "string";
}

/** Texts by their characters, as Python has it. */
function compare(left: any, right: any): number {
  if (typeof left === "number") {
    return left - right;
  }
  const [ours, theirs] = [[...left], [...right]];
  for (let at = 0; at < Math.min(ours.length, theirs.length); at += 1) {
    if (ours[at] !== theirs[at]) {
      return ours[at].codePointAt(0)! - theirs[at].codePointAt(0)!;
    }
  }
  return ours.length - theirs.length;
}

function extreme(values: any[], sign: number): any {
  return values.reduce((best, value) => sign * compare(value, best) > 0 ? value : best);
}

function counted(keys: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) {
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function summary(rows: Row[], name: string): ColumnSummary {
  const values = rows.filter((row) => Object.hasOwn(row, name)).map((row) => row[name]);
  const numbers = values.filter(isNumber);
  const texts: string[] = values.filter(isText);
  const facts: ColumnSummary = {
    types: Object.fromEntries(counted(values.map(typeOf))),
    missing: rows.length - values.length,
    distinct: new Set(values.map(keyOf)).size,
  };
  const ordered = numbers.length > 0 ? numbers : texts;
  if (ordered.length > 0) {
    Object.assign(facts, { min: extreme(ordered, -1), max: extreme(ordered, 1) });
  }
  if (numbers.length > 0) {
    Object.assign(facts, { mean: aggregate("mean", numbers), sum: aggregate("sum", numbers) });
  } else if (texts.length > 0) {
    const often = [...counted(texts)].sort(([, left], [, right]) => right - left).slice(0, COMMON);
    facts.common = often.filter(([, count]) => count > 1).map(([value, count]) => ({ value, count }));
  }
  return facts;
}

function aggregate(how: "sum" | "mean" | "min" | "max", values: any[]): any {
  const numbers = values.filter(isNumber);
  if (how === "min" || how === "max") {
    const ordered = numbers.length > 0 ? numbers : values.filter(isText);
    return ordered.length === 0 ? null : extreme(ordered, how === "min" ? -1 : 1);
  }
  if (numbers.length === 0) {
    return null;
  }
  const total = numbers.reduce((sum, number) => sum + number, 0);
  return how === "sum" ? total : total / numbers.length;
}

/** What equal values have in common. */
function keyOf(value: any): string {
  return jsonOf(plainOf(value), 0);
}

function textOf(value: any): string {
  const plain = plainOf(value);
  return plain === null ? "" : typeof plain === "string" ? plain : jsonOf(plain, 0);
}

function fitted(text: string, width: number): string {
  const line = text.replaceAll("|", "\\|").replace(/[\r\n]/g, " ");
  const most = Math.max(width, 1);
  const letters = [...line];
  return letters.length <= most ? line : `${letters.slice(0, most - 1).join("")}…`;
}

function jsonOf(value: any, depth: number): string {
  if (depth > DEPTH) {
    return '"…"';
  }
  if (Array.isArray(value)) {
    return `[${value.map((item) => jsonOf(item, depth + 1)).join(",")}]`;
  }
  if (isRecord(value)) {
    const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${jsonOf(item, depth + 1)}`);
    return `{${pairs.join(",")}}`;
  }
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") {
    return JSON.stringify(String(value));
  }
  return JSON.stringify(value) ?? "null";
}
