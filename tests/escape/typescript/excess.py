"""Attempts in TypeScript to take more than is given, and to deceive the host."""

from __future__ import annotations

from tests.escape.attempt import Attempt

_OWN = "our own"
_LIMITS = ("LimitExceeded", "SandboxCrashed")

RESOURCES = (
    Attempt(
        "buffers without end",
        "reference figures: buffers are no part of V8's heap",
        "const kept = [];\nfor (;;) kept.push(new Uint8Array(1 << 22).fill(1));",
        ends=("LimitExceeded",),
        says="run.memory_mb",
    ),
    Attempt(
        "objects without end",
        _OWN,
        "const kept: unknown[] = [];\nfor (;;) kept.push({ at: kept.length, text: `text ${kept.length}` });",
        ends=("LimitExceeded", "Timeout"),
        timeout=15,
    ),
    Attempt(
        "a text that doubles",
        _OWN,
        "let text = 'x'.repeat(1000);\nconst kept = [];\nfor (;;) { text += text; kept.push(text.split('')); }",
        ends=(*_LIMITS, "RangeError", "Timeout"),
        timeout=15,
    ),
    Attempt(
        "one array of great length",
        _OWN,
        "return new Array(2 ** 31).fill(1).length;",
        ends=(*_LIMITS, "RangeError", "Timeout"),
        timeout=15,
    ),
    Attempt("processor time", _OWN, "for (;;);", ends=("LimitExceeded", "Timeout"), timeout=8),
    Attempt("wall-clock time", _OWN, "for (;;);", ends=("Timeout", "LimitExceeded"), timeout=0.5),
    Attempt("a promise that never comes", _OWN, "await never();", ends=("Timeout",), timeout=0.5),
    Attempt(
        "microtasks without end",
        _OWN,
        "const again = (): unknown => Promise.resolve().then(again);\nawait again();",
        ends=("Timeout", *_LIMITS),
        timeout=1,
    ),
    Attempt(
        "catch the end of time",
        _OWN,
        "for (;;) { try { await new Promise((later) => setTimeout(later, 1)); } catch { /* go on */ } }",
        ends=("Timeout",),
        timeout=0.5,
    ),
    Attempt(
        "recursion",
        _OWN,
        "function deeper(n: number): number { return 1 + deeper(n + 1); }\nreturn deeper(0);",
        ends=("RangeError",),
        says="loop",
    ),
    Attempt(
        "a pattern that backtracks",
        _OWN,
        "return /^(a+)+$/.test('a'.repeat(40) + '!');",
        ends=("Timeout", "LimitExceeded"),
        timeout=1,
    ),
    Attempt(
        "threads without end",
        _OWN,
        "const url = URL.createObjectURL(new Blob(['for(;;);'], { type: 'text/javascript' }));\n"
        "for (let n = 0; n < 500; n++) new Worker(url, { type: 'module' });\nawait never();",
        ends=("WouldBlock", "LimitExceeded", "SandboxCrashed", "Timeout", "Error", "TypeError"),
        timeout=5,
    ),
    Attempt(
        "output without end",
        _OWN,
        "for (;;) console.log('x'.repeat(10_000));",
        ends=("LimitExceeded",),
        says="printed",
    ),
    Attempt(
        "output past the guest",
        _OWN,
        "const text = JSON.stringify({ op: 'out', stream: 'stdout', text: 'y'.repeat(50_000) });\nfor (;;) say(text);",
        ends=("LimitExceeded",),
        says="printed",
    ),
    Attempt(
        "tool calls without end",
        _OWN,
        'import { callTool } from "mcp-runtime";\nfor (;;) await callTool("demo", "echo", {});',
        ends=("ToolLimitExceeded",),
    ),
    Attempt(
        "two thousand calls at once",
        _OWN,
        'import { callTool } from "mcp-runtime";\nconst made = Array.from({ length: 2_000 }, () => callTool("demo", "echo", {}));\n'
        "const ends = await Promise.allSettled(made);\nreturn ends.filter((end) => end.status === 'fulfilled').length === 50;",
        timeout=30,
    ),
    Attempt(
        "a value that is too large",
        _OWN,
        "return 'x'.repeat(3_000_000);",
        ends=("ResultInvalid", "LimitExceeded"),
    ),
    Attempt(
        "arguments that are too large",
        _OWN,
        'import { callTool } from "mcp-runtime";\nreturn await callTool("demo", "echo", { text: "x".repeat(1_500_000) });',
        ends=("ToolLimitExceeded", "LimitExceeded"),
    ),
    Attempt(
        "one file without end",
        _OWN,
        "const file = Deno.openSync('data/big', { write: true, create: true });\nconst block = new Uint8Array(1 << 20);\n"
        "for (;;) file.writeSync(block);",
        ends=("LimitExceeded", "WorkspaceFull", "Error"),
    ),
    Attempt(
        "fill the temporary folder",
        _OWN,
        "for (let n = 0; ; n++) Deno.writeFileSync(`/agent/tmp/${n}`, new Uint8Array(1 << 20));",
        ends=("LimitExceeded", "Error"),
    ),
    Attempt(
        "descriptors without end",
        _OWN,
        "const open = [];\nfor (;;) open.push(Deno.openSync('data/one', { write: true, create: true }));",
        ends=("SandboxCrashed", "LimitExceeded", "Error"),
    ),
    Attempt(
        "a bigint that takes for ever to write",
        _OWN,
        "return 10n ** 300_000n;",
        ends=("ResultInvalid", "Timeout", "LimitExceeded"),
        timeout=3,
    ),
    Attempt("numbers that are too large for text", _OWN, "return 10n ** 3_000n > 0n;"),
    Attempt(
        "end the process",
        _OWN,
        "Object.getPrototypeOf(Deno.stdin);\n(Deno as any)[(Deno as any).internal].core.ops.op_exit?.(); process.reallyExit?.(7);\nthrow new Error('still here');",
        ends=("SandboxCrashed", "Error"),
    ),
)

