"""What one program in TypeScript declares, the next of its session has."""

# ruff: noqa: E501, ISC004 - the texts of programs

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.execution.conftest import Open, echo, server
from tests.execution.test_sessions import Gate, processes, stats, told, versioned
from tests.execution.test_typescript import PLAIN

from underpass import Underpass, ValidationFailed
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.execution.deno_globals import GLOBALS
from underpass.execution.result import RunResult

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R19")]


async def run(up: Underpass, code: str, **options: Any) -> RunResult:
    """Run a program in the session ``s1``."""
    chosen: dict[str, Any] = {"session": "s1", "language": "typescript", "check": False, **options}
    return await up.run(code, **chosen)


async def values(up: Underpass, *programs: str, session: str = "s1") -> list[Any]:
    """What programs of a session give; none may fail."""
    found: list[Any] = []
    for program in programs:
        result = await run(up, program, session=session)
        assert result.error is None, (program, result.error)
        found.append(result.value)
    return found


async def test_variables_imports_and_functions_survive(opened: Open) -> None:
    async with opened() as up:
        first = await run(
            up,
            'import { demo } from "mcp-servers";\nimport { callTool } from "mcp-runtime";\n'
            "let rows: number[] = [1];\n"
            "async function ask(n: number): Promise<number> {\n  return (await demo.echo({ n })).n;\n}\n",
        )
        assert first.ok
        assert told(first) == (True, False)
        second = await run(
            up, 'rows.push(await ask(2), ((await callTool("demo", "echo", { n: 3 })) as any).n); rows'
        )
        assert (second.error, second.value) == (None, [1, 2, 3])
        assert told(second) == (False, False)
        assert second.language == "typescript"
        assert second.sandbox in {"deno", "deno-permissions"}
        assert [call.tool for call in second.calls] == ["echo", "echo"]
        assert [(info.name, info.language, info.runs) for info in up.sessions()] == [("s1", "typescript", 2)]


DECLARATIONS = {
    "const": ("const a = 1, b: string = 'b';", "[a, b]", [1, "b"]),
    "let": ("let a: number, b = 2, c!: string;", "[a ?? null, b, c ?? null]", [None, 2, None]),
    "var": ("var a = 1, b; if (true) { var c = 3 }", "[a, b ?? null, c]", [1, None, 3]),
    "var of loops": (
        "for (var i = 0; i < 2; i++); for (var [k, v] of [['k', 1]]); for (var p in { q: 1 });",
        "[i, k, v, p]",
        [2, "k", 1, "q"],
    ),
    "var in statements": (
        "if (true) var a = 1\nelse var b = 2\nlabel: { var c = 3 }\nswitch (1) { case 1: var d = 4 }\n"
        "try { var e = 5 } catch { var f = 6 }",
        "[a, typeof b, c, d, e, typeof f]",
        [1, "undefined", 3, 4, 5, "undefined"],
    ),
    "patterns": (
        "const { a, b: { c = 3 }, d: [e, ...f], ...g }: any = { a: 1, b: {}, d: [5, 6], h: 8 },\n"
        "  [i = a, , j] = [undefined, 0, 10];",
        "[a, c, e, f, g, i, j]",
        [1, 3, 5, [6], {"h": 8}, 1, 10],
    ),
    "functions": (
        "const early = f(2);\nfunction f(n: number): number;\nfunction f(n: any) { return n * 2 }\n"
        "async function g() { return f(3) }\nfunction* h() { yield 1 }\nconst k = () => 4, l = class {};",
        "[early, f(1), await g(), [...h()], k(), [f, g, h, k, l].map((each) => each.name)]",
        [4, 2, 6, [1], 4, ["f", "g", "h", "k", "l"]],
    ),
    "classes": (
        "abstract class A { abstract n(): number; twice() { return 2 * this.n() } }\n"
        "class B extends A { static made = new B(); n() { return 4 } }\nclass C { static name = 'own' }",
        "[B.made.twice(), new B() instanceof A, A.name, C.name]",
        [8, True, "A", "own"],
    ),
    "enums": (
        "enum Colour { Red, Green = 5 }\nconst enum Size { Small = 's' }",
        "[Colour.Green, Colour[0], Size.Small]",
        [5, "Red", "s"],
    ),
    "exports": (
        "export const a = 1;\nexport function f() { return a }\nexport class C {}\nexport default function g() {}",
        "[f(), typeof C, typeof g]",
        [1, "function", "function"],
    ),
    "statements without semicolons": (
        "const a = 1\nconst [b, c] = [2, 3]\nlet d\n;[4].forEach((e) => { d = e })\nvar w = 5\n"
        "const { x } = { x: 6 }\nlet y\n(function () { y = 7 })()\n",
        "[a, b, c, d, w, x, y]",
        [1, 2, 3, 4, 5, 6, 7],
    ),
    "nothing of inner scopes": (
        "{ const inner = 1; class Inner {} }\nfor (const each of [1]);\n"
        "(() => { var hidden = 1; })();\nfunction f(parameter) { var local; }\ntry { throw 1 } catch (caught) {}",
        "[typeof inner, typeof Inner, typeof each, typeof hidden, typeof parameter, typeof local, typeof caught]",
        ["undefined"] * 7,
    ),
    "what stands behind a return": ("return 1; const a = 1", "typeof a", "undefined"),
    "other letters": ("const é = 'ä'; let 变量 = 1;\r\nconst b = 2 // c\r\n", "[é, 变量, b]", ["ä", 1, 2]),
}


