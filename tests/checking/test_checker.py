"""What a check waits for, remembers, asks, writes and leaves."""

from __future__ import annotations

import ast
import inspect
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest
from tests.checking.conftest import PATIENT
from tests.checking.servers import SERVERS, Listed

from underpass.catalog.definition import Listing
from underpass.checking import checker as checker_module
from underpass.checking.checker import Checker
from underpass.checking.language_server import Command, LanguageServer
from underpass.checking.modules import CheckedModules
from underpass.checking.python_notation import PythonNotation
from underpass.checking.skills import CheckedSkills, Found
from underpass.checking.verdict import Problem, Verdict
from underpass.discovery.directory import ListingSource
from underpass.guest import runtime
from underpass.guest.channel import Channel
from underpass.guest.workspace import Workspace

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R13")]

_FAULTY = "from mcp_servers import docs\ndocs.serch"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="by means of Linux")


async def check(code: str, folder: Path, source: Listed) -> Verdict:
    async with Checker(source, folder, bound=PATIENT) as checker:
        return await checker.begin(code).verdict()


async def test_only_the_servers_that_a_program_imports_are_asked(tmp_path: Path) -> None:
    source = Listed()
    code = "from mcp_servers import docs\ngit = 'git'\nawait docs.search(query=git)\n"
    verdict = await check(code, tmp_path, source)
    assert (verdict.checked, verdict.problems, source.asked) == (True, (), ["docs"])


async def test_a_program_without_servers_asks_none(tmp_path: Path) -> None:
    source = Listed()
    assert (await check("docs = git = 1\ndocs + git\n", tmp_path, source)).checked is True
    assert source.asked == []


async def test_a_server_that_nobody_asked_may_have_anything(tmp_path: Path) -> None:
    code = "import mcp_servers\ng = mcp_servers\nawait g.git.whatever(1)\n"
    assert (await check(code, tmp_path, Listed())).problems == ()


async def test_a_server_that_is_down_leaves_the_run_to_find_out(tmp_path: Path) -> None:
    source = Listed(down="far")
    verdict = await check("from mcp_servers import far\nawait far.away(1)\n", tmp_path, source)
    assert verdict.checked == "skipped: far cannot be reached"
    wrong = await check("from mcp_servers import far\nfar.x\nundefined\n", tmp_path, source)
    assert [problem.line for problem in wrong.problems] == [3]


async def test_a_new_listing_counts_at_once_for_a_program_that_was_checked_before(tmp_path: Path) -> None:
    source = Listed()
    right = "from mcp_servers import git\nawait git.git_log(repo_path='.')\n"
    async with Checker(source, tmp_path, bound=PATIENT) as checker:
        assert (await checker.begin(right).verdict()).problems == ()
        source.relist("git", [SERVERS["git"][1]])
        (problem,) = (await checker.begin(right).verdict()).problems
        assert "no tool 'git_log'" in problem.message
        source.relist("git", SERVERS["git"])
        assert (await checker.begin(right).verdict()).problems == ()


async def test_a_server_that_came_back_is_checked_then(tmp_path: Path) -> None:
    class Recovering(Listed):
        @property
        def names(self) -> tuple[str, ...]:
            return ("docs", "git", "file-store")

    source = Recovering(down="git")
    code = "from mcp_servers import git\nawait git.push()\n"
    async with Checker(source, tmp_path, bound=PATIENT) as checker:
        assert (await checker.begin(code).verdict()).checked == "skipped: git cannot be reached"
        source._down = ""
        (problem,) = (await checker.begin(code).verdict()).problems
        assert "no tool 'push'" in problem.message


async def test_two_hundred_checks_at_once_are_all_right(tmp_path: Path) -> None:
    found: dict[int, Verdict] = {}
    async with Checker(Listed(), tmp_path, bound=PATIENT) as checker, anyio.create_task_group() as tasks:

        async def one(number: int) -> None:
            tool = "search" if number % 2 else "serch"
            code = f"from mcp_servers import docs\n{'pass;' * number}await docs.{tool}(query='x')\n"
            found[number] = await checker.begin(code).verdict()

        for number in range(200):
            tasks.start_soon(one, number)
    assert {number: len(verdict.problems) for number, verdict in found.items()} == {
        number: 1 - number % 2 for number in range(200)
    }


