"""What a program can do, and what its author gets back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from tests.execution.conftest import Open, echo, server
from tests.patience import LONG, in_time

from underpass import Underpass
from underpass.errors import ConfigError, ValidationFailed
from underpass.execution.result import RunResult

pytestmark = pytest.mark.anyio


async def run(opened: Open, code: str, **options: Any) -> RunResult:
    async with opened() as up:
        return await up.run(code, **options)


@pytest.mark.requirement("R10", "R12")
async def test_the_last_expression_is_the_value(opened: Open) -> None:
    result = await run(opened, "x = 20\nx + 22")
    assert (result.ok, result.value, result.stdout, result.error) == (True, 42, "", None)


async def test_a_top_level_return_is_the_value_and_ends_the_program(opened: Open) -> None:
    code = """
total: int = 0
def add(n):
    global total
    total += n
for n in range(10):
    add(n)
    if n == 3:
        return {"total": total}
print("never")
"""
    result = await run(opened, code)
    assert (result.value, result.stdout) == ({"total": 6}, "")


async def test_a_program_without_a_last_expression_has_no_value(opened: Open) -> None:
    result = await run(opened, "x = 1")
    assert (result.ok, result.value) == (True, None)


async def test_an_early_exit_is_no_error(opened: Open) -> None:
    result = await run(opened, "import sys\nprint('bye')\nsys.exit()")
    assert (result.ok, result.value, result.stdout) == (True, None, "bye\n")


async def test_an_exit_with_a_status_is_an_error(opened: Open) -> None:
    result = await run(opened, "import sys\nsys.exit('no data')")
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("SystemExit", "no data")


async def test_top_level_await_works_and_calls_run_concurrently(opened: Open) -> None:
    barrier = 0
    everyone = anyio.Event()

    async def meet(arguments: Mapping[str, Any]) -> Any:
        nonlocal barrier
        barrier += 1
        if barrier == 5:
            everyone.set()
        await everyone.wait()
        return arguments["n"]

    async with opened(server("demo", meet=meet)) as up:
        result = await up.run(
            "import asyncio\nfrom mcp_servers import demo\n"
            "sorted(await asyncio.gather(*(demo.meet(n=n) for n in range(5))))"
        )
    assert result.value == [0, 1, 2, 3, 4]
    assert len(result.tool_calls) == 5
    assert all(call.ok for call in result.calls)


async def test_a_program_may_start_its_own_event_loop(opened: Open) -> None:
    code = """
import asyncio
from mcp_servers import demo
async def main():
    return [await demo.echo(n=n) for n in range(2)]
asyncio.run(main()) + asyncio.run(main())
"""
    result = await run(opened, code)
    assert result.value == [{"n": 0}, {"n": 1}] * 2


@pytest.mark.requirement("R07")
async def test_tools_are_imported_on_first_use_only(opened: Open) -> None:
    code = """
import sys
import mcp_servers
before = sorted(name for name in sys.modules if name.startswith("mcp_servers."))
from mcp_servers import demo
between = sorted(name for name in sys.modules if name.startswith("mcp_servers.demo."))
from mcp_servers.demo import echo
(before, between, await echo(a=1), await demo.echo(a=1) == await echo(a=1))
"""
    result = await run(opened, code)
    before, between, *answers = result.value
    assert [name for name in before if name != "mcp_servers._runtime"] == []
    assert between == []
    assert answers == [{"a": 1}, True]


@pytest.mark.requirement("R16")
async def test_a_tool_error_can_be_caught_by_its_cause(opened: Open) -> None:
    code = """
from mcp_runtime import ToolError, ToolNotFound, call_tool
try:
    await call_tool("demo", "ecco", {})
except ToolNotFound as error:
    caught = [error.server, error.tool, error.hint]
try:
    await call_tool("nowhere", "x", {})
except ToolError as error:
    caught.append(type(error).__name__)
