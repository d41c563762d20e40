"""The guest's side of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.guest.conftest import FakeHost, RunInside

from underpass.execution.conversation import Outcome


def value(outcome: Outcome) -> Any:
    assert outcome.done is not None
    assert outcome.done.error is None
    return outcome.done.value


def error(outcome: Outcome) -> dict[str, Any]:
    assert outcome.done is not None
    assert outcome.done.error is not None
    return dict(outcome.done.error)


@pytest.mark.requirement("R10")
def test_a_program_calls_tools_by_module_and_by_name(run_inside: RunInside) -> None:
    code = """
from mcp_servers import demo
from mcp_runtime import call_tool, get_tool_docs, list_servers, search_tools
[await demo.echo(a=1), await call_tool("demo", "echo"), await search_tools("q", "demo"),
 await get_tool_docs("a", "b"), await list_servers()]
"""
    assert value(run_inside(code)) == [
        {"a": 1},
        {},
        {"what": "search_tools", "query": "q", "server": "demo", "detail": "brief"},
        {"what": "get_tool_docs", "names": ["a", "b"], "detail": "brief"},
        {"what": "list_servers"},
    ]


def test_modules_can_be_imported_while_calls_are_in_flight(run_inside: RunInside) -> None:
    code = """
import asyncio
from mcp_runtime import call_tool
calls = [asyncio.create_task(call_tool("demo", "echo", {"n": n})) for n in range(20)]
await asyncio.sleep(0)
from mcp_servers import demo
[len(await asyncio.gather(*calls)), await demo.echo()]
"""
    assert value(run_inside(code)) == [20, {}]


def test_loops_of_its_own_may_follow_one_another(run_inside: RunInside) -> None:
    code = """
import asyncio
from mcp_runtime import call_tool
[asyncio.run(call_tool("demo", "echo", {"n": n}))["n"] for n in range(3)]
"""
    assert value(run_inside(code)) == [0, 1, 2]


def test_a_tool_error_has_the_hosts_type_and_facts(run_inside: RunInside) -> None:
    code = """
from mcp_runtime import ToolError, ToolFailed, call_tool
try:
    await call_tool("demo", "fail")
except ToolError as caught:
    found = [isinstance(caught, ToolFailed), caught.server, caught.tool, caught.hint, str(caught)]
found
"""
    assert value(run_inside(code)) == [True, "demo", "fail", "try another", "it failed (try another)"]


def test_an_uncaught_tool_error_is_the_programs_error(run_inside: RunInside) -> None:
    found = error(run_inside("from mcp_runtime import call_tool\nawait call_tool('demo', 'fail')"))
    assert (found["type"], found["message"], found["hint"], found["line"]) == (
        "ToolFailed", "it failed", "try another", 2,
    )  # fmt: skip


def test_a_group_of_errors_names_its_parts(run_inside: RunInside) -> None:
    code = """
import asyncio
async def fail(n):
    raise ValueError(f"number {n}")
async with asyncio.TaskGroup() as group:
    group.create_task(fail(1))
    group.create_task(fail(2))
"""
    found = error(run_inside(code))
    assert found["type"] == "ExceptionGroup"
    assert "ValueError: number 1; ValueError: number 2" in found["message"]
    assert "line 5" in found["traceback"]


def test_an_exception_that_cannot_say_itself_is_described_all_the_same(run_inside: RunInside) -> None:
    code = "class Odd(Exception):\n    def __str__(self): raise RuntimeError\nraise Odd"
    assert "str() fails: Odd" in error(run_inside(code))["message"]


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("x = undefned", ""),
        ("value = 1\nvalu", "did you mean 'value'?"),
        ("open('/etc/shadow-of-nothing')", "workspace"),
        ("raise PermissionError('no')", "no network"),
        ("raise RecursionError", "loop"),
        ("raise OSError(28, 'No space left on device')", "disk"),
        ("import nothing_of_that_name", "no other packages"),
        ("import asyncio\nasync def f(): pass\nawait asyncio.sleep(0)\nasyncio.run(f())", "await main()"),
        ("async def f(): return 1\ntry:\n    x = f()\n    x['a']\nfinally:\n    x.close()", "await"),
    ],
)
def test_known_causes_have_a_hint(run_inside: RunInside, code: str, hint: str) -> None:
    found = error(run_inside(code))["hint"]
    assert hint in found
    assert bool(hint) == bool(found)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("raise MemoryError", "MemoryError"),
        ("raise OSError(24, 'Too many open files')", "OpenFilesLimit"),
        ("raise OSError(27, 'File too large')", "FileSizeLimit"),
        ("class MemoryError(MemoryError): pass\nraise MemoryError", "MemoryError"),
    ],
)
def test_a_limit_has_a_name_of_its_own(run_inside: RunInside, code: str, kind: str) -> None:
    assert error(run_inside(code))["type"] == kind


def test_an_error_with_a_huge_text_is_cut(run_inside: RunInside) -> None:
    assert len(error(run_inside("raise ValueError('x' * 10_000_000)"))["message"]) < 50_000


def test_time_running_out_names_the_line_at_work(run_inside: RunInside) -> None:
    found = error(run_inside("n = 0\nwhile True:\n    n += 1", timeout=0.2))
    assert (found["type"], found["line"] in {2, 3}) == ("TimeLimit", True)


def test_time_running_out_names_the_line_that_waits(run_inside: RunInside) -> None:
    code = """
