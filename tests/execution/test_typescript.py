"""What a program in TypeScript can do, and what its author gets back."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server import MCPServer
from tests.execution.conftest import Open, echo, server
from tests.patience import in_time

from underpass import Underpass
from underpass.catalog.upstream import InMemoryUpstream
from underpass.errors import SandboxUnavailable, ValidationFailed
from underpass.execution.result import RunResult
from underpass.sandbox import deno_binary

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R05")]


async def run(opened: Open, code: str, *servers: InMemoryUpstream, **options: Any) -> RunResult:
    settings = options.pop("settings", {})
    async with opened(*servers, **settings) as up:
        return await up.run(code, language="typescript", check=False, **options)


async def each(opened: Open, *programs: str, **settings: Any) -> list[RunResult]:
    """The results of programs that one Underpass runs one after the other."""
    async with opened(**settings) as up:
        return [await up.run(code, language="typescript", check=False) for code in programs]


async def test_the_last_expression_is_the_value(opened: Open) -> None:
    result = await run(opened, "const x: number = 20;\nx + 22; // the answer\n")
    assert (result.ok, result.value, result.stdout, result.error) == (True, 42, "", None)
    assert result.language == "typescript"
    assert result.sandbox in {"deno", "deno-permissions"}


async def test_return_await_and_exports_work_at_the_top_level(opened: Open) -> None:
    values = [
        result.value
        for result in await each(
            opened,
            "for (let n = 0; ; n++) { if (n === 3) return { n }; }\nconsole.log('never')",
            "const two = await Promise.resolve(2);\ntwo * 2",
            "Promise.resolve('awaited')",
            "export const a = 1;\nexport function f() { return a + 1; }\nexport default { value: f() };",
            "#!/usr/bin/env deno\nenum Colour { Red, Green }\ninterface Named { name: string }\n"
            "const it: Named = { name: Colour[1] };\nit as unknown",
            "const x = 1;",
            "if (true) { 5 }",
        )
    ]
    assert values == [{"n": 3}, 4, "awaited", {"value": 2}, {"name": "Green"}, None, None]


PLAIN = (
    "1 + 1",
    "throw new Error('a')",
    "\n\n  null.foo",
    "JSON.parse('{')",
    "await new Promise((done) => setTimeout(done, 1)); 5",
    "undeclared = 1",
    "let a = 1; let a = 2",
    "Promise.reject(new Error('b')); await new Promise(() => {})",
    "function f() { throw new TypeError('deep') }\nfunction g() {\n  f()\n}\ng()",
    "typeof this + typeof arguments + typeof module",
    "class A { x = 1; #y = 2; get z() { return this.#y } static { A.n = 3 } }; new A().z + A.n",
    "const { a, ...rest } = { a: 1, b: 2, c: 3 }; [a, rest, [...'ab'], `${a}`, /x/g.source, a ?? 2, rest?.b]",
    "label: for (const n of [1, 2]) { switch (n) { case 2: break label; default: continue } }",
    "const f = a => b => a < b, c = 2, d = 1; f(c)(d) > (c)",
    "async function* g() { yield 1 }; for await (const n of g()) { if (n) return n }",
    "010",
    "with (a) {}",
    "yield 1",
    "eval('1+')",
    "new Function('return 1')()",
    "console.log('printed'); // and no more",
    "",
)


async def test_a_program_that_is_javascript_already_does_what_it_does_with_types(opened: Open) -> None:
    # A type in the first line sends the same program through Deno's own translation.
    typed = [f"type T = 1; {code}" for code in PLAIN]
    seen = await each(opened, *PLAIN, *typed)

    def told(result: RunResult) -> object:
        error = result.error
        lines = [] if error is None else re.findall(r"program\.ts:(\d+)", error.traceback)
        return result.value, result.stdout, error and (error.type, error.message), lines

    half = len(PLAIN)
    for code, plain, same in zip(PLAIN, seen[:half], seen[half:], strict=True):
        assert told(plain) == told(same), code


async def test_servers_are_imported_and_called(opened: Open) -> None:
    code = """
import { demo } from "mcp-servers"; // lazily
import { echo as again } from "mcp-servers/demo";
import { callTool } from "mcp-runtime";
const { demo: later } = await import("mcp-servers");
const all = await Promise.all([demo.echo({ n: 1 }), again({ n: 2 }), callTool("demo", "echo", { n: 3 }),
  later.echo({ n: 4, left: undefined })]);
