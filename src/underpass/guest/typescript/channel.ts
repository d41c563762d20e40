// The guest's end of the channel to the host: JSON objects, each after its length.
//
// A frame is four bytes of length, little endian, and that many bytes of UTF-8 JSON. Questions carry
// an `id`, and the answer the same one, so that many can be under way at once.

import { raiseFrom } from "./errors.ts";
import { isOver, over } from "./runs.ts";

// A program may replace what it shares with us; what we were started with stays ours.
const { parse, stringify } = JSON;
const read = Deno.stdin.read.bind(Deno.stdin);
const readSync = Deno.stdin.readSync.bind(Deno.stdin);
const writeSync = Deno.stdout.writeSync.bind(Deno.stdout);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Questions under way at once; the host reads no more of us while it has twice as many to answer. */
const MOST_QUESTIONS = 128;
const SMALL = 1 << 14;
const LARGE = 1 << 20;
/** What the frame of a program begins with. */
const PROGRAM = '{"op":"run"';

interface Question {
  frame: Record<string, unknown>;
  settle: (value: unknown) => void;
  fail: (error: unknown) => void;
  /** Where the program asked: an error that the host answers with is thrown as if from there. */
  site: Error;
}

interface Answer {
  /** `timeout` is no answer: it says that the program's time is over. */
  op?: string;
  id?: number;
  value?: unknown;
  error?: Record<string, unknown>;
}

let buffer = new Uint8Array(0);
let chunk = new Uint8Array(SMALL);
let lastId = 0;
let lastSite: Error | null = null;
let whenOutOfTime = () => {};
let listening = false;
/** Takes the next program, where it is waited for. */
let takeProgram: ((text: string | null) => void) | null = null;
const asked = new Map<number, Question>();
const waiting: Question[] = [];

/** How many questions have no answer yet. */
export function unanswered(): number {
  return asked.size + waiting.length;
}

/** Where the program waits for an answer, the longest, or else where it asked last; null where it never did. */
export function lastQuestion(): { site: Error; waits: boolean } | null {
  const [oldest] = asked.values();
  const site = oldest?.site ?? lastSite;
  return site && { site, waits: oldest !== undefined };
}

/** Whether answers are read by now. */
export function isListening(): boolean {
  return listening;
}

/** Give up the questions of a run that is over: their answers belong to nobody. */
export function abandon(): void {
  const left = [...asked.values(), ...waiting];
  asked.clear();
  waiting.length = 0;
  lastSite = null;
  for (const { fail } of left) {
    fail(over("what it asked for last may have happened, or not"));
  }
}

/** Wait for the next program, and return its frame as it came; null when the host has gone. */
export async function nextProgram(): Promise<string | null> {
  if (listening) {
    return await new Promise((take) => takeProgram = take);
  }
  // Answers that nobody waited for come before it.
  for (;;) {
    const text = receive();
    if (text === null || text.startsWith(PROGRAM)) {
      return text;
    }
  }
}

/** Call `then` when the host says that time is over, which it can only where the program waits. */
export function onTimeout(then: () => void): void {
  whenOutOfTime = then;
}

/** Send one frame; waits while the host is slow. */
export function send(frame: object): void {
  sendText(stringify(frame));
}

/** Send one frame that is JSON already. */
export function sendText(text: string): void {
  const body = encoder.encode(text);
  let rest = new Uint8Array(4 + body.length);
  new DataView(rest.buffer).setUint32(0, body.length, true);
  rest.set(body, 4);
  while (rest.length > 0) {
    rest = rest.subarray(writeSync(rest));
  }
}

/** Wait for one frame, without giving way to anything, and return it as it came; null when the host has gone. */
export function receive(): string | null {
  for (;;) {
    const text = take();
    if (text !== null) {
      return text;
    }
    const size = readSync(chunk);
    if (size === null) {
      return null;
    }
    keep(size);
  }
}

/** Ask, and return a promise of the answer's value. It fails with what the host answers. */
export function ask(frame: Record<string, unknown>): Promise<unknown> {
  if (isOver()) {
    return Promise.reject(over("it can call and ask for nothing more"));
  }
  const site = lastSite = new Error();
  return new Promise((settle, fail) => {
    const question = { frame, settle, fail, site };
    if (asked.size < MOST_QUESTIONS) {
      put(question);
    } else {
      waiting.push(question);
    }
  });
}

function put(question: Question): void {
  lastId += 1;
  asked.set(lastId, question);
  send({ ...question.frame, id: lastId });
}

/** Read answers for as long as there are programs. */
export async function listen(): Promise<void> {
  listening = true;
  for (;;) {
    const size = await read(chunk);
    if (size === null) {
      // The host has gone, and nothing that the program could do would reach anyone.
      takeProgram?.(null);
      return;
    }
    keep(size);
    for (let text = take(); text !== null; text = take()) {
      if (takeProgram === null) {
        answer(parse(text) as Answer);
      } else if (text.startsWith(PROGRAM)) {
        takeProgram(text);
        takeProgram = null;
      }
    }
  }
}

function answer(frame: Answer): void {
  if (frame.op === "timeout") {
    whenOutOfTime();
    return;
  }
  const question = asked.get(frame.id ?? 0);
  if (question === undefined) {
    return;
  }
  asked.delete(frame.id ?? 0);
  const next = waiting.shift();
  if (next !== undefined) {
    put(next);
  }
  if (frame.error === undefined) {
    question.settle(frame.value ?? null);
  } else {
    question.fail(raiseFrom(frame.error, question.site));
  }
}

function keep(size: number): void {
  if (buffer.length === 0) {
    buffer = chunk.slice(0, size);
    return;
  }
  const joined = new Uint8Array(buffer.length + size);
  joined.set(buffer);
  joined.set(chunk.subarray(0, size), buffer.length);
  buffer = joined;
}

function take(): string | null {
  if (buffer.length < 4) {
    return null;
  }
  const end = 4 + new DataView(buffer.buffer, buffer.byteOffset).getUint32(0, true);
  if (buffer.length < end) {
    // Only a large frame is worth a large buffer.
    if (end > chunk.length) {
      chunk = new Uint8Array(Math.min(end, LARGE));
    }
    return null;
  }
  const text = decoder.decode(buffer.subarray(4, end));
  buffer = buffer.subarray(end);
  return text;
}