from mcp_runtime import call_tool
async def inner():
    await call_tool("demo", "hang")
await inner()
"""
    found = error(run_inside(code, timeout=0.2))
    assert (found["type"], found["line"]) == ("TimeLimit", 4)


def test_a_coroutine_as_the_value_is_a_forgotten_await(run_inside: RunInside) -> None:
    found = error(run_inside("from mcp_servers import demo\ndemo.echo()"))
    assert (found["type"], "await" in found["hint"]) == ("NeverAwaited", True)


def test_a_value_over_the_limit_is_written_to_the_workspace(run_inside: RunInside, tmp_path: Path) -> None:
    found = error(run_inside("'x' * 1000", max_value=100))
    assert "kept whole in the workspace as results/r1.json" in found["message"]
    assert (tmp_path / "results" / "r1.json").read_text() == '"' + "x" * 1000 + '"'


def test_a_value_that_cannot_be_kept_says_why(run_inside: RunInside, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")
    assert "could not be kept either" in error(run_inside("'x' * 1000", max_value=100))["message"]


def test_output_arrives_in_order_and_only_as_text(run_inside: RunInside) -> None:
    code = """
import sys
for n in range(3000):
    print("line", n)
sys.stderr.write("x" * 40_000)
[sys.stdout.encoding, sys.stdout.errors, sys.stdout.writable(), sys.stdout.isatty()]
"""
    outcome = run_inside(code)
    assert value(outcome) == ["utf-8", "replace", True, False]
    assert "".join(outcome.output["stdout"]) == "".join(f"line {n}\n" for n in range(3000))
    assert "".join(outcome.output["stderr"]) == "x" * 40_000
    assert "str, not bytes" in error(run_inside("import sys\nsys.stdout.write(b'x')"))["message"]


def test_progress_is_told(run_inside: RunInside, host: FakeHost) -> None:
    value(run_inside("from mcp_runtime import progress\nprogress(1, 2, 'half')"))
    assert host.progressed == [(1.0, 2.0, "half")]


def test_the_workspace_keeps_values_by_their_kind(run_inside: RunInside) -> None:
    code = """
from mcp_runtime import workspace
paths = [await workspace.save_data("a.json", {"n": [1]}), await workspace.save_data("b/c.txt", "text"),
         await workspace.save_data("d.bin", b"\\xff\\xfe"), await workspace.save_data("e.json", "quoted")]
[await workspace.load_data(name) if name != "d.bin" else list(await workspace.load_data(name))
 for name in ("a.json", "b/c.txt", "d.bin", "e.json")]
"""
    assert value(run_inside(code)) == [{"n": [1]}, "text", [255, 254], "quoted"]


def test_an_import_from_an_unknown_server_says_which_there_are(run_inside: RunInside) -> None:
    found = error(run_inside("from mcp_servers import dem"))
    assert "did you mean 'demo'?" in found["message"]


def test_a_rehearsal_says_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import json, linecache, socket, sys
from underpass.guest.channel import Channel
from underpass.guest.main import Guest
limits = {"run": "", "filename": "p.py", "timeout": 10.0, "max_value": 9}
body = json.dumps({"op": "run", "code": "import json\\nprint(1)\\njson.dumps(1)", **limits}).encode()
ours, theirs = socket.socketpair()
guest = Guest(Channel(theirs.fileno()), "/nowhere")
before = dict(vars(sys.modules["__main__"]))
guest.rehearse(len(body).to_bytes(4, "little") + body, [])
assert vars(sys.modules["__main__"]) == before
assert "p.py" not in linecache.cache
ours.setblocking(False)
try:
    ours.recv(1)
except BlockingIOError:
    sys.exit(0)
sys.exit(1)
"""
    # In a process of its own: a guest takes over its streams and its main module.
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path).returncode == 0


def test_leaving_early_is_no_error_and_leaving_with_a_message_is(run_inside: RunInside) -> None:
    assert value(run_inside("import sys\nx = 1\nsys.exit(0)")) is None
    assert error(run_inside("import sys\nsys.exit('why')"))["message"] == "why"
