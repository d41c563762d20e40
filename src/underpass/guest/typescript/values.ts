// From a program's value to JSON: what converts, and what to say of what does not.
//
// Converted without loss of meaning: dates, maps, sets, typed arrays, bytes, bigints, errors, and
// whatever has a `toJSON`. Anything else becomes a *problem*: the value is given all the same, with
// that part replaced, and the run says where and what.

const { isArray } = Array;
const { getPrototypeOf, keys } = Object;
const { stringify } = JSON;
const { inspect } = Deno;
// deno-lint-ignore no-explicit-any
const rawJson: (text: string) => unknown = (JSON as any).rawJSON;

const MOST_LEVELS = 200;
const MOST_PROBLEMS = 5;
const MOST_DIGITS = 4_000;
const SHOWN = 200;

/** A place in a value, and why it cannot be expressed as JSON. */
export type Problem = [path: string, reason: string];

/** A promise is part of the value: a call was not awaited. */
export class Unawaited extends Error {}

/** Return `value` as JSON values, and the problems met. Throws `Unawaited`. */
export function toPlain(value: unknown): { plain: unknown; problems: Problem[] } {
  const conversion = new Conversion();
  const plain = conversion.convert(value, "$");
  return { plain, problems: conversion.problems };
}

/** Return `value` as JSON text, and the problems met. Throws `Unawaited`. */
export function toJson(value: unknown): { text: string; problems: Problem[] } {
  const { plain, problems } = toPlain(value);
  return { text: stringify(plain), problems };
}

class Conversion {
  problems: Problem[] = [];
  #open = new Map<object, string>();

  convert(value: unknown, path: string): unknown {
    switch (typeof value) {
      case "string":
        return this.#text(value, path);
      case "number":
        return this.#number(value, path);
      case "boolean":
        return value;
      case "undefined":
        return null;
      case "bigint":
        return this.#bigint(value, path);
      case "function":
      case "symbol":
        this.#problem(path, `a ${typeof value} cannot be expressed as JSON`);
        return shown(value);
    }
    if (value === null) {
      return null;
    }
    const object = value as object;
    const first = this.#open.get(object);
    if (first !== undefined) {
      this.#problem(path, `it contains itself: the same object as ${first}`);
      return `<the same object as ${first}>`;
    }
    if (this.#open.size >= MOST_LEVELS) {
      this.#problem(path, `it is nested more than ${MOST_LEVELS} levels deep`);
      return shown(value);
    }
    this.#open.set(object, path);
    try {
      return this.#object(object, path);
    } finally {
      this.#open.delete(object);
    }
  }

  #problem(path: string, reason: string): void {
    if (this.problems.length < MOST_PROBLEMS) {
      this.problems.push([path.toWellFormed(), reason]);
    }
  }

  #text(value: string, path: string): string {
    if (value.isWellFormed()) {
      return value;
    }
    this.#problem(path, "its text holds half of a surrogate pair, which is no character");
    return value.toWellFormed();
  }

  #number(value: number, path: string): number | null {
    if (Number.isFinite(value)) {
      return value;
    }
    this.#problem(path, `it holds ${value}, which JSON cannot express`);
    return null;
  }

  #bigint(value: bigint, path: string): unknown {
    const digits = value.toString();
    if (digits.length <= MOST_DIGITS) {
      return rawJson(digits);
    }
    this.#problem(path, `it holds an integer of ${digits.length} digits`);
    return `${digits.slice(0, SHOWN)}…`;
  }

  #object(value: object, path: string): unknown {
    if (isArray(value)) {
      return this.#items(value, path);
    }
    const prototype = getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) {
      return typeof (value as { toJSON?: unknown }).toJSON === "function"
        ? this.#ownForm(value, path)
        : this.#properties(value, path);
    }
    if (value instanceof Promise) {
      throw new Unawaited(path);
    }
    if (value instanceof Date) {
      if (Number.isFinite(value.getTime())) {
        return value.toISOString();
      }
      this.#problem(path, "it holds an invalid date");
      return null;
    }
    if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
      return this.#ownForm(value, path);
    }
    if (value instanceof Map) {
      return this.#map(value, path);
    }
    if (value instanceof Uint8Array) {
      return bytes(value);
    }
    if (value instanceof ArrayBuffer) {
      return bytes(new Uint8Array(value));
    }
    if (value instanceof Error) {
      const name = this.#text(String(value.name), path);
      return { name, message: this.#text(String(value.message), path) };
    }
    if (value instanceof RegExp) {
      return this.#text(String(value), path);
    }
    if (value instanceof Number || value instanceof String || value instanceof Boolean) {
      return this.convert(value.valueOf(), path);
    }
    if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
      this.#problem(path, `a ${prototype.constructor.name} cannot be expressed as JSON`);
      return shown(value);
    }
    if (typeof (value as Iterable<unknown>)[Symbol.iterator] === "function") {
      return this.#items([...value as Iterable<unknown>], path);
    }
    return this.#properties(value, path);
  }

  #ownForm(value: object, path: string): unknown {
    return this.convert((value as { toJSON: () => unknown }).toJSON(), path);
  }

  #items(value: unknown[], path: string): unknown[] {
    const converted: unknown[] = [];
    for (let at = 0; at < value.length; at += 1) {
      const item = value[at];
      // The common kinds need no path, which takes longer to write than they to convert.
      converted.push(isPlain(item) ? item : this.convert(item, `${path}[${at}]`));
    }
    return converted;
  }

  #properties(value: object, path: string): Record<string, unknown> {
    const converted: Record<string, unknown> = Object.create(null);
    for (const key of keys(value)) {
      const item = (value as Record<string, unknown>)[key];
      if (item !== undefined) {
        this.#set(converted, this.#text(key, path), item, path);
      }
    }
    return converted;
  }

  #map(value: Map<unknown, unknown>, path: string): Record<string, unknown> {
    const converted: Record<string, unknown> = Object.create(null);
    for (const [key, item] of value) {
      let name = this.#text(typeof key === "object" && key !== null ? this.#keyOf(key, path) : String(key), path);
      if (name in converted) {
        this.#problem(path, `two of its keys are ${stringify(name)} once they are text`);
        name = `${name} (${typeof key})`;
      }
      this.#set(converted, name, item, path);
    }
    return converted;
  }

  #keyOf(key: object, path: string): string {
    const converted = this.convert(key, path);
    return typeof converted === "string" ? converted : stringify(converted);
  }

  #set(converted: Record<string, unknown>, name: string, item: unknown, path: string): void {
    converted[name] = isPlain(item) ? item : this.convert(item, `${path}.${name}`);
  }
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "number":
      return Number.isFinite(value);
    case "boolean":
      return true;
    default:
      return value === null;
  }
}

/** Bytes as text where they are text, else in base 64. */
function bytes(value: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return value.toBase64();
  }
}

function shown(value: unknown): string {
  let text: string;
  try {
    text = inspect(value);
  } catch {
    text = `<a ${typeof value} that cannot be shown>`;
  }
  return (text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`).toWellFormed();
}