return all.map((one: any) => one.n);
"""
    result = await run(opened, code)
    assert result.error is None
    assert result.value == [1, 2, 3, 4]
    assert [call.ok for call in result.tool_calls] == [True] * 4


@pytest.mark.requirement("R07")
async def test_only_servers_that_a_program_names_are_started(tmp_path: Path) -> None:
    started: list[str] = []

    class Counted(InMemoryUpstream):
        async def list_tools(self) -> Any:
            started.append(self.name)
            return await super().list_tools()

    named = Counted("named")
    other = Counted("other")
    for upstream in (named, other):
        upstream.add(*_tool(upstream.name))
    async with Underpass.open({"named": named, "other": other}, home=tmp_path) as up:
        await up.run("const other = 1; other", language="typescript", check=False)
        nothing = list(started)
        result = await up.run(
            'import { named } from "mcp-servers";\nconst other = 1;\nawait named.echo({ other })',
            language="typescript",
            check=False,
        )
        only = set(started)
        whole = await up.run(
            'import * as all from "mcp-servers";\nconst name = "other";\nawait (all as any)[name].echo({})',
            language="typescript",
            check=False,
        )
    assert (nothing, result.value, only) == ([], {"other": 1}, {"named"})
    assert (whole.value, set(started)) == ({}, {"named", "other"})


def _tool(name: str) -> tuple[Any, Any]:
    from underpass.catalog.definition import ToolDefinition
    from underpass.catalog.upstream import ToolOutcome

    async def answer(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=dict(arguments), has_structured=True)

    schema = {"type": "object", "additionalProperties": True}
    return ToolDefinition(name, "echo", "Echoes", input_schema=schema), answer


async def test_calls_run_concurrently(opened: Open) -> None:
    waiting = 0
    everyone = anyio.Event()

    async def meet(arguments: Mapping[str, Any]) -> Any:
        nonlocal waiting
        waiting += 1
        if waiting == 5:
            everyone.set()
        await everyone.wait()
        return arguments["n"]

    code = """
import { demo } from "mcp-servers";
await Promise.all([0, 1, 2, 3, 4].map((n) => demo.meet({ n })))
"""
    result = await run(opened, code, server("demo", meet=meet))
    assert result.value == [0, 1, 2, 3, 4]


async def test_more_questions_than_the_host_works_on_are_all_answered(opened: Open) -> None:
    code = """
import { callTool } from "mcp-runtime";
const answers = await Promise.all(Array.from({ length: 600 }, (_, n) => callTool("demo", "echo", { n })));
answers.every((answer: any, n) => answer.n === n)
"""
    assert (await run(opened, code)).value is True


async def test_a_real_server_over_stdio_is_called(tmp_path: Path) -> None:
    code = """
from mcp.server import MCPServer
mcp = MCPServer("words")
@mcp.tool()
def count_words(text: str) -> dict[str, int]:
    "Count the words of a text"
    return {"words": len(text.split())}
mcp.run()
"""
    import sys

    servers = {"word-tools": {"command": sys.executable, "args": ["-c", code]}}
    async with Underpass.open({"mcpServers": servers}, home=tmp_path) as up:
        result = await up.run(
            'import { wordTools } from "mcp-servers";\n'
            'const counted = await wordTools.countWords({ text: "one two three" });\ncounted.words',
            language="typescript",
            check=False,
        )
    assert (result.error, result.value) == (None, 3)
    assert MCPServer is not None


@pytest.mark.requirement("R16")
async def test_a_tool_error_can_be_caught_by_its_cause(opened: Open) -> None:
    code = """