caught
"""
    result = await run(opened, code)
    assert result.value == ["demo", "ecco", "did you mean 'echo'?", "ToolNotFound"]
    assert [call.ok for call in result.tool_calls] == [False, False]


@pytest.mark.requirement("R16")
async def test_an_uncaught_error_has_the_programs_own_line_numbers(opened: Open) -> None:
    code = "def half(n):\n    return n / 0\n\nvalues = [half(1)]\n"
    async with opened() as up:
        result = await up.run(code, filename="analysis.py")
    assert result.error is not None
    assert (result.ok, result.error.type, result.error.message) == (
        False,
        "ZeroDivisionError",
        "division by zero",
    )
    assert 'File "analysis.py", line 4, in <module>' in result.error.traceback
    assert 'File "analysis.py", line 2, in half' in result.error.traceback
    assert "return n / 0" in result.error.traceback
    assert "underpass" not in result.error.traceback


async def test_a_syntax_error_names_its_line_and_nothing_runs(opened: Open) -> None:
    result = await run(opened, "from mcp_servers import demo\nawait demo.echo()\ndef f(:\n    pass")
    assert result.error is not None
    assert result.error.type == "SyntaxError"
    assert "line 3" in result.error.traceback
    assert result.tool_calls == ()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from mcp_servers import dem0", "did you mean 'demo'?"),
        ("import mcp_servers.dem0", "did you mean 'demo'?"),
        ("import mcp_servers\nmcp_servers.dem0", "did you mean 'demo'?"),
        ("from mcp_servers import demo\nawait demo.ecco()", "did you mean 'echo'?"),
        ("from mcp_servers.demo import ecco", "did you mean 'echo'?"),
        ("import demoo", "no other packages"),
        ("vaule = 1\nprint(value)", "did you mean 'vaule'?"),
    ],
)
async def test_an_unknown_name_is_answered_with_the_nearest_ones(opened: Open, code: str, said: str) -> None:
    result = await run(opened, code)
    assert result.error is not None
    assert said in f"{result.error.message} {result.error.hint}"


@pytest.mark.parametrize(
    "code",
    [
        "from mcp_servers import demo\ndemo.echo(a=1)",
        "from mcp_servers import demo\nr = demo.echo(a=1)\ndemo.echo(a=2)\n7",
        "from mcp_servers import demo\ndemo.echo(a=1)['a']",
        "from mcp_servers import demo\n[demo.echo(a=n) for n in range(3)]",
    ],
)
async def test_a_forgotten_await_is_an_error_that_says_so(opened: Open, code: str) -> None:
    result = await run(opened, code, check=False)
    assert result.error is not None
    assert "await" in result.error.hint
    assert result.tool_calls == ()


async def test_running_a_second_loop_is_answered_with_what_to_write(opened: Open) -> None:
    result = await run(
        opened, "import asyncio\nawait asyncio.sleep(0)\nasync def main(): pass\nasyncio.run(main())"
    )
    assert result.error is not None
    assert "await main()" in result.error.hint


async def test_printed_output_is_kept_apart_from_the_value(opened: Open) -> None:
    code = "import sys\nprint('out', end='')\nprint('err', file=sys.stderr)\nsys.stdout.write('put')\n1"
    result = await run(opened, code)
    assert (result.value, result.stdout, result.stderr) == (1, "output", "err\n")


@pytest.mark.requirement("R14")
@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("print('begun')\nwhile True:\n    pass", "line 2"),
        ("import asyncio\nprint('begun')\nawait asyncio.sleep(1000)", "line 3"),
        ("import time\nprint('begun')\ntime.sleep(1000)", "line 3"),
        ("from mcp_servers import demo\nprint('begun')\nawait demo.hang()", "line 3"),
    ],
)
async def test_wall_clock_ends_a_run_wherever_it_waits(
    opened: Open, monkeypatch: pytest.MonkeyPatch, code: str, line: str
) -> None:
    # However slow the machine is, the program says where it was.
    monkeypatch.setattr("underpass.execution.conversation._GRACE", 60.0)
    async with opened(server("demo", hang=lambda _: anyio.sleep_forever())) as up:
        result = await in_time(
            lambda timeout: up.run(code, timeout=timeout),
            lambda result: result.error is not None and line in result.error.message,
        )
        assert result.error is not None
        assert (result.error.type, result.stdout) == ("Timeout", "begun\n")
        assert line in result.error.message
        assert re.match(r"the run took longer than (0\.5|5|50) s", result.error.message)
        assert "underpass" not in result.error.traceback
        assert (await up.run("1")).value == 1


async def test_a_call_that_the_program_gives_up_is_given_up_on_the_server(opened: Open) -> None:
    reached, given_up = anyio.Event(), anyio.Event()

    async def wait(_: Mapping[str, Any]) -> Any:
        await reached.wait()

    async def hang(_: Mapping[str, Any]) -> Any:
        reached.set()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            given_up.set()
            raise

    code = """
