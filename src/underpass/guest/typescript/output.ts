// What the program prints, sent to the host in pieces.

import { send } from "./channel.ts";
import { isOver } from "./runs.ts";

/** Characters kept back before they are sent: a frame for each line would cost more than the line. */
const PIECE = 16_384;
/** Milliseconds after which kept-back output is sent with the next line: a crash loses little. */
const PERIOD = 50;
const now = performance.now.bind(performance);

class Output {
  #stream: string;
  #kept = "";
  #sentAt = 0;

  constructor(stream: string) {
    this.#stream = stream;
  }

  write(text: string): void {
    if (isOver()) {
      return; // it would stand in the output of another run
    }
    this.#kept += text;
    if (this.#kept.length >= PIECE || now() - this.#sentAt > PERIOD) {
      this.flush();
    }
  }

  flush(): void {
    // Half of a surrogate pair is no character, and no frame.
    const text = this.#kept.toWellFormed();
    this.#kept = "";
    this.#sentAt = now();
    for (let start = 0; start < text.length; ) {
      let end = Math.min(start + PIECE, text.length);
      const last = text.charCodeAt(end - 1);
      if (end < text.length && last >= 0xd800 && last < 0xdc00) {
        end -= 1;
      }
      send({ op: "out", stream: this.#stream, text: text.slice(start, end) });
      start = end;
    }
  }
}

const stdout = new Output("stdout");
const stderr = new Output("stderr");

/** Send whatever was kept back. */
export function flush(): void {
  stdout.flush();
  stderr.flush();
}

/** Let `console`, and what writes to Deno's own streams, write to the host. */
export function install(): void {
  // deno-lint-ignore no-explicit-any
  const { Console } = (Deno as any)[(Deno as any).internal];
  const WARNING = 2;
  globalThis.console = new Console((text: string, level: number) => {
    (level >= WARNING ? stderr : stdout).write(text);
  });
  capture(Deno.stdout, stdout);
  capture(Deno.stderr, stderr);
  // The channel is no input of the program's.
  Object.assign(Deno.stdin, { read: () => Promise.resolve(null), readSync: () => null });
}

function capture(stream: typeof Deno.stdout, output: Output): void {
  const decoder = new TextDecoder();
  const writeSync = (data: Uint8Array): number => {
    output.write(decoder.decode(data, { stream: true }));
    return data.length;
  };
  Object.assign(stream, { writeSync, write: (data: Uint8Array) => Promise.resolve(writeSync(data)) });
}