import { callTool, ToolError, ToolNotFound } from "mcp-runtime";
import { demo } from "mcp-servers";
const caught: unknown[] = [];
try {
  await callTool("demo", "ecco", {});
} catch (error) {
  if (error instanceof ToolNotFound) caught.push(error.server, error.tool, error.hint, error.name);
}
try {
  await callTool("nowhere", "x");
} catch (error) {
  caught.push(error instanceof ToolError, error instanceof Error);
}
try {
  await (demo as any).nothing({});
} catch (error) {
  caught.push(String(error).includes("echo"));
}
try {
  await demo.echo({ f: () => 1 } as any);
} catch (error) {
  caught.push((error as ToolError).name);
}
return caught;
"""
    result = await run(opened, code)
    assert result.value == [
        "demo", "ecco", "did you mean 'echo'?", "ToolNotFound", True, True, True, "ToolArgumentsInvalid",
    ]  # fmt: skip


@pytest.mark.requirement("R16")
async def test_an_uncaught_error_has_the_programs_own_line_numbers(opened: Open) -> None:
    thrown, called, unparsed, twice = await each(
        opened,
        "interface A {\n  n: number;\n}\nfunction half(a: A): number {\n"
        "  throw new TypeError('no half of ' + a.n);\n}\nhalf({ n: 1 });",
        'import { demo } from "mcp-servers";\nimport { callTool } from "mcp-runtime";\n\n'
        'async function look() {\n  return await callTool("demo", "nope");\n}\nawait look();',
        "const a = 1;\nlet b = ;\nreturn a",
        "const a = 1;\nconst a = 2;",
    )
    assert thrown.error is not None
    assert (thrown.error.type, thrown.error.message, thrown.error.data["line"]) == (
        "TypeError",
        "no half of 1",
        5,
    )
    assert thrown.error.traceback.splitlines() == [
        "TypeError: no half of 1", "    at half (program.ts:5:9)", "    at program.ts:7:1",
    ]  # fmt: skip
    assert called.error is not None
    assert (called.error.type, called.error.data["line"]) == ("ToolNotFound", 5)
    assert "at look (program.ts:5:16)\n    at program.ts:7:7" in called.error.traceback
    assert unparsed.error is not None
    assert (unparsed.error.type, unparsed.error.message, unparsed.error.data["line"]) == (
        "SyntaxError", "Expression expected", 2,
    )  # fmt: skip
    assert twice.error is not None
    assert (twice.error.type, twice.error.data["line"]) == ("SyntaxError", 2)
    assert twice.error.message == "Identifier 'a' has already been declared"


@pytest.mark.requirement("R16")
async def test_hints_say_what_to_do_next(opened: Open) -> None:
    programs = {
        'import { demoo } from "mcp-servers";\ndemoo': "the servers are: demo",
        'import { calTool } from "mcp-runtime";\ncalTool': "mcp-runtime has callTool",
        'import _ from "lodash";\n_': "no other packages",
        'import "npm:left-pad";': "no other packages",
        'import { demo } from "mcp-servers";\ndemo.echo({ n: 1 });\n5': "write `await`",
        'import { demo } from "mcp-servers";\nconst d: any = demo.echo({});\nd.map(String)': "write `await`",
        'import { demo } from "mcp-servers";\nreturn [demo.echo({})];': "write `await`",
        "demo.echo({})": 'import { name } from "mcp-servers"',
        "function f(): number { return f() + 1; }\nf()": "use a loop",
        "await fetch('http://127.0.0.1')": "no network",
        "Deno.readTextFileSync('nothing.txt')": "the sandbox sees the workspace",
        "throw 'just text'": "throw an Error",
    }
    results = await each(opened, *programs)
    assert [result.error is not None for result in results] == [True] * len(programs)
    for hint, result in zip(programs.values(), results, strict=True):
        assert result.error is not None
        assert hint in result.error.hint, result.error


async def test_what_is_printed_is_captured(opened: Open) -> None:
    code = """
console.log("a", { b: [1, 2] });
console.error("wrong");
console.table([{ n: 1 }]);
process.stdout.write("by hand\\n");
await Deno.stdout.write(new TextEncoder().encode("as bytes\\n"));
console.log("\\ud83d".repeat(2) + "😀".repeat(20_000));
"""
    result = await run(opened, code, max_tokens=200_000)
    assert result.error is None
    assert result.stdout.startswith("a { b: [ 1, 2 ] }\n")
    assert "by hand\nas bytes\n" in result.stdout
    assert result.stdout.endswith("\ufffd\ufffd" + "😀" * 20_000 + "\n")
    assert result.stderr == "wrong\n"


async def test_values_become_json(opened: Open) -> None:
    code = """