import asyncio
from mcp_servers import demo
hanging = asyncio.ensure_future(demo.hang())
await demo.wait()
try:
    await asyncio.wait_for(hanging, 0.05)
except TimeoutError:
    pass
await demo.echo(still="here")
"""
    async with opened(server("demo", hang=hang, wait=wait, echo=echo)) as up:
        result = await up.run(code)
        assert result.value == {"still": "here"}
        assert given_up.is_set()
    assert [(call.tool, call.ok, call.error) for call in result.tool_calls] == [
        ("wait", True, None), ("hang", False, "Cancelled"), ("echo", True, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "value", "place"),
    [
        ("float('nan')", None, "$:"),
        ("{'rows': [1, {'score': float('inf')}]}", {"rows": [1, {"score": None}]}, "$.rows[1].score:"),
        ("(lambda a: (a.append(a), a)[1])([1])", [1, "<the same object as $>"], "$[1]:"),
        ("[object]", ["<class 'object'>"], "$[0]:"),
    ],
)
async def test_a_value_that_json_cannot_express_is_an_error_and_not_lost(
    opened: Open, expression: str, value: Any, place: str
) -> None:
    result = await run(opened, f"print('done')\n{expression}")
    assert result.error is not None
    assert (result.ok, result.error.type, result.value) == (False, "ResultInvalid", value)
    assert place in result.error.message
    assert result.stdout == "done\n"
    json.dumps(result.to_dict(), allow_nan=False)


async def test_a_value_is_cut_even_where_the_program_left_no_place_to_keep_it(opened: Open) -> None:
    code = "import shutil\nshutil.rmtree('results')\nopen('results', 'w').close()\n['x y'] * 40_000"
    result = await run(opened, code, max_tokens=300)
    assert (result.ok, result.truncated, result.handle) == (True, True, None)
    assert result.value["shape"]["length"] == 40_000
    assert result.value["whole"] is None


async def test_any_number_of_calls_may_be_in_flight(opened: Open) -> None:
    code = """
import asyncio
from mcp_runtime import call_tool
results = await asyncio.gather(*(call_tool("demo", "echo", {"x": "y" * 1000}) for _ in range(900)))
len(results)
"""
    assert (await run(opened, code, timeout=60)).value == 900


@pytest.mark.requirement("R14")
@pytest.mark.parametrize("frame", ['{"op":"cancel","id":1}', '{"op":"out","stream":"stdout","text":""}'])
async def test_a_guest_that_never_stops_talking_stops_no_clock(opened: Open, frame: str) -> None:
    code = f"""
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
os.set_blocking(3, True)
body = {frame!r}.encode()
flood = (len(body).to_bytes(4, "little") + body) * 5000
while True:
    data = memoryview(flood)
    while data:
        data = data[os.write(3, data):]
"""
    # The `none` tier's channel has another number, and nothing to be protected from.
    async with opened() as up:
        if up.settings.sandbox.tier == "none":
            return

        async def both(seconds: float) -> dict[str, RunResult]:
            results: dict[str, RunResult] = {}

            async def one(name: str, program: str, most: float) -> None:
                results[name] = await up.run(program, timeout=most)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one, "flood", code, seconds)
                tasks.start_soon(one, "other", "7", LONG)
            return results

        results = await in_time(both, lambda results: next(iter(results)) == "other")
    error = results["flood"].error
    assert error is not None
    assert error.type == "Timeout"
    assert results["other"].value == 7
    assert list(results) == ["other", "flood"], "it was served beside the flood"


@pytest.mark.parametrize(
    "frame",
    [
        '{"op":"progress","value":1' + "0" * 400 + "}",
        '{"op":"done","value":1e999}',
        '{"op":"done","value":' + "9" * 400 + ".0}",
    ],
)
async def test_numbers_too_large_end_the_run_that_sent_them(opened: Open, frame: str) -> None:
    async with opened() as up:
        if up.settings.sandbox.tier == "none":
            return
        code = f"import os, time\nb = {frame!r}.encode()\nos.write(3, len(b).to_bytes(4, 'little') + b)\n"
        result = await up.run(code + "time.sleep(10)")
        assert result.error is not None
        assert result.error.type == "SandboxCrashed"
        asked = "from mcp_runtime import search_tools\nawait search_tools('x', limit=float('inf'))"
        assert (await up.run(asked)).ok is False


async def test_a_name_of_any_length_is_not_recorded(opened: Open) -> None:
    code = """
