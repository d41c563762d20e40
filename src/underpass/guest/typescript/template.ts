// A warm process that runs no program itself: it forks those that do, and knows how each goes behind the
// walls. It is trusted, and listens to the zygote only, which says what is to be done in the kernel's terms.
//
// Orders are JSON on the socket that is our input and output; an order to fork comes with the child's channel.
//     to us:    plan · {"replace": descriptors} · {"sample": true or false}, which is an order to fork
//     from us:  warm · noted · the child's process id, or what the call returned instead

import { send } from "./channel.ts";
import { prepare, rehearse, serve } from "./program.ts";

/** A number, bytes (in base 64) whose address is meant, or a filter of system calls. */
type Argument = number | { bytes: string } | { filter: string };

/** What is the same for every child. */
interface Plan {
  /** The numbers of the system calls that we make of our own accord. */
  calls: Record<"clone" | "close" | "dup" | "end" | "event" | "pair" | "poll" | "receive" | "wait" | "watch", number>;
  /** The arguments of `clone`; null stands for the address of the thread's id. */
  clone: (number | null)[];
  /** Where in an event its data begin. */
  data: number;
  /** What a child does before it serves, each a system call. */
  steps: [number, ...Argument[]][];
}

/** Our own descriptors, of which a child needs others in the same places. */
interface Descriptors {
  channel: number[];
  events: number[];
  pairs: [number[], number[]][];
  polls: { places: number[]; watched: [descriptor: number, events: number, data: number][] }[];
}

const CLOSE_ON_EXEC = 0o2000000;
const NON_BLOCKING = 0o4000;
const THREAD_ADDRESS = 40n;
const LOCAL = 1;
const STREAM = 1;
const ADD = 1;
const READABLE = 1;
/** EX_SOFTWARE: our own code failed. */
const FAILED = 70;
/** Nanoseconds in which a child gets its program where somebody waits for it. */
const MOMENT = 30_000_000n;

const libc = Deno.dlopen("libc.so.6", {
  syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], result: "i64" },
  prctl: { parameters: ["i64", "i64", "i64", "i64", "i64"], result: "i64" },
});
/** Memory that the kernel reads or writes at addresses it was told. */
const kept: DataView[] = [];
const randomUUID = crypto.randomUUID.bind(crypto);
const getRandomValues = crypto.getRandomValues.bind(crypto);

function call(number: number, ...given: number[]): number {
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = given.map(BigInt);
  return Number(libc.symbols.syscall(BigInt(number), a, b, c, d, e, f));
}

/** Return memory that stays where it is. (An array of a few bytes would be moved.) */
function memory(content: number | Uint8Array): [view: DataView, address: number] {
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(typeof content === "number" ? content : content.length, 1)));
  if (typeof content !== "number") {
    bytes.set(content);
  }
  const view = new DataView(bytes.buffer);
  kept.push(view);
  return [view, Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)))];
}

const LARGEST = 65_536;
const [text, textAt] = memory(LARGEST);
const [vector, vectorAt] = memory(16);
const [extra, extraAt] = memory(24);
const [header, headerAt] = memory(56);
const [event, eventAt] = memory(16);
const [pair, pairAt] = memory(8);
const [thread, threadAt] = memory(8);
const [awaited, awaitedAt] = memory(8);
const [moment, momentAt] = memory(16);
const { parse } = JSON;
const decoder = new TextDecoder();
const encoder = new TextEncoder();
// The stream is the program's later on.
const write = Deno.stdout.writeSync.bind(Deno.stdout);

/** Wait for an order, and return it with the descriptor that came with it. */
function receive(number: number): { order: Record<string, unknown>; channel: number } {
  vector.setBigUint64(0, BigInt(textAt), true);
  vector.setBigUint64(8, BigInt(LARGEST), true);
  header.setBigUint64(16, BigInt(vectorAt), true);
  header.setBigUint64(24, 1n, true);
  header.setBigUint64(32, BigInt(extraAt), true);
  header.setBigUint64(40, BigInt(extra.byteLength), true);
  const size = call(number, 0, headerAt, 0);
  if (size <= 0) {
    Deno.exit(0);
  }
  const order = parse(decoder.decode(new Uint8Array(text.buffer, 0, size)));
  return { order, channel: extra.getInt32(16, true) };
}

function say(word: string | number): void {
  write(encoder.encode(String(word)));
}