async def test_whatever_is_declared_at_the_top_level_is_kept(opened: Open) -> None:
    async with opened(**{"sessions.max": 30}) as up:
        for name, (first, second, expected) in DECLARATIONS.items():
            [_, found] = await values(up, first, second, session=re.sub(r"\W", "-", name))
            assert found == expected, name


async def test_a_declaration_replaces_the_one_before_for_earlier_functions_too(opened: Open) -> None:
    async with opened() as up:
        seen = await values(
            up,
            "let n = 1; const unit = 'm'; function scale() { return 10 }\n"
            "class Box { size = 1 }\nenum Kind { Old }\n"
            "function show() { return [n * scale() + unit, new Box().size, Kind[0]] }\nshow()",
            "n = 2; show()",
            "const n = 3; const unit = 'km'; show()",
            "function scale() { return 100 }\nclass Box { size = 2 }\nenum Kind { New }\nshow()",
            "let scale = () => 1; function unit() {}\nunit.toString = () => '!'; show()",
            "show = ((old) => () => ['wrapped', ...old()])(show); show()",
        )
    assert seen == [
        ["10m", 1, "Old"], ["20m", 1, "Old"], ["30km", 1, "Old"], ["300km", 2, "New"], ["3!", 2, "New"],
        ["wrapped", "3!", 2, "New"],
    ]  # fmt: skip


async def test_a_constant_stays_one_until_it_is_declared_again(opened: Open) -> None:
    async with opened() as up:
        await values(up, "const limit = 1")
        refused = await run(up, "limit = 2")
        assert refused.error is not None
        assert refused.error.type == "TypeError"
        assert "declared with `const`" in refused.error.hint
        assert await values(up, "let limit = 3; limit", "limit += 1; limit") == [3, 4]


async def test_a_program_that_throws_keeps_what_it_had_declared(opened: Open) -> None:
    async with opened() as up:
        await values(up, "let a = 1, b = 1")
        failed = await run(up, "a = 2;\nconst c = 3;\nlet b = missing;\nlet d = 4")
        assert failed.error is not None
        assert (failed.error.type, failed.error.data["line"]) == ("ReferenceError", 3)
        assert await values(up, "[a, b, c, typeof d]") == [[2, 1, 3, "undefined"]]


async def test_an_error_names_the_lines_of_each_program(opened: Open) -> None:
    async with opened() as up:
        await values(up, "const x: any = null;\nfunction read(): number {\n  return x.size;\n}")
        failed = await run(up, "let y = 2, { z } = { z: 1 };\n\nconst w = 1, v = read();")
        assert failed.error is not None
        assert failed.error.data["line"] == 3
        assert failed.error.traceback.splitlines()[1:] == [
            "    at read (program.ts:3:12)", "    at program-2.ts:3:18",
        ]  # fmt: skip
        assert told(failed) == (False, False)
        assert await values(up, "y") == [2]
        late = await run(up, "const deep = { a: () => { throw new RangeError('deep'); } }; let t = deep.a();")
        assert late.error is not None
        assert "program-4.ts:1:33)" in late.error.traceback
        assert "program-4.ts:1:75" in late.error.traceback