from mcp_runtime import ToolNotFound, call_tool
try:
    await call_tool("x" * 10**6, "y", {})
except ToolNotFound as error:
    caught = error.message
caught
"""
    result = await run(opened, code)
    assert (result.value, result.tool_calls) == ("no server or tool has so long a name", ())


async def test_half_characters_are_no_crash(opened: Open) -> None:
    result = await run(opened, "print('a\\ud800b')\n'c\\ud800d'")
    assert (result.value, result.stdout) == ("c?d", "a?b\n")
    assert result.error is not None
    assert "surrogate" in result.error.message


async def test_a_program_that_returns_has_a_traceback_of_its_own_lines_only(opened: Open) -> None:
    result = await run(opened, "import os\nif not os:\n    return 1\nraise ValueError('x')")
    assert result.error is not None
    assert result.error.traceback.count("File") == 1
    assert "line 4, in <module>" in result.error.traceback


async def test_integers_of_any_size_arrive_as_they_are(opened: Open) -> None:
    assert (await run(opened, "2**200")).value == 2**200


@pytest.mark.requirement("R12")
async def test_a_value_over_the_bound_is_replaced_by_its_shape_and_kept_whole(opened: Open) -> None:
    code = "[{'n': n, 'name': f'item {n}'} for n in range(5000)]"
    async with opened() as up:
        result = await up.run(code, max_tokens=300)
        assert (result.ok, result.truncated) == (True, True)
        assert result.value["shape"]["length"] == 5000
        assert result.value["shape"]["items"]["n"] == "integer 0..4999"
        assert result.value["whole"] == result.handle
        assert result.tokens.context <= 300 + 40
        load = result.value["load"].replace("await", "whole = await")
        again = await up.run(f"{load}\nsum(r['n'] for r in whole)")
        assert again.value == sum(range(5000))


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    "code",
    [
        "'x' * 500_000",
        "print('word ' * 100_000)",
        "raise ValueError('because ' * 100_000)",
        "import sys\nprint('out ' * 50_000)\nprint('err ' * 50_000, file=sys.stderr)\nlist(range(50_000))",
        "{f'key {n}' * 50: {'deep': [[[[n]]]]} for n in range(2000)}",
    ],
)
async def test_everything_that_returns_is_bounded_together_and_is_valid_json(opened: Open, code: str) -> None:
    async with opened() as up:
        result = await up.run(code, max_tokens=400)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == result.to_dict()
    assert result.tokens.context <= 400 + 60


async def test_long_output_is_cut_in_the_middle_and_kept_whole(opened: Open, tmp_path: Path) -> None:
    result = await run(opened, "print('\\n'.join(f'line {n}' for n in range(10_000)))", max_tokens=300)
    assert result.stdout.startswith("line 0\n")
    assert result.stdout.endswith("line 9999\n")
    assert "left out" in result.stdout
    kept = next((tmp_path / "workspace" / "default" / "results").glob("*.txt"))
    assert kept.read_text().count("\n") == 10_000
    assert kept.name in result.stdout


@pytest.mark.requirement("R14")
async def test_a_flood_of_output_ends_the_run(opened: Open) -> None:
    async with opened(**{"run.output_bytes": 100_000}) as up:
        result = await up.run("while True: print('x' * 1000)")
    assert result.error is not None
    assert (result.error.type, result.error.data["setting"]) == ("LimitExceeded", "run.output_bytes")
    assert "xxxx" in result.stdout


@pytest.mark.requirement("R14")
async def test_a_value_too_large_for_the_host_is_left_in_the_workspace(opened: Open, tmp_path: Path) -> None:
    async with opened(**{"run.result_bytes": 100_000}) as up:
        result = await up.run("'y' * 200_000")
    assert result.error is not None
    assert result.error.type == "ResultInvalid"
    kept = tmp_path / "workspace" / "default" / "results" / f"{result.run}.json"
    assert json.loads(kept.read_text()) == "y" * 200_000
    assert kept.name in result.error.message


@pytest.mark.requirement("R10", "R27")
async def test_what_a_program_leaves_in_an_open_file_is_written(opened: Open) -> None:
    async with opened() as up:
        assert (await up.run("file = open('kept', 'w')\nfile.write('all')")).ok
        assert (await up.run("open('kept').read()")).value == "all"


@pytest.mark.requirement("R25")
@pytest.mark.anyio
async def test_files_last_from_run_to_run_and_agents_do_not_share_them(opened: Open) -> None:
    async with opened() as up:
        saved = await up.run(
            "from mcp_runtime import workspace\n"
            "await workspace.save_data('data/a.json', {'n': 1})\n"
            "await workspace.save_data('notes/b.txt', 'text')\n"
            "await workspace.save_data('raw.bin', b'\\xff\\x00')\n"
            "open(workspace.path('data/c.csv'), 'w').write('x,y')",
            agent="one",
        )
        assert saved.value == 3
        read = (
            "from mcp_runtime import workspace\n"
            "[await workspace.load_data('data/a.json'), await workspace.load_data('notes/b.txt'),"
            " list(await workspace.load_data('raw.bin')), open('data/c.csv').read()]"
        )
        assert (await up.run(read, agent="one")).value == [{"n": 1}, "text", [255, 0], "x,y"]
        other = await up.run(read, agent="two")
        assert other.error is not None
        assert other.error.type == "FileNotFoundError"


@pytest.mark.parametrize("name", ["../two/x", "/etc/passwd", "a/../../x"])
async def test_a_workspace_path_cannot_leave_the_workspace(opened: Open, name: str) -> None:
    result = await run(opened, f"from mcp_runtime import workspace\nworkspace.path({name!r})")
    assert result.error is not None
    assert "leaves the workspace" in result.error.message


async def test_an_image_becomes_a_file_that_the_program_can_open(tmp_path: Path) -> None:
    pixels = bytes(range(200)) * 50
    camera = MCPServer("camera")

    @camera.tool()
    def take() -> Image:  # pyright: ignore[reportUnusedFunction] - the decorator registers it
        return Image(data=pixels, format="png")

    async with Underpass.open({"camera": camera}, home=tmp_path) as up:
        result = await up.run(
            "from mcp_servers import camera\npicture = await camera.take()\n"
            "[picture['mime_type'], picture['bytes'], len(open(picture['path'], 'rb').read())]"
        )
    assert result.value == ["image/png", len(pixels), len(pixels)]
    assert next((tmp_path / "workspace" / "default" / "results").glob("*.png")).read_bytes() == pixels


@pytest.mark.parametrize("agent", ["../x", "", ".hidden", "a/b", "x" * 65, "mcp-servers", "a b"])
async def test_a_bad_agent_name_is_refused(opened: Open, agent: str) -> None:
    async with opened() as up:
        with pytest.raises(ValidationFailed, match="no name for an agent"):
            await up.run("1", agent=agent)


@pytest.mark.parametrize("options", [{"timeout": 0.0}, {"timeout": -1.0}, {"max_tokens": 0}])
async def test_a_bad_bound_is_refused(opened: Open, options: dict[str, Any]) -> None:
    async with opened() as up:
        with pytest.raises(ValidationFailed):
            await up.run("1", **options)


async def test_a_program_that_is_no_text_is_refused(opened: Open) -> None:
    async with opened() as up:
        with pytest.raises(ValidationFailed, match="no valid text"):
            await up.run("'\ud800'")


@pytest.mark.requirement("R21")
async def test_tools_are_found_and_documented_from_inside_the_code(opened: Open) -> None:
    code = """