@pytest.mark.parametrize(
    "code",
    [
        "(" * 50_000,
        "[" * 5_000 + "]" * 5_000,
        "x = " + "-" * 20_000 + "1",
        "a" * 150_000,
        "\x00\x01\ufeff",
        "def f(:\n  return",
        "\n".join(f"def f{n}(x): return f{n + 1}(x)" for n in range(500)),
        "x = 1\n" * 20_000,
        "'\ud800'",
        "f'{" * 500,
        "x: " + "list[" * 500 + "int" + "]" * 500,
        "return " + "(lambda x: x)(" * 200 + "1" + ")" * 200,
    ],
    ids=range(12),
)
async def test_no_text_ends_the_checker(checker: Checker, code: str) -> None:
    await checker.begin(code).verdict()
    with anyio.fail_after(PATIENT):
        # The next program may come too soon for the process that takes the place of the first.
        while (verdict := await checker.begin(_FAULTY).verdict()).skipped:  # noqa: ASYNC110
            await anyio.sleep(0.1)
    assert len(verdict.problems) == 1


async def test_a_program_of_any_length_may_run_unchecked(checker: Checker) -> None:
    verdict = await checker.begin("x = 1\n" * 100_000).verdict()
    assert verdict.checked == "skipped: the program is too long"


async def test_too_many_checks_at_once_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker_module, "_MOST_AT_ONCE", 0)
    assert (await check("1", tmp_path, Listed())).checked == "skipped: too many checks at once"


async def test_no_more_than_some_programs_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker_module, "_REMEMBERED", 2)
    async with Checker(Listed(), tmp_path, bound=PATIENT) as checker:
        for number in range(4):
            assert (await checker.begin(str(number)).verdict()).checked is True
        assert len(checker._clean) == 2


class Deaf:
    """A checker whose server never says a word."""

    def __init__(self, source: ListingSource, folder: Path) -> None:
        script = str(Path(__file__).with_name("fake_server.py"))
        self.server = LanguageServer(Command((sys.executable, script, "deaf"), "x", ".x", 512), folder)
        self.modules = CheckedModules(source, folder, PythonNotation())
        self.skills = CheckedSkills(folder, "python")

    async def problems(self, code: str, skills: Found) -> tuple[Problem, ...]:
        await self.server.diagnose(code)
        return ()


async def test_a_run_waits_no_longer_than_the_bound(tmp_path: Path) -> None:
    async with Checker(Listed(), tmp_path, bound=0.05, start=0.05, makers={"python": Deaf}) as checker:
        assert (await checker.begin("1").verdict()).checked == "skipped: the check took too long"


async def test_the_first_run_waits_for_the_start_of_its_checker(tmp_path: Path) -> None:
    async with Checker(Listed(), tmp_path, bound=0.0, start=PATIENT) as checker:
        assert (await checker.begin("1").verdict()).checked is True


@LINUX
async def test_a_checker_starts_while_the_servers_are_listed(tmp_path: Path) -> None:
    class Slow(Listed):
        async def listing(self, server: str) -> Listing:
            await _until(lambda: _children() - before != set())
            return await super().listing(server)

    before = _children()
    assert (await check("from mcp_servers import docs\ndocs.search", tmp_path, Slow())).checked is True


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


class Broken(Deaf):
    """A checker with a fault of its own."""

    async def problems(self, code: str, skills: Found) -> tuple[Problem, ...]:
        raise ZeroDivisionError


async def test_a_fault_of_the_checker_is_none_of_the_program(tmp_path: Path) -> None:
    async with Checker(Listed(), tmp_path, bound=PATIENT, makers={"python": Broken}) as checker:
        assert (await checker.begin("1").verdict()).checked == "skipped: the check failed (ZeroDivisionError)"


async def test_a_checker_that_is_not_installed_is_said(tmp_path: Path) -> None:
    def missing(_source: ListingSource, _folder: Path) -> Deaf:
        raise ModuleNotFoundError("No module named 'ty'")

    async with Checker(Listed(), tmp_path, bound=PATIENT, makers={"python": missing}) as checker:
        verdict = await checker.begin("1").verdict()
        assert verdict.checked == "skipped: the checker of python cannot be started: No module named 'ty'"
        assert (await checker.begin("1", "ruby").verdict()).checked == "skipped: there is no checker of ruby"


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    verdict = await check("1", tmp_path / "file" / "below", Listed())
    assert str(verdict.checked).startswith("skipped: the checker of python cannot be started")


async def test_nothing_is_started_or_written_before_the_first_check(tmp_path: Path) -> None:
    async with Checker(Listed(), tmp_path / "checking", bound=PATIENT):
        assert not (tmp_path / "checking").exists()