async def test_types_of_earlier_programs_may_be_named(opened: Open) -> None:
    async with opened() as up:
        seen = await values(
            up,
            "interface Point { x: number }\ntype Points = Point[];\nconst here: Point = { x: 1 };",
            "function right(p: Point): Point { return { x: p.x + 1 } }\nconst all: Points = [here, right(here)];\n"
            "all satisfies Points",
            'import type { EchoResult } from "mcp-servers/demo";\n'
            'import { echo, EchoParameters } from "mcp-servers/demo";',
            "const given: EchoParameters = { n: 1 };\nconst got: EchoResult = await echo(given); got.n",
        )
    assert (seen[1], seen[3]) == ([{"x": 1}, {"x": 2}], 1)


async def test_names_that_deno_has_are_a_programs_own_and_no_other_modules(opened: Open) -> None:
    async with opened() as up:
        seen = await values(
            up,
            "const URL = 'http://x', Map = 1, JSON = 2, Error = 3, Object = 4, Promise = 5;\n"
            "let name = 'n', { performance } = { performance: 6 };\nclass Event { kind = 'mine' }\n"
            "function fetch(name) { return { name, URL } }\nvar status = 7;\n[fetch('in'), fetch.name, Event.name]",
            'import { demo } from "mcp-servers";\nconsole.log(name);\n'
            "[URL, Map, JSON, Error, Object, Promise, performance, new Event().kind, fetch('a').URL, status,\n"
            "  (await demo.echo({ URL })).URL]",
            "name = 'changed'; ({ name })",
            "class Person { constructor(public name: string, readonly status = name + '!') { name += '?'; } }\n"
            "enum Kind { name = 2, twice = name * 2 }\n"
            "const other: typeof name = name; let { status: code }: { status: typeof status } = { status: 8 };\n"
            "[new Person('p').name, new Person('p').status, Kind.twice, name, other, code]",
        )
    assert seen == [
        [{"name": "in", "URL": "http://x"}, "fetch", "Event"],
        ["http://x", 1, 2, 3, 4, 5, 6, "mine", "http://x", 7, "http://x"],
        {"name": "changed"},
        ["p", "p!", 4, "changed", "changed", 8],
    ]


async def test_the_names_that_deno_has_are_known(opened: Open) -> None:
    async with opened() as up:
        found = await up.run(
            "Object.getOwnPropertyNames(globalThis)", language="typescript", check=False, max_tokens=5_000
        )
    assert found.value is not None
    assert set(found.value) <= GLOBALS


@pytest.mark.slow
async def test_a_program_does_in_a_session_what_it_does_by_itself(tmp_path: Path) -> None:
    # To declare a name again is no error here.
    programs = [code for code in PLAIN if "let a = 2" not in code]

    def seen(result: RunResult) -> object:
        error = result.error
        places = [] if error is None else re.findall(r"program\.ts:([\d:]+)", error.traceback)
        return result.value, result.stdout, error and (error.type, error.message), places

    async with Underpass.open(None, home=tmp_path) as up:
        for code in (*programs, *(f"type T = 1; {code}" for code in programs)):
            alone = await run(up, code, session=None)
            shared = await run(up, code)
            up.end_session("s1")
            assert seen(shared) == seen(alone), code


async def test_a_program_whose_names_cannot_be_found_is_refused(opened: Open) -> None:
    async with opened() as up:
        refused = await run(up, "const a = 1;\nfor (using x of []) {}")
        assert refused.error is not None
        assert refused.error.type == "CodeError"
        assert refused.error.message == "the names of this program cannot be kept: line 2 is not understood"
        assert told(refused) == (True, False)
        unparsed = await run(up, "const a = 1;\nconst b = ;")
        assert unparsed.error is not None
        assert (unparsed.error.type, unparsed.error.data["line"]) == ("SyntaxError", 2)
        assert await values(up, "typeof a") == ["undefined"]


async def test_what_is_used_with_using_ends_with_its_program(opened: Open) -> None:
    async with opened() as up:
        result = await run(up, "using file = { [Symbol.dispose]() { console.log('closed') } };")
        assert (result.error, result.stdout) == (None, "closed\n")
        assert await values(up, "typeof file") == ["undefined"]