from mcp_runtime import get_tool_docs, list_servers, search_tools
hits = await search_tools("echo tool", limit=1)
docs = await get_tool_docs("demo.echo")
[hits[0]["id"], "# demo.echo" in docs["demo.echo"], (await list_servers())[0]["name"]]
"""
    assert (await run(opened, code)).value == ["demo::echo", True, "demo"]


@pytest.mark.requirement("R21", "R24")
async def test_code_narrows_a_search_and_searches_for_several_steps_at_once(opened: Open) -> None:
    code = """
from mcp_runtime import get_tool_docs, list_capabilities, list_categories, search_tools
[group] = await search_tools(queries=["echo tool"], limit=1)
[category] = list(await list_categories("demo"))[:1]
capabilities = list(await list_capabilities())[:1]
[full] = await search_tools(category=category, capabilities=capabilities, limit=1, detail="full")
docs = await get_tool_docs(["demo.echo"], detail="full")
counted = sum((await list_categories()).values()) == len(await search_tools(server="demo", limit=50))
[group["query"], group["tools"][0]["id"], full["category"] == category,
 full["documentation"].startswith("# demo."), list(docs), counted]
"""
    result = await run(opened, code)
    assert result.value == ["echo tool", "demo::echo", True, True, ["demo.echo"], True]


@pytest.mark.requirement("R16", "R21")
@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("search_tools('x', 'dmeo')", "did you mean 'demo'?"),
        ("search_tools('x', capabilities=['raed', 'x'])", "there are: "),
        ("search_tools('x', category='nothing of the kind')", "there are: "),
        ("search_tools('x', limit=0)", "name the server"),
        ("search_tools('x', detail='long')", "'brief' or 'full'"),
        ("search_tools('x', queries=['y'])", "every step"),
        ("search_tools(queries=[])", "one query for each step"),
        ("search_tools(['x'])", "as queries"),
        ("search_tools()", "give a query"),
        ("search_tools('x' * 50_000)", "a few words"),
        ("search_tools(queries=['x'] * 500)", "in parts"),
        ("search_tools('x', capabilities=5)", "capabilities="),
        ("get_tool_docs('demo.ehco')", "did you mean 'echo'?"),
        ("get_tool_docs()", "server.tool"),
        ("list_categories('dmeo')", "did you mean 'demo'?"),
        ("list_capabilities('dmeo')", "did you mean 'demo'?"),
    ],
)
async def test_a_question_that_is_no_good_is_an_error_with_a_hint_that_code_can_catch(
    opened: Open, call: str, hint: str
) -> None:
    code = f"""