CHANNEL = (
    Attempt("what is no frame", _OWN, "raw(new Uint8Array(1000).fill(255));\nawait never();",
            ends=("LimitExceeded", "SandboxCrashed")),
    Attempt("text that is no JSON", _OWN, "say('not json');\nawait never();", ends=("SandboxCrashed",), says="no frame"),
    Attempt("text that is no UTF-8", _OWN, "say(new Uint8Array([123, 34, 255, 34, 125]));\nawait never();", ends=("SandboxCrashed",)),
    Attempt("a frame that is no object", _OWN, "say('[1]');\nawait never();", ends=("SandboxCrashed",)),
    Attempt("an operation that there is not", _OWN, "say('{\"op\":\"eval\"}');\nawait never();", ends=("SandboxCrashed",), says="eval"),
    Attempt("fields of the wrong type", _OWN, "say('{\"op\":\"call\",\"id\":\"x\",\"server\":1}');\nawait never();", ends=("SandboxCrashed",)),
    Attempt("a number that is none", _OWN, "say('{\"op\":\"done\",\"value\":NaN}');\nawait never();", ends=("SandboxCrashed",)),
    Attempt("half of a surrogate pair", _OWN, "say('{\"op\":\"out\",\"text\":\"\\\\ud800\"}');\nawait never();", ends=("SandboxCrashed",)),
    Attempt("nesting without end", _OWN, "say('['.repeat(200_000));\nawait never();", ends=("SandboxCrashed",)),
    Attempt("a length of four gigabytes", _OWN, "say('{}', 0xffffffff);\nawait never();", ends=("LimitExceeded",)),
    Attempt("a frame that never ends", _OWN, "say('{', 100_000);\nawait never();", ends=("Timeout",), timeout=1),
    Attempt("a call of a tool that there is not, by hand", _OWN,
            "say(JSON.stringify({ op: 'call', id: 99, server: '../..', tool: '__proto__', arguments: {} }));\nreturn true;"),
    Attempt("the answers of others", _OWN,
            "say(JSON.stringify({ op: 'cancel', id: 1 }));\nsay(JSON.stringify({ op: 'cancel', id: 2 ** 40 }));\nreturn true;"),
    Attempt("a question that nobody answers", _OWN,
            "say(JSON.stringify({ op: 'ask', id: 77, what: 'secrets', arguments: {} }));\nreturn true;"),
    Attempt("a module of Python's", _OWN,
            "say(JSON.stringify({ op: 'module', id: 78, name: 'mcp_servers.demo', magic: '' }));\nreturn true;"),
    Attempt("a last word of its own", _OWN, "say(JSON.stringify({ op: 'done', value: true, started: 1e300 }));\nawait never();"),
    Attempt("an error of its own", _OWN,
            "say(JSON.stringify({ op: 'done', value: 1, error: { type: 'x'.repeat(100_000), message: {}, line: [] } }));\nawait never();",
            ends=("x" * 80,)),
    Attempt("close the channel", _OWN, "Deno.stdout.close(); Deno.stdin.close();\nreturn 1;", ends=("SandboxCrashed", "Timeout"), timeout=2),
    Attempt("read what the host sends", _OWN,
            "import { callTool } from \"mcp-runtime\";\nconst asked = callTool('demo', 'echo', {});\nconst buffer = new Uint8Array(1000);\n"
            "Object.getPrototypeOf(Deno.stdin).readSync.call(Deno.stdin, buffer);\n"
            "const waited = new Promise((later) => setTimeout(later, 300));\n"
            "await Promise.race([asked, waited]);\nreturn true;"),
    Attempt("say nothing and never end", _OWN, "for (;;) await new Promise((later) => setTimeout(later, 50));", ends=("Timeout",), timeout=1),
    Attempt("a flood of small frames", _OWN,
            "const many = new Uint8Array(60_000 * 26);\nconst one = frame('{\"op\":\"cancel\",\"id\":1}');\n"
            "for (let at = 0; at + one.length < many.length; at += one.length) many.set(one, at);\nfor (;;) raw(many);",
            ends=("Timeout", "LimitExceeded", "SandboxCrashed"), timeout=2),
    Attempt("a flood of progress", _OWN,
            'import { progress } from "mcp-runtime";\nfor (;;) progress(Math.random());',
            ends=("Timeout", "LimitExceeded"), timeout=1),
)  # fmt: skip
