// Workers of programs. Their standard output is the channel, which only the program itself may write to.

const { stringify } = JSON;
const { Blob } = globalThis;
const addressOf = URL.createObjectURL.bind(URL);
const canParse = URL.canParse.bind(URL);

/** What every worker runs first: what it prints goes nowhere. */
const QUIET = `
globalThis.console = new (Deno[Deno.internal].Console)(() => {});
for (const stream of [Deno.stdout, Deno.stderr]) {
  Object.assign(stream, { write: (bytes) => Promise.resolve(bytes.length), writeSync: (bytes) => bytes.length });
}
`;

/** Let workers begin without what they could print with. */
export function guardWorkers(): void {
  const Native = globalThis.Worker;
  globalThis.Worker = class Worker extends Native {
    constructor(specifier: string | URL, options?: WorkerOptions) {
      const address = String(specifier);
      // What is no address fails as it does without us.
      super(canParse(address) ? quiet(address) : specifier, options);
    }
  };
}

function quiet(address: string): string {
  return addressOf(new Blob([`${QUIET}await import(${stringify(address)});`], { type: "text/javascript" }));
}