function argument(given: Argument): number {
  if (typeof given === "number") {
    return given;
  }
  if ("bytes" in given) {
    return memory(Uint8Array.fromBase64(given.bytes))[1];
  }
  const instructions = Uint8Array.fromBase64(given.filter);
  const [program, address] = memory(16);
  program.setUint16(0, instructions.length / 8, true);
  program.setBigUint64(8, BigInt(memory(instructions)[1]), true);
  return address;
}

/** Replace what we share with our children by what is a child's own; whatever fails is the child's end. */
function replace(calls: Plan["calls"], data: number, ours: Descriptors, channel: number): void {
  const must = (number: number, ...given: number[]): number => {
    const done = call(number, ...given);
    if (done < 0) {
      call(calls.end, FAILED);
    }
    return done;
  };
  const put = (made: number, places: number[]) => {
    for (const place of places) {
      must(calls.dup, made, place, CLOSE_ON_EXEC);
    }
    must(calls.close, made);
  };
  put(channel, ours.channel);
  for (const place of ours.events) {
    put(must(calls.event, 0, CLOSE_ON_EXEC | NON_BLOCKING), [place]);
  }
  for (const [left, right] of ours.pairs) {
    must(calls.pair, LOCAL, STREAM | CLOSE_ON_EXEC | NON_BLOCKING, 0, pairAt);
    put(pair.getInt32(0, true), left);
    put(pair.getInt32(4, true), right);
  }
  for (const { places, watched } of ours.polls) {
    put(must(calls.poll, CLOSE_ON_EXEC), places);
    for (const [descriptor, events, value] of watched) {
      event.setUint32(0, events, true);
      event.setBigUint64(data, BigInt(value), true);
      must(calls.watch, places[0], ADD, descriptor, eventAt);
    }
  }
}

/** The engine's own generator has a state that every child would inherit. */
function reseed(): void {
  const words = new Uint32Array(128);
  let left = 0;
  const engine = {
    random(): number {
      if (left === 0) {
        getRandomValues(words);
        left = words.length;
      }
      left -= 2;
      return ((words[left] >>> 5) * 0x4000000 + (words[left + 1] >>> 6)) / 0x20000000000000;
    },
  };
  // A method is no constructor, as the engine's own function is none.
  Math.random = engine.random;
}

/** Fork as often as is asked for; returns in each child, with what it says first. */
function fork({ calls, clone, data }: Plan, steps: number[][]): Record<string, unknown> {
  const flags = clone.map((each) => each ?? thread.getUint32(0, true) + thread.getUint32(4, true) * 0x100000000);
  let ours: Descriptors = { channel: [], events: [], pairs: [], polls: [] };
  for (;;) {
    const { order, channel } = receive(calls.receive);
    if (order.replace !== undefined) {
      ours = order.replace as Descriptors;
      say("noted");
      continue;
    }
    const child = call(calls.clone, ...flags);
    if (child === 0) {
      replace(calls, data, ours, channel);
      for (const [number, ...given] of steps) {
        if (call(number, ...given) < 0) {
          call(calls.end, FAILED);
        }
      }
      return !order.sample ? {} : { sample: `${randomUUID()} ${getRandomValues(new Uint32Array(2))} ${Math.random()}` };
    }
    call(calls.close, channel);
    say(child);
  }
}

/** Whether somebody waits for this child, and so has a program for it. */
function isWanted({ wait }: Plan["calls"]): boolean {
  awaited.setUint16(4, READABLE, true);
  moment.setBigUint64(8, MOMENT, true);
  return call(wait, awaitedAt, 1, momentAt, 0, 8) !== 0;
}

const size = Deno.stdin.readSync(new Uint8Array(text.buffer)) ?? 0;
const plan = parse(decoder.decode(new Uint8Array(text.buffer, 0, size))) as Plan;
libc.symbols.prctl(THREAD_ADDRESS, BigInt(threadAt), 0n, 0n, 0n);
const steps = plan.steps.map(([number, ...given]) => [number, ...given.map(argument)]);
Deno.permissions.revokeSync({ name: "ffi" });
reseed();
await prepare();
say("warm");
send({ op: "ready", ...fork(plan, steps) });
// What was rehearsed before the fork lacks the threads that do it.
if (!isWanted(plan.calls)) {
  await rehearse();
}
await serve();