async def test_runs_without_a_session_share_nothing(opened: Open) -> None:
    async with opened() as up:
        await values(up, "const x = 1")
        for options in ({"session": None}, {"session": "s2"}, {"agent": "other"}):
            assert (await run(up, "typeof x", **options)).value == "undefined"


async def test_a_session_has_one_language(opened: Open) -> None:
    async with opened() as up:
        await values(up, "const x = 1")
        with pytest.raises(ValidationFailed, match="the session 's1' are written in TypeScript") as refused:
            await up.run("x = 2", session="s1")
        assert refused.value.hint.startswith("use another session for Python")
        assert await values(up, "x") == [1]
        await up.run("x = 1", session="s2")
        with pytest.raises(ValidationFailed, match="the session 's2' are written in Python"):
            await run(up, "x", session="s2")
        up.end_session("s2")
        assert told(await run(up, "1", session="s2")) == (True, False)


LOSSES = {
    "computing": "for (;;);",
    "waiting": "await new Promise(() => {});",
    "waiting for a tool": 'import { gate } from "mcp-servers"; await gate.wait();',
}


@pytest.mark.parametrize("how", LOSSES)
async def test_a_run_that_is_cut_off_says_that_the_session_was_lost(opened: Open, how: str) -> None:
    async with opened(server("gate", wait=Gate().wait)) as up:
        await values(up, "const x = 1")
        lost = await run(up, LOSSES[how], timeout=0.3)
        assert lost.error is not None
        assert lost.error.type == "Timeout"
        assert told(lost) == (False, True)
        assert "the session 's1' was lost" in lost.error.hint
        assert up.sessions() == []
        assert told(await run(up, "typeof x")) == (True, False)


async def test_a_run_whose_process_is_killed_says_so_and_is_not_resumed(opened: Open) -> None:
    gate = Gate()
    results: list[RunResult] = []
    async with opened(server("gate", wait=gate.wait)) as up:
        await values(up, "const x = 1")
        async with anyio.create_task_group() as tasks:

            async def work() -> None:
                results.append(await run(up, 'import { gate } from "mcp-servers"; await gate.wait();'))

            tasks.start_soon(work)
            await gate.reached.wait()
            os.kill(int(stats(up)[0].split()[0]), 9)
        assert results[0].error is not None
        assert results[0].error.type == "SandboxCrashed"
        assert told(results[0]) == (False, True)
        with pytest.raises(ValidationFailed, match="was one of the session s1"):
            await up.resume(results[0].run)


async def test_a_program_that_the_checker_refuses_leaves_the_session(opened: Open) -> None:
    async with opened() as up:
        refused = await run(up, "nothingLikeThat()", check=True)
        assert refused.error is not None
        assert told(refused) == (True, False)
        assert told(await run(up, "const x: number = 1;", check=True)) == (True, False)
        later = await run(up, "x", check=True)
        assert later.value == 1
        assert str(later.checked).startswith("skipped: the variables of the session")


async def test_a_program_may_end_itself_and_the_session_goes_on(opened: Open) -> None:
    async with opened() as up:
        assert (
            await values(
                up,
                "let n = 1; console.log('bye'); Deno.exit(); n = 2",
                "setTimeout(() => Deno.exit(), 1); await new Promise(() => {});",
                "n",
            )
        )[2] == 1
        failed = await run(up, "try { Deno.exit(3) } catch {}\nn = 3")
        assert failed.error is not None
        assert failed.error.message == "the program ended itself with status 3"
        assert len(await values(up, "n")) == 1


async def test_memory_that_is_used_up_can_be_given_back(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path, settings={"run.memory_mb": 100}) as up:
        failed = await run(up, "let kept = [];\nfor (;;) kept.push(new Uint8Array(5_000_000).fill(1));")
        assert failed.error is not None
        assert failed.error.data["setting"] == "run.memory_mb"
        assert told(failed) == (True, False)
        assert await values(up, "kept.length > 5", "kept = []; 1") == [True, 1]


@pytest.mark.slow
async def test_each_run_has_processor_time_of_its_own(tmp_path: Path) -> None:
    burn = "{ const until = process.cpuUsage().user + 0.8e6; while (process.cpuUsage().user < until); }"
    async with Underpass.open(None, home=tmp_path, settings={"run.cpu_seconds": 1}) as up:
        for _ in range(2):
            done = await run(up, burn, timeout=60)
            assert done.error is None
        over = await run(up, "for (;;);", timeout=60)
        assert over.error is not None
        assert over.error.data["limit"] == "cpu_seconds"
        assert told(over) == (False, True)


