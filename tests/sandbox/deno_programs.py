"""Programs that must end alike in a Deno that was started by itself and in one that was forked.

What they use of Deno needs threads, timers, descriptors, permissions or random numbers, all of which a fork
could have lost or shared. Each is the text of a program; its value must not depend on time or chance.
"""

# ruff: noqa: E501 - the texts of programs

from __future__ import annotations

_PRELUDE = """
// deno-lint-ignore-file no-explicit-any
const tried = async (attempt: () => any): Promise<string> => {
  try { await attempt(); return "done"; } catch (error: any) { return `${error?.name}: ${error?.message}`; }
};
const later = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));
"""

_TEXTS = {
    "timers of no time and of some": """
const seen: string[] = [];
setTimeout(() => seen.push("zero"), 0);
const never = setTimeout(() => seen.push("never"), 60_000);
const often = setInterval(() => { seen.push("often"); if (seen.length > 3) clearInterval(often); }, 1);
setImmediate(() => seen.push("immediate"));
queueMicrotask(() => seen.push("microtask"));
process.nextTick(() => seen.push("tick"));
await later(100);
clearTimeout(never);
return seen.toSorted();
""",
    "a thousand timers": "return (await Promise.all(Array.from({ length: 1_000 }, () => later(1)))).length;",
    "a signal of a timeout": """
return await new Promise((done) => AbortSignal.timeout(5).addEventListener("abort", () => done("aborted")));
""",
    "files in Deno's threads": """
await Promise.all(Array.from({ length: 100 }, (_, n) => Deno.writeTextFile(`data/many-${n}`, `${n}`)));
const texts = await Promise.all(Array.from({ length: 100 }, (_, n) => Deno.readTextFile(`data/many-${n}`)));
const names = []; for await (const entry of Deno.readDir("data")) names.push(entry.name);
const file = await Deno.open("data/many-7", { read: true, write: true });
await file.lock(true); await file.unlock(); await file.truncate(3);
const size = (await file.stat()).size; file.close();
return [texts.map(Number).reduce((a, b) => a + b), names.filter((name) => /^many/.test(name)).length, size];
""",
    "streams of files": """
await Deno.writeTextFile("data/stream", "abc".repeat(100_000));
let length = 0;
for await (const piece of (await Deno.open("data/stream")).readable.pipeThrough(new TextDecoderStream())) length += piece.length;
return length;
""",
    "files by Node.js's functions": """
const fs = await import("node:fs"); const promises = await import("node:fs/promises");
await promises.writeFile("data/node", "text");
const text = await new Promise((done) => fs.readFile("data/node", "utf8", (_, text) => done(text)));
return [text, await tried(() => promises.readFile("/etc/passwd")), fs.existsSync("data/missing")];
""",
    "keys and digests in Deno's threads": """
const rsa = await crypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"]) as CryptoKeyPair;
const data = new Uint8Array(1_000);
const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", rsa.privateKey, data);
const digests = await Promise.all(Array.from({ length: 50 }, () => crypto.subtle.digest("SHA-256", data)));
return [await crypto.subtle.verify("RSASSA-PKCS1-v1_5", rsa.publicKey, signature, data), digests.length];
""",
    "ciphers of Node.js": """
const { scrypt, pbkdf2, createHash } = await import("node:crypto");
const derived = await new Promise<any>((done) => scrypt("a", "b", 32, { N: 256 }, (_, key) => done(key.toString("hex"))));
const other = await new Promise<any>((done) => pbkdf2("a", "b", 10, 16, "sha256", (_, key) => done(key.toString("hex"))));
return [derived, other, createHash("sha256").update("x").digest("hex")];
""",
    "compression": """
const zlib = await import("node:zlib");
const packed = await new Promise<any>((done) => zlib.gzip("x".repeat(100_000), (_, data) => done(data)));
const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
return (await new Response(stream).text()).length;
""",
    "WebAssembly": """
return [typeof WebAssembly, await tried(() => (WebAssembly as any).compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])))];
""",
    "the network": """
return [await tried(() => fetch("http://127.0.0.1:8080")), await tried(() => Deno.connect({ port: 1 })),
  await tried(() => Deno.resolveDns("example.org", "A")), await tried(() => new WebSocket("ws://127.0.0.1:1"))];
""",
    "what is fetched of itself": """
return [await (await fetch(URL.createObjectURL(new Blob(["blob"])))).text(), await (await fetch("data:,text")).text()];
""",
    "workers": """
const url = URL.createObjectURL(new Blob(["postMessage(1)"], { type: "text/javascript" }));
const { Worker: Other } = await import("node:worker_threads");
const says = (worker: any) => new Promise<string>((done) => {
  worker.onmessage = () => done("said something"); worker.onerror = () => done("failed");
  worker.on?.("message", () => done("said something")); worker.on?.("error", () => done("failed"));
});
return [await tried(() => says(new Worker(url, { type: "module" }))), await tried(() => says(new Other("1", { eval: true })))];
""",
    "modules that are loaded later": """
await Deno.writeTextFile("data/later.ts", "export const n: number = 3;");
const made = URL.createObjectURL(new Blob(["export default 4"], { type: "text/typescript" }));
return [(await import("file:///agent/workspace/data/later.ts")).n, (await import(made)).default,
  (await import("data:text/javascript,export default 5")).default, await tried(() => import("npm:lodash")),
  await tried(() => import("https://example.org/x.js"))];
""",
    "modules of Node.js": """
const names = ["assert", "buffer", "events", "os", "path", "perf_hooks", "stream", "string_decoder", "timers", "url",
  "util", "v8", "vm", "zlib", "async_hooks", "child_process", "dns", "http", "net", "readline", "test"];
return await Promise.all(names.map((name) => tried(() => import(`node:${name}`))));
""",
    "clones, channels and transfers": """
const buffer = new ArrayBuffer(1_000);
const copy = structuredClone({ buffer, at: new Map([[1, new Set([2])]]) }, { transfer: [buffer] });
const { port1, port2 } = new MessageChannel();
const said = new Promise((done) => port2.onmessage = (event) => done(event.data));
port1.postMessage("said", []);
const answer = await said; port1.close(); port2.close();
return [buffer.byteLength, copy.buffer.byteLength, answer];
""",
    "memory that is shared and waited for": """
const cell = new Int32Array(new SharedArrayBuffer(8));
return [await tried(() => Atomics.wait(cell, 0, 0, 5)), Atomics.notify(cell, 0),
  typeof (Atomics as any).waitAsync];
""",
    "much output": "for (let n = 0; n < 20_000; n++) console.log('line', n, { n });\nreturn 'printed';",
    "garbage": """
let last: any; for (let n = 0; n < 300_000; n++) last = { n, text: `text ${n}`, before: n % 1_000 ? last : null };
const registry = new FinalizationRegistry(() => {}); registry.register({}, 1); new WeakRef({});
await later(1);
return last.n;
""",
    "large buffers": """
const kept = []; for (let n = 0; n < 10; n++) kept.push(new Uint8Array(1 << 24).fill(n));
return [kept.map((each) => each[each.length - 1]), (await new Blob(kept).arrayBuffer()).byteLength];
""",
    "more memory than there is": "const kept = []; for (;;) kept.push(new Uint8Array(1 << 26).fill(1));",
    "recursion": "const deeper = (n: number): number => 1 + deeper(n + 1); return deeper(0);",
    "no end": "for (;;);",
    "no answer": "await new Promise(() => {});",
    "no answer, with a timer": "for (;;) await later(10);",
    "an error": "await later(1); throw new TypeError('thrown');",
    "a rejection that nobody handles": "Promise.reject(new RangeError('rejected')); await later(5_000);",
    "its own end": "Deno.exit(3);",
    "native functions": """
const any = Deno as any;
return [await tried(() => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } })),
  await tried(() => Deno.dlopen("/lib/libc.so.6", {})), await tried(() => any.UnsafePointer.create(4096n)),
  await tried(() => any.UnsafePointer.of(new Uint8Array(8))),
  await tried(() => new any.UnsafeCallback({ parameters: [], result: "void" }, () => {})),
  await tried(() => new any.UnsafeFnPointer({}, { parameters: [], result: "void" }).call()),
  await tried(() => any.UnsafePointerView.getCString({})), await tried(() => process.dlopen({ exports: {} } as any, "x"))];
""",
    "our own code, loaded again": """
return await tried(() => import("file:///guest/template" + import.meta.url.replace(/.*/, ".js?again")));
""",
    "permissions": """
const names = ["read", "write", "net", "env", "run", "ffi", "sys", "import"] as const;
const states = names.map((name: any) => [name, Deno.permissions.querySync({ name }).state,
  Deno.permissions.requestSync({ name }).state]);
return [states, Deno.permissions.querySync({ name: "read", path: "/agent/workspace" }).state,
  Deno.permissions.querySync({ name: "ffi", path: "libc.so.6" } as any).state];
""",
    "the environment": """
return [await tried(() => Deno.env.toObject()), await tried(() => Deno.env.get("HOME")), await tried(() => process.env.HOME),
  await tried(() => Deno.hostname()), await tried(() => Deno.systemMemoryInfo()), await tried(() => Deno.uid())];
""",
    "what it knows of itself": """
return [Deno.pid, process.pid, Deno.cwd(), Deno.args, Deno.version, navigator.hardwareConcurrency > 0, process.platform,
  Deno.build, performance.getEntries().length, new Error("e").stack?.split("\\n").length];
""",
    "what is global": """
const names = (it: object) => Reflect.ownKeys(it).map(String).toSorted();
const random = Object.getOwnPropertyDescriptor(Math, "random")!;
return [names(globalThis), names(Deno), names(Math), random.writable, random.enumerable, random.configurable,
  names(Math.random), await tried(() => new (Math.random as any)())];
""",
    "time": """
const clocks = [performance.now(), performance.now(), Date.now()];
const apart = Math.abs(performance.timeOrigin + performance.now() - Date.now());
return [clocks[0] <= clocks[1], apart < 5_000, new Date(0).toString(), Intl.DateTimeFormat().resolvedOptions().timeZone,
  typeof (globalThis as any).Temporal, (1234.5).toLocaleString("de")];
""",
    "contexts": """
const vm = await import("node:vm");
return [vm.runInNewContext("1 + n", { n: 2 }), vm.runInContext("typeof Deno", vm.createContext({})),
  new vm.Script("this.x = 5").runInThisContext()];
""",
    "signals": """
const handler = () => {};
return [await tried(() => Deno.addSignalListener("SIGUSR1", handler)), await tried(() => Deno.removeSignalListener("SIGUSR1", handler)),
  await tried(() => Deno.kill(1, "SIGTERM")), await tried(() => process.kill(1, 0))];
""",
    "what watches": "return await tried(() => { const watcher = Deno.watchFs('data'); watcher.close(); });",
    "an inspector": """
const inspector = await import("node:inspector");
return [await tried(() => inspector.open(0)), await tried(() => new inspector.Session().connect()), await tried(() => inspector.url())];
""",
    "the channel of others": """
const places = []; for (let n = 3; n < 64; n++) { try { places.push((Deno as any).fstatSync?.(n)); } catch { /* none */ } }
const fs = await import("node:fs");
const open = []; for (let n = 3; n < 256; n++) { try { fs.fstatSync(n); open.push(n); } catch { /* none */ } }
return [places.filter(Boolean).length, open.length];
""",
}

PROGRAMS = {name: f"{_PRELUDE}{text}" for name, text in _TEXTS.items()}

RANDOM = """
const { randomBytes, randomInt, randomUUID, generateKeyPairSync, generatePrimeSync } = await import("node:crypto");
const { mkdtempSync } = await import("node:fs");
const key: any = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
const pair: any = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]);
return {
  math: Math.random(), uuid: crypto.randomUUID(), values: String(crypto.getRandomValues(new Uint32Array(4))),
  bytes: randomBytes(8).toString("hex"), int: randomInt(2 ** 40), other: randomUUID(),
  signing: generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }).x,
  prime: String(generatePrimeSync(64, { bigint: true })), secret: (await crypto.subtle.exportKey("jwk", key)).k,
  curve: (await crypto.subtle.exportKey("jwk", pair.publicKey)).x, blob: URL.createObjectURL(new Blob([])),
  folder: Deno.makeTempDirSync({ dir: "data" }), file: Deno.makeTempFileSync({ dir: "data" }),
  nodes: mkdtempSync("data/x"), forked: Deno.mainModule.includes("template"),
};
"""
"""Something of every source of random numbers that a program can ask."""