class Point { x = 1; #hidden = 2; get y() { return 3; } }
return {
  big: 2n ** 70n, date: new Date(0), map: new Map<unknown, unknown>([["a", 1], [2, new Set([1, 2])]]),
  bytes: new TextEncoder().encode("text"), raw: new Uint8Array([255, 254]), floats: new Float32Array([0.5]),
  none: undefined, nothing: null, list: [undefined, 1], point: new Point(), error: new RangeError("out"),
  own: { toJSON: () => "own form" }, pattern: /a+/g, url: new URL("http://x.org/y"), made: [1, 2].values(),
  boxed: new String("s"), __proto__: null,
};
"""
    result = await run(opened, code)
    assert result.error is None
    assert result.value == {
        "big": 2**70, "date": "1970-01-01T00:00:00.000Z", "map": {"a": 1, "2": [1, 2]}, "bytes": "text",
        "raw": "//4=", "floats": [0.5], "nothing": None, "list": [None, 1], "point": {"x": 1},
        "error": {"name": "RangeError", "message": "out"}, "own": "own form", "pattern": "/a+/g",
        "url": "http://x.org/y", "made": [1, 2], "boxed": "s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "path", "reason", "value"),
    [
        ("({ a: [NaN] })", "$.a[0]", "NaN", {"a": [None]}),
        ("const a: any = { b: {} }; a.b.c = a; a", "$.b.c", "contains itself",
         {"b": {"c": "<the same object as $>"}}),
        ("({ f: () => 1 })", "$.f", "function", {"f": "[Function: f]"}),
        ("[Symbol('s')]", "$[0]", "symbol", ["Symbol(s)"]),
        ("['\\ud800']", "$[0]", "surrogate", ["\ufffd"]),
        ("new Map<unknown, unknown>([[1, 'a'], ['1', 'b']])", "$", "two of its keys",
         {"1": "a", "1 (string)": "b"}),
        ("[new Date(NaN)]", "$[0]", "invalid date", [None]),
        ("new WeakMap()", "$", "WeakMap", "WeakMap { <items unknown> }"),
        ("let d: any = 1; for (let n = 0; n < 300; n++) d = [d]; return d",
         "", "levels deep", None),
    ],
)  # fmt: skip
async def test_what_json_cannot_express_is_named_and_replaced(
    tmp_path: Path, code: str, path: str, reason: str, value: Any
) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        result = await up.run(code, language="typescript", check=False)
    assert result.error is not None
    assert result.error.type == "ResultInvalid"
    assert reason in result.error.message
    if path:
        assert (result.error.data["path"], result.value) == (path, value)


async def test_the_workspace_outlives_the_run_and_is_the_agents_own(opened: Open) -> None:
    write = """
import { workspace } from "mcp-runtime";
await workspace.saveData("data/rows.json", [{ n: 1 }]);
await workspace.saveData("data/deep/text.txt", "text");
await workspace.saveData("data/raw.bin", new Uint8Array([255]));
Deno.writeTextFileSync("lib.ts", "export const six: number = 6;");
workspace.path("data")
"""
    read = """
import { workspace } from "mcp-runtime";
import { six } from "./lib.ts";
const refused: string[] = [];
for (const name of ["../x", "/etc/passwd"]) {
  try { workspace.path(name); } catch (error) { refused.push((error as Error).name); }
}
const names = ["data/rows.json", "data/deep/text.txt", "data/raw.bin"];
const [rows, text, raw] = await Promise.all(names.map((name) => workspace.loadData(name)));
[rows, text, [...raw], six, refused]
"""
    async with opened() as up:
        assert (await up.run(write, agent="a", language="typescript", check=False)).ok
        mine = await up.run(read, agent="a", language="typescript", check=False)
        others = await up.run(
            "[...Deno.readDirSync('data')].length", agent="b", language="typescript", check=False
        )
        python = await up.run("open('data/deep/text.txt').read()", agent="a")
    assert mine.value == [[{"n": 1}], "text", [255], 6, ["RangeError", "RangeError"]]
    assert (others.value, python.value) == (0, "text")


async def test_discovery_and_progress_work_from_inside(tmp_path: Path) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(value: float, total: float | None, message: str | None) -> None:
        seen.append((value, total, message))

    code = """
import { getToolDocs, listServers, progress, searchTools } from "mcp-runtime";
progress(1, 2, "half");
const [hit] = await searchTools("echo", { limit: 1 });
const docs = await getToolDocs(hit.id, "demo.echo");
const [{ name }] = await listServers();
[hit.signature.split(": Promise")[1], docs["demo.echo"].includes('from "mcp-servers"'), name]
"""
    async with Underpass.open({"demo": server("demo", echo=echo)}, home=tmp_path) as up:
        result = await up.run(code, language="typescript", check=False, on_progress=note)
    assert result.value == ["<unknown>", True, "demo"]
    assert seen == [(1.0, 2.0, "half")]


@pytest.mark.requirement("R21", "R24")
async def test_code_narrows_a_search_and_searches_for_several_steps_at_once(tmp_path: Path) -> None:
    code = """
import { getToolDocs, listCapabilities, listCategories, searchTools, ToolError } from "mcp-runtime";
const [group] = await searchTools({ queries: ["echo tool"], limit: 1, server: undefined });
const [capability] = Object.keys(await listCapabilities({ server: "demo" }));
const filters = { server: "demo", capabilities: [capability], limit: 1, detail: "full" as const };
const [full] = await searchTools(filters);
const docs = await getToolDocs(["demo.echo"], { detail: "full" });
const counted = Object.values(await listCategories()).reduce((a, b) => a + b, 0);
let caught = "";
try {
  await searchTools("x", { server: "dmeo" });
} catch (error) {
  if (error instanceof ToolError) caught = error.hint;
}
[group.query, group.tools[0].id, full.capabilities.includes(capability),
  full.documentation?.includes("await demo."), Object.keys(docs), counted, caught]
"""
    servers = {"demo": server("demo", echo=echo, get_echo=echo)}
    async with Underpass.open(servers, home=tmp_path) as up:
        result = await up.run(code, language="typescript", check=True)
    assert result.error is None, result.error
    assert result.value == [
        "echo tool", "demo::echo", True, True, ["demo.echo"], 2, "did you mean 'demo'?",
    ]  # fmt: skip


@pytest.mark.requirement("R16", "R24")
async def test_options_that_are_no_object_are_told_how_to_be_given(opened: Open) -> None:
    calls = {
        'listCapabilities("demo" as any)': 'write listCapabilities({ server: "demo" })',
        "listCategories(null as any)": 'write listCategories({ server: "…" })',
        'searchTools("x", ["demo"] as any)': 'write searchTools("…", { server: "…" })',
    }
    names = 'import { listCapabilities, listCategories, searchTools } from "mcp-runtime";\n'
    results = await each(opened, *(f"{names}await {call}" for call in calls))
    for hint, result in zip(calls.values(), results, strict=True):
        assert result.error is not None
        assert (result.error.type, result.error.hint) == ("ToolArgumentsInvalid", hint)
        assert "takes its options in an object, not as" in result.error.message


async def test_limits_are_named(opened: Open) -> None:
    settings = {"run.output_bytes": 10_000, "run.result_bytes": 100_000, "calls.max_calls": 3}
    printed, large, called = await each(
        opened,
        "for (;;) console.log('x'.repeat(100));",
        "'y'.repeat(200_000)",
        'import { demo } from "mcp-servers";\nfor (;;) await demo.echo({});',
        **settings,
    )
    assert printed.error is not None
    assert (printed.error.type, printed.error.data["setting"]) == ("LimitExceeded", "run.output_bytes")
    assert large.error is not None
    assert large.error.type == "ResultInvalid"
    assert "results/" in large.error.message
    assert called.error is not None
    assert called.error.type == "ToolLimitExceeded"


async def test_the_time_of_a_run_ends_it_wherever_it_is(opened: Open) -> None:
    async with opened() as up:
        looping = await up.run("for (;;);", language="typescript", check=False, timeout=0.3)
        waiting = await up.run(
            "await new Promise(() => {});", language="typescript", check=False, timeout=0.3
        )
        after = await up.run("1", language="typescript", check=False)
    for result in (looping, waiting):
        assert result.error is not None
        assert (result.error.type, result.error.data.get("timeout", result.error.data.get("value"))) == (
            "Timeout",
            0.3,
        )
    assert after.value == 1
    assert looping.error is not None
    assert "it was computing, so its line is not known" in looping.error.hint


async def test_a_program_whose_time_ends_while_it_waits_says_where(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, the program says where it was.
    monkeypatch.setattr("underpass.execution.conversation._GRACE", 60.0)

    async def slow(_arguments: Mapping[str, Any]) -> None:
        await anyio.sleep_forever()

    async def quick(_arguments: Mapping[str, Any]) -> int:
        return 1

    calling = (
        'import { demo } from "mcp-servers";\nconst first = await demo.quick();\n'
        "async function ask() {\n  return await demo.slow();\n}\nawait ask();\n"
    )
    waiting = (
        'import { callTool } from "mcp-runtime";\n\nawait callTool("demo", "quick");\n'
        "await new Promise(() => {});"
    )
    demo = server("demo", slow=slow, quick=quick)
    async with opened(demo) as up:

        async def cut_off(code: str, calls: int) -> RunResult:
            return await in_time(
                lambda timeout: up.run(code, language="typescript", check=False, timeout=timeout),
                lambda result: len(result.tool_calls) == calls,
            )

        in_call, after_call = await cut_off(calling, 2), await cut_off(waiting, 1)
    assert in_call.error is not None
    assert re.fullmatch(r"the run took longer than \S+ s \(it was at line 4\)", in_call.error.message)
    assert in_call.error.traceback.startswith(
        "waiting for a tool called here:\n    at async ask (program.ts:4:"
    )
    assert after_call.error is not None
    assert (after_call.error.type, after_call.error.data["line"]) == ("Timeout", None)
    assert after_call.error.traceback == "waiting, after the last tool call:\n    at program.ts:3:7\n"


async def test_too_many_open_files_are_told_by_their_setting(tmp_path: Path) -> None:
    opening = 'const files = [];\nfor (;;) files.push(Deno.openSync("a", { write: true, create: true }));'
    at_once = (
        'await Promise.all(Array.from({ length: 999 }, () => Deno.open("a", { write: true, create: true })));'
    )
    async with Underpass.open({}, home=tmp_path) as up:
        results = [await up.run(code, language="typescript", check=False) for code in (opening, at_once)]
    for result in results:
        assert result.error is not None
        assert (result.error.type, result.error.data["setting"]) == ("LimitExceeded", "run.open_files")
        assert "files open at once (it was at line" in result.error.message


@pytest.mark.parametrize(
    "code",
    [
        "const kept = [];\nfor (;;) kept.push(new Uint8Array(1 << 20).fill(1));",
        "const kept: unknown[] = [];\nfor (;;) kept.push({ at: kept.length });",
    ],
)
async def test_memory_is_bounded_and_the_limit_is_named(tmp_path: Path, code: str) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.memory_mb": 64}) as up:
        result = await up.run(code, language="typescript", check=False, timeout=60)
    assert result.error is not None
    assert (result.error.type, result.error.data["setting"]) == ("LimitExceeded", "run.memory_mb")


async def test_processor_time_is_bounded_and_the_limit_is_named(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.cpu_seconds": 1}) as up:
        result = await up.run("for (;;);", language="typescript", check=False, timeout=60)
    assert result.error is not None
    assert (result.error.type, result.error.data["setting"]) == ("LimitExceeded", "run.cpu_seconds")


async def test_what_ends_without_a_value_says_how(opened: Open) -> None:
    left, failed, late, thrown = await each(
        opened,
        "console.log('bye');\nDeno.exit();",
        "Deno.exit(3);",
        "Promise.reject(new Error('nobody waited'));\nawait new Promise((on) => setTimeout(on, 1_000));\n1",
        "setTimeout(() => { throw new RangeError('in a timer'); }, 0);\n"
        "await new Promise((on) => setTimeout(on, 1_000));",
    )
    assert (left.error, left.value, left.stdout) == (None, None, "bye\n")
    assert [result.error and result.error.message for result in (failed, late, thrown)] == [
        "the program ended itself with status 3", "nobody waited", "in a timer",
    ]  # fmt: skip


async def test_a_large_value_is_kept_and_the_program_is_told_how_to_load_it(opened: Open) -> None:
    async with opened() as up:
        result = await up.run(
            "Array.from({ length: 5_000 }, (_, n) => ({ n }))",
            language="typescript",
            check=False,
            max_tokens=200,
        )
        load = result.value["load"]
        again = await up.run(
            load.replace("await", "const whole = await") + ";\nwhole.length", language="typescript"
        )
    assert (result.truncated, again.value) == (True, 5_000)
    assert load.startswith('import { loadResult } from "mcp-runtime"; await loadResult(')


async def test_many_runs_at_once_are_all_right(tmp_path: Path) -> None:
    async with Underpass.open({"demo": server("demo", echo=echo)}, home=tmp_path) as up:
        values: dict[int, Any] = {}

        async def one(n: int) -> None:
            code = f'import {{ callTool }} from "mcp-runtime";\nawait callTool("demo", "echo", {{ n: {n} }})'
            values[n] = (
                await up.run(code, agent=f"a{n % 3}", language="typescript", check=False, timeout=120)
            ).value

        async with anyio.create_task_group() as tasks:
            for n in range(40):
                tasks.start_soon(one, n)
    assert values == {n: {"n": n} for n in range(40)}


async def test_a_server_that_cannot_be_listed_says_so_where_it_is_used(tmp_path: Path) -> None:
    servers = {"broken": {"command": "no-such-command-anywhere"}}
    async with Underpass.open({"mcpServers": servers}, home=tmp_path) as up:
        result = await up.run(
            'import { broken } from "mcp-servers";\n'
            "try { await (broken as any).anything({}); } catch (error) { return (error as Error).name; }",
            language="typescript",
            check=False,
        )
    assert (result.error, result.value) == (None, "ToolUnavailable")


async def test_requests_that_make_no_sense_are_refused(opened: Open) -> None:
    async with opened() as up:
        with pytest.raises(ValidationFailed, match="typescrip") as refused:
            await up.run("1", language="typescrip")
        with pytest.raises(ValidationFailed):
            await up.run("1", language="typescript", check=False, agent="../other")
    assert refused.value.hint == "did you mean 'typescript'?"


async def test_without_deno_the_error_says_how_to_install_it(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deno_binary, "_path", lambda: None)
    async with opened() as up:
        with pytest.raises(SandboxUnavailable, match="Deno") as missing:
            await up.run("1", language="typescript", check=False)
        assert (await up.run("1")).value == 1
    assert missing.value.hint == "pip install 'underpass[typescript]'"
    assert not deno_binary.is_installed()


async def test_the_result_as_json_names_language_and_sandbox(opened: Open) -> None:
    shown = (await run(opened, "1")).to_dict()
    assert json.loads(json.dumps(shown))["language"] == "typescript"


async def test_modules_that_nobody_has_used_for_a_week_are_removed(tmp_path: Path) -> None:
    folders = tmp_path / ".underpass" / "modules" / "typescript"
    week_ago = time.time() - 8 * 86_400
    first = 'import { demo } from "mcp-servers";\n(await demo.echo({ n: 1 })).n'
    second = 'import { other } from "mcp-servers";\n(await other.echo({ n: 2 })).n'
    servers = {name: server(name, echo=echo) for name in ("demo", "other")}
    async with Underpass.open(servers, home=tmp_path) as up:
        await up.run(first, language="typescript", check=False)
        [used] = folders.iterdir()
        for name in ("unused", ".making-unfinished", "lately"):
            (folders / name / "demo").mkdir(parents=True)
        for name in (used.name, "unused", ".making-unfinished"):
            os.utime(folders / name, (week_ago, week_ago))
        again = await up.run(first, language="typescript", check=False)
        result = await up.run(second, language="typescript", check=False)
        kept = {folder.name for folder in folders.iterdir()}
    assert (again.value, result.value) == (1, 2)
    assert kept >= {used.name, "lately"}
    assert len(kept) == 3


async def test_a_worker_computes_and_what_it_prints_goes_nowhere(opened: Open) -> None:
    code = """
const inside = "console.log('no'); Deno.stdout.writeSync(new Uint8Array(9));" +
  "onmessage = (event) => postMessage(event.data * 2)";
const address = URL.createObjectURL(new Blob([inside], { type: "text/javascript" }));
const worker = new Worker(address, { type: "module" });
const answer = new Promise((resolve) => { worker.onmessage = (event) => resolve(event.data); });
worker.postMessage(21);
console.log("yes");
const value = await answer;
worker.terminate();
value
"""
    result = await run(opened, code)
    assert (result.value, result.stdout, result.error) == (42, "yes\n", None)