async def test_nothing_of_a_session_runs_between_its_runs(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        await values(up, "let ticks = 0; setInterval(() => { ticks += 1 }, 1); 1")
        state = ""
        for _ in range(100_000):
            if (state := stats(up)[0].split()[2]) == "T":
                break
            await anyio.lowlevel.checkpoint()
        assert state == "T", "stopped: it takes no processor time"


async def test_what_an_earlier_run_left_behind_neither_calls_nor_prints(opened: Open) -> None:
    leave = """
import { demo } from "mcp-servers";
import { progress, workspace } from "mcp-runtime";
let told: string[] = [], go: (value?: unknown) => void;
const gate = new Promise((resolve) => go = resolve);
const left = gate.then(async () => {
  console.log("of the first run");
  for (const attempt of [() => demo.echo({ n: 1 }), () => workspace.checkpoint("x"), async () => progress(1)]) {
    try { await attempt(); told.push("done"); } catch (error) { told.push(`${error.name}: ${error.message}`); }
  }
});
const failing = gate.then(() => { throw new Error("of the first run"); });
setInterval(() => { console.log("tick"); throw new Error("of a timer"); }, 1);
1
"""
    async with opened() as up:
        await values(up, leave)
        second = await run(up, "go(); await left; await new Promise((on) => setTimeout(on, 20)); told")
        assert second.error is None
        assert (second.stdout, second.calls) == ("", ())
        assert len(second.value) == 3
        assert all(
            each.startswith("ToolError: the run that this belongs to is over") for each in second.value
        )
        # What is asked of it now is answered, and its own is told where it is waited for.
        third = await run(up, "console.log('mine'); const got = (await demo.echo({ n: 2 })).n; await failing")
        assert third.error is not None
        assert (third.error.message, third.stdout) == ("of the first run", "mine\n")
        assert await values(up, "got") == [2]


async def test_a_call_that_nobody_waited_for_is_no_later_runs(opened: Open) -> None:
    gate = Gate()
    async with opened(server("gate", wait=gate.wait, echo=echo)) as up:
        first = await run(up, 'import { callTool } from "mcp-runtime"; const p = callTool("gate", "wait"); 1')
        assert first.error is not None
        assert first.error.type == "CodeError"
        gate.open.set()
        second = await run(up, 'const { n } = await callTool("gate", "echo", { n: 2 }); n')
        assert second.value == 2
        third = await run(up, "try { await p } catch (error) { return error.message }")
        assert "may have happened, or not" in third.value
        assert [len(each.calls) for each in (first, second, third)] == [1, 1, 0]


async def test_each_run_has_its_own_limit_of_calls(opened: Open) -> None:
    async with opened(**{"calls.max_calls": 2}) as up:
        use = 'import { demo } from "mcp-servers";\nasync function call(n) { return (await demo.echo({ n })).n }'
        await values(up, f"{use}\nawait call(1)")
        assert await values(up, "[await call(1), await call(2)]", "await call(3)") == [[1, 2], 3]
        over = await run(up, "for (;;) await call(1)")
        assert over.error is not None
        assert over.error.type == "ToolLimitExceeded"
        assert await values(up, "await call(4)") == [4]


async def test_modules_of_the_workspace_are_imported_for_later_programs(opened: Open) -> None:
    async with opened() as up:
        seen = await values(
            up,
            "Deno.writeTextFileSync('lib.ts', 'export const six: number = 6; export default (n: number) => n;');\n"
            "Deno.writeTextFileSync('data.json', '[7]');",
            'import same, { six } from "./lib.ts";\nimport data from "./data.json" with { type: "json" };\n'
            'import * as lib from "./lib.ts";',
            "[same(5), six, ...data, lib.six]",
            'import { six } from "./lib.ts";\n[six, (await import("./lib.ts")).six]',
        )
    assert (seen[2], seen[3]) == ([5, 6, 7, 6], [6, 6])


async def test_any_server_can_be_imported_later(opened: Open) -> None:
    async with opened(server("demo", echo=echo), server("other", echo=echo)) as up:
        seen = await values(
            up,
            'import { demo } from "mcp-servers"; (await demo.echo({ n: 1 })).n',
            'import { echo } from "mcp-servers/other"; (await echo({ n: 2 })).n',
            "[(await demo.echo({ n: 3 })).n, (await echo({ n: 4 })).n]",
            'import * as all from "mcp-servers"; 1',
            "(await all.other.echo({ n: 5 })).n",
        )
        assert (seen[:3], seen[4]) == ([1, 2, [3, 4]], 5)
        missing = await run(up, 'import { echoo } from "mcp-servers/other"; echoo')
        assert missing.error is not None
        assert "'echoo' to import" in missing.error.message
        assert missing.error.data["line"] == 1


async def test_modules_that_changed_are_used_once_they_are_imported_again(opened: Open) -> None:
    upstream = InMemoryUpstream("demo")

    async def handle(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=dict(arguments), has_structured=True)

    upstream.add(versioned("old"), handle)
    use = 'import { demo } from "mcp-servers";\n'
    async with opened(upstream) as up:
        ask = "async function ask(given) { return await demo.echo(given) }\nawait ask({ old: 1 })"
        assert await values(up, use + ask) == [{"old": 1}]
        upstream.add(versioned("new"), handle)
        await up.catalog.refresh("demo")
        assert await values(up, f"{use}await ask({{ new: 2 }})") == [{"new": 2}]


async def test_a_run_waits_for_its_turn_and_a_session_can_be_ended(opened: Open) -> None:
    gate = Gate()
    results: list[RunResult] = []
    async with opened(server("gate", wait=gate.wait)) as up:
        async with anyio.create_task_group() as tasks:

            async def work(code: str) -> None:
                results.append(await run(up, code))

            tasks.start_soon(work, 'import { gate } from "mcp-servers"; await gate.wait(); const x = 1;')
            await gate.reached.wait()
            tasks.start_soon(work, "x + 1")
            gate.open.set()
        assert [result.value for result in results] == [None, 2]
        assert up.end_session("s1") is True
        assert told(await run(up, "typeof x")) == (True, False)


async def test_sessions_of_both_languages_are_bounded_together(opened: Open) -> None:
    async with opened(**{"sessions.max": 2}) as up:
        await up.run("x = 1", session="python")
        await values(up, "1", session="s1")
        await values(up, "1", session="s2")
        assert [info.name for info in up.sessions()] == ["s1", "s2"]
        await up.run("x = 1", session="python")
        assert [(info.name, info.language) for info in up.sessions()] == [
            ("s2", "typescript"), ("python", "python"),
        ]  # fmt: skip


async def test_a_session_that_was_killed_while_idle_begins_anew(opened: Open) -> None:
    async with opened() as up:
        await values(up, "const x = 1")
        number = int(stats(up)[0].split()[0])
        handle = os.pidfd_open(number)
        os.kill(number, 9)
        await anyio.wait_readable(handle)
        os.close(handle)
        assert told(await run(up, "typeof x")) == (True, False)


async def test_nothing_is_left_when_underpass_ends(opened: Open) -> None:
    async with opened() as up:
        await values(up, "setInterval(() => {}, 1); 1")
        numbers = {int(line.split()[0]) for line in stats(up)}
    assert len(numbers) == 1
    assert not numbers & processes()


HOST = """
import anyio, sys
from underpass import Underpass

async def main():
    async with Underpass.open(None, home=sys.argv[1], sandbox=sys.argv[2]) as up:
        for name, code in (("s1", "const x = 1"), ("s2", "setInterval(() => {}, 1); await null; 1")):
            await up.run(code, session=name, language="typescript", check=False)
        held = [session.held for session in up._sessions._sessions.values()]
        print(*(each.lease.process for each in held), flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.mark.parametrize("tier", ["process", "none"])
async def test_no_session_outlives_a_host_that_is_killed(tmp_path: Path, tier: str) -> None:
    command = [sys.executable, "-c", HOST, str(tmp_path), tier]
    async with await anyio.open_process(command, stderr=None) as host:
        assert host.stdout is not None
        line = await BufferedByteReceiveStream(host.stdout).receive_until(b"\n", 1_000)
        handles = [os.pidfd_open(int(number)) for number in line.split()]
        host.kill()
        with anyio.fail_after(30):
            for handle in handles:
                await anyio.wait_readable(handle)
                os.close(handle)
    assert len(handles) == 2