from mcp_runtime import ToolError, get_tool_docs, list_capabilities, list_categories, search_tools
try:
    await {call}
except ToolError as error:
    caught = error.hint
caught
"""
    async with opened() as up:
        result = await up.run(code, check=False)
    assert hint in str(result.value)


async def test_progress_reaches_who_waits(opened: Open) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(value: float, total: float | None, message: str | None) -> None:
        seen.append((value, total, message))

    async with opened() as up:
        await up.run(
            "from mcp_runtime import progress\nprogress(1, 4, 'quarter')\nprogress(0.5)", on_progress=note
        )
    assert seen == [(1.0, 4.0, "quarter"), (0.5, None, None)]


@pytest.mark.requirement("R17")
async def test_many_runs_at_once_are_all_right_and_apart(opened: Open) -> None:
    results: dict[int, Any] = {}
    async with opened() as up, anyio.create_task_group() as tasks:

        async def one(n: int) -> None:
            code = f"from mcp_servers import demo\nn = {n}\n(await demo.echo(n=n))['n'] * 2"
            results[n] = (await up.run(code, agent=f"agent-{n % 7}")).value

        for n in range(40):
            tasks.start_soon(one, n)
    assert results == {n: n * 2 for n in range(40)}


@pytest.mark.requirement("R33")
async def test_a_run_says_what_it_cost_beside_direct_calls_losses_included(opened: Open) -> None:
    async def big(_: Mapping[str, Any]) -> Any:
        return [{"n": n, "text": "some words here"} for n in range(500)]

    async with opened(server("demo", big=big)) as up:
        saving = await up.run("from mcp_servers import demo\nlen(await demo.big())")
        nothing = await up.run("1 + 1")
    assert saving.value == 500
    assert saving.tokens.direct > 4_000
    assert saving.tokens.saved == saving.tokens.direct - saving.tokens.context > 4_000
    assert (nothing.tokens.direct, nothing.tokens.saved) == (0, -nothing.tokens.context)


async def test_the_result_has_the_documented_form(opened: Open) -> None:
    result = (await run(opened, "from mcp_servers import demo\nawait demo.echo(a=1)")).to_dict()
    assert list(result) == [
        "run", "ok", "value", "stdout", "stderr", "error", "tool_calls", "duration_ms", "sandbox",
        "language", "checked", "tokens",
    ]  # fmt: skip
    assert set(result["tool_calls"][0]) == {"server", "tool", "duration_ms", "ok", "bytes_in", "bytes_out"}
    assert set(result["duration_ms"]) == {"total", "queue", "start", "run"}
    assert set(result["tokens"]) == {"context", "direct", "saved", "tokenizer"}
    failed = (await run(opened, "1/0")).to_dict()
    assert set(failed["error"]) == {"type", "message", "hint", "traceback", "tool_calls_done"}


async def test_a_configuration_that_is_named_must_be_there(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        async with Underpass.open(tmp_path / "absent.json"):
            pass