async def test_warming_up_checks_without_anybody_waiting(tmp_path: Path) -> None:
    async with Checker(Listed(), tmp_path, bound=PATIENT) as checker:
        checker.warm_up()
        await _until(lambda: ("python", "1") in checker._clean)


@LINUX
async def test_a_killed_host_leaves_no_process_and_the_next_removes_its_folder(tmp_path: Path) -> None:
    process = await anyio.to_thread.run_sync(_killed_host, tmp_path)
    await _until(lambda: not _is_alive(process))
    await check("1", tmp_path, Listed())
    assert _entries(tmp_path) == []


def _killed_host(folder: Path) -> int:
    """Let a host begin a check, kill it, and return the process of its checker."""
    root = Path(__file__).parents[2]
    script = str(Path(__file__).with_name("host_to_kill.py"))
    with subprocess.Popen(
        [sys.executable, script, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as host:
        assert host.stdout is not None
        (process,) = map(int, host.stdout.readline().split())
        assert len(_entries(folder)) == 1
        host.send_signal(signal.SIGKILL)
    return process


async def _until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENT):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def _is_alive(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


async def test_the_folder_of_another_process_is_left_alone(tmp_path: Path) -> None:
    async with Checker(Listed(), tmp_path, bound=PATIENT) as first:
        await first.begin("1").verdict()
        await check("1", tmp_path, Listed())
        assert (await first.begin(_FAULTY).verdict()).problems
    assert _entries(tmp_path) == []


def test_what_is_shown_is_bounded_and_says_each_usage_once() -> None:
    problems = tuple(Problem(n, "bad " + "x" * (500 if n == 1 else 1), "f(a)") for n in range(1, 9))
    refusal = Verdict(problems).refusal()
    assert refusal is not None
    lines = refusal.message.split("\n")
    assert lines[0].endswith("x…; call it as f(a)")
    assert lines[1:] == ["line 2: bad x", "line 3: bad x", "line 4: bad x", "line 5: bad x", "and 3 more"]
    assert (refusal.data["line"], len(refusal.data["problems"])) == (1, 8)


STUB = Path(checker_module.__file__).with_name("mcp_runtime.pyi")


@pytest.fixture
def guest_module() -> Iterator[ModuleType]:
    """``mcp_runtime`` as a guest has it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(ours.fileno())
        runtime.install(channel, (), Workspace("/", channel))
        yield sys.modules.pop("mcp_runtime")


def test_the_description_of_mcp_runtime_agrees_with_the_guest(guest_module: ModuleType) -> None:
    described = _described(ast.parse(STUB.read_text()).body)
    assert sorted(described) == sorted(guest_module.__all__)
    for name, what in described.items():
        real = getattr(guest_module, name)
        if isinstance(what, ast.ClassDef):
            assert [base.__name__ for base in real.__bases__] == [ast.unparse(base) for base in what.bases]
            _agree(what, real)
        elif isinstance(what, str):
            stub = ast.parse(STUB.read_text()).body
            (class_,) = (each for each in stub if isinstance(each, ast.ClassDef) and each.name == what)
            _agree(class_, type(real))
        else:
            assert _signature(what) == _real(real)


def _described(
    body: list[ast.stmt],
) -> dict[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | str]:
    found: dict[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | str] = {}
    for each in body:
        match each:
            case ast.ClassDef(name) if name != "Workspace":
                found[name] = each
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                found[name] = each
            case ast.AnnAssign(ast.Name(name), annotation):
                found[name] = ast.unparse(annotation)
            case _:
                pass
    return found


def _agree(described: ast.ClassDef, real: Any) -> None:
    methods = {
        each.name: each for each in described.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    public: set[str] = {
        name
        for name, value in cast("dict[str, Any]", vars(real)).items()
        if isinstance(value, FunctionType | property) and (name == "__init__" or not name.startswith("_"))
    }
    # A program makes no workspace.
    assert methods.keys() == public - ({"__init__"} if real is Workspace else set())
    for name, method in methods.items():
        value = vars(real)[name]
        assert _signature(method) == _real(value.fget if isinstance(value, property) else value)


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[bool, str, str]:
    returns = ast.unparse(function.returns) if function.returns else ""
    return isinstance(function, ast.AsyncFunctionDef), ast.unparse(function.args), returns


def _real(function: Any) -> tuple[bool, str, str]:
    source = textwrap.dedent(inspect.getsource(function))
    parsed = ast.parse(source.removeprefix("@property\n")).body[0]
    assert isinstance(parsed, ast.FunctionDef | ast.AsyncFunctionDef)
    return _signature(parsed)
