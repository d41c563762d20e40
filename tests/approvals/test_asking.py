"""Calls about which a person is asked, with the real policy, in every language and tier."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.execution.conftest import server
from tests.patience import in_time

from underpass import PermissionDenied, RunResult, Underpass
from underpass.broker.approvals import Answer, Question
from underpass.broker.approvals.waiting import OpenQuestions
from underpass.catalog.upstream import InMemoryUpstream
from underpass.sandbox import deno_binary

pytestmark = [pytest.mark.requirement("R43"), pytest.mark.anyio]

ASK = {"policy.unknown": "ask"}
PYTHON = "from mcp_servers import files\n"
CATCHES = f"""
import mcp_runtime
{PYTHON}
try:
    found = await files.remove(path="a")
except mcp_runtime.PermissionDenied as error:
    found = str(error)
found
"""
CATCHES_TYPESCRIPT = """
import { files } from "mcp-servers";
import { PermissionDenied } from "mcp-runtime";
try {
  return await files.remove({ path: "a" });
} catch (error) {
  if (!(error instanceof PermissionDenied)) throw error;
  return String(error.message);
}
"""
TWO = PYTHON + 'await files.remove(path="a")\nawait files.remove(path="b")\nawait files.remove(path="b")'
AT_ONCE = f"""
import asyncio
{PYTHON}
async def one(path):
    return (await files.remove(path=path))["path"]
await asyncio.gather(*map(one, "abc"))
"""


class Person:
    """Answers each question with the next of ``answers``, or as long as there are none with the last."""

    def __init__(self, *answers: Answer | None, meanwhile: Callable[[Question], Any] | None = None) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []
        self.meanwhile = meanwhile

    async def __call__(self, question: Question) -> Answer | None:
        self.questions.append(question)
        if self.meanwhile is not None:
            await self.meanwhile(question)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def files(done: list[str]) -> InMemoryUpstream:
    async def remove(arguments: Any) -> Any:
        done.append(arguments["path"])
        return dict(arguments)

    return server("files", remove=remove)


needs_deno = pytest.mark.skipif(not deno_binary.is_installed(), reason="Deno is not installed")
LANGUAGES = [
    ("python", CATCHES),
    pytest.param("typescript", CATCHES_TYPESCRIPT, marks=needs_deno),
]


@pytest.mark.parametrize(("language", "code"), LANGUAGES)
@pytest.mark.parametrize("answer", ["once", "run", "refuse", None])
async def test_a_call_is_made_when_the_person_allows_it_and_is_a_catchable_error_otherwise(
    tmp_path: Path, language: str, code: str, answer: Answer | None
) -> None:
    done: list[str] = []
    person = Person(answer)
    async with _underpass(tmp_path, done) as up:
        result = await up.run(code, language=language, ask=person)
    [question] = person.questions
    assert (question.server, question.tool, question.run) == ("files", "remove", result.run)
    assert json.loads(question.arguments) == {"path": "a"}
    if answer in ("once", "run"):
        assert result.value == {"path": "a"}
        assert done == ["a"]
    else:
        assert "files.remove" in result.value
        assert ("refused" in result.value) is (answer == "refuse")
        assert not done


def _underpass(tmp_path: Path, done: list[str], *, sandbox: str = "none", **settings: Any) -> Any:
    chosen = {**ASK, "run.check": False, **settings}
    return Underpass.open({"files": files(done)}, sandbox=sandbox, home=tmp_path, settings=chosen)


@pytest.mark.parametrize(("answer", "asked"), [("once", 3), ("run", 1), ("always", 1)])
async def test_an_answer_holds_for_one_call_for_the_run_or_for_ever(
    tmp_path: Path, answer: Answer, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done: list[str] = []
    person = Person(answer)
    async with _underpass(tmp_path, done) as up:
        first = await up.run(TWO, ask=person)
        second = await up.run(TWO, ask=Person("refuse"))
    assert first.error is None
    assert len(person.questions) == asked
    assert (second.error is None) is (answer == "always")
    assert (tmp_path / "underpass.toml").exists() is (answer == "always")


async def test_who_was_refused_once_is_not_asked_again_about_the_same_call(tmp_path: Path) -> None:
    person = Person("refuse")
    code = CATCHES + CATCHES.replace("found", "again")
    async with _underpass(tmp_path, []) as up:
        await up.run(code, ask=person)
    assert len(person.questions) == 1


async def test_of_calls_made_at_once_one_answer_for_the_run_settles_all(tmp_path: Path) -> None:
    done: list[str] = []
    asked = anyio.Event()

    async def ask(question: Question) -> Answer | None:
        if "c" in question.arguments:
            asked.set()
            return "run"
        await anyio.sleep_forever()
        return None

    async with _underpass(tmp_path, done) as up:
        result = await up.run(AT_ONCE, ask=ask)
    assert result.value == ["a", "b", "c"]
    assert sorted(done) == ["a", "b", "c"]


async def test_without_anyone_to_ask_the_call_is_denied_with_the_setting_that_allows_it(
    tmp_path: Path,
) -> None:
    async with _underpass(tmp_path, []) as up:
        result = await up.run(PYTHON + "await files.remove(path='a')")
        with pytest.raises(PermissionDenied) as outside:
            await up.call_tool("files", "remove", {"path": "a"})
        allowed = await up.call_tool("files", "remove", {"path": "a"}, ask=Person("once"))
    assert result.error is not None
    assert result.error.type == "PermissionDenied"
    assert "[[policy.rules]]" in (result.error.hint or "")
    assert "nobody could be asked" in outside.value.message
    assert allowed == {"path": "a"}
    assert (
        not (tmp_path / ".underpass" / "approvals").exists()
        or not OpenQuestions(tmp_path / ".underpass").list()
    )


@pytest.mark.parametrize("wrong", [True, "yes", ValueError("broken")])
async def test_whatever_is_no_answer_allows_nothing(tmp_path: Path, wrong: Any) -> None:
    done: list[str] = []

    async def ask(_question: Question) -> Any:
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    async with _underpass(tmp_path, done) as up:
        result = await up.run(PYTHON + "await files.remove(path='a')", ask=ask)
    assert result.error is not None
    assert result.error.type == "PermissionDenied"
    assert not done


def _thinks(seconds: float) -> Person:
    """A person who needs more than that long to allow a call."""

    async def think(_question: Question) -> None:
        await anyio.sleep(seconds * 1.2)

    return Person("once", meanwhile=think)


@pytest.mark.parametrize("sandbox", ["process", "none"])
@pytest.mark.parametrize("language", ["python", "session", pytest.param("typescript", marks=needs_deno)])
async def test_the_clock_of_the_run_stands_while_the_person_thinks(
    tmp_path: Path, language: str, sandbox: str
) -> None:
    code = {
        "python": PYTHON + "await files.remove(path='a')",
        "typescript": 'import { files } from "mcp-servers";\nreturn await files.remove({ path: "a" });',
    }
    code["session"] = code["python"]
    session = "s1" if language == "session" else None
    async with _underpass(tmp_path, [], sandbox=sandbox) as up:

        async def attempt(seconds: float) -> RunResult:
            return await up.run(
                code[language],
                language="python" if session else language,
                session=session,
                timeout=seconds,
                ask=_thinks(seconds),
            )

        result = await in_time(attempt, lambda result: result.ok)
    assert result.value == {"path": "a"}


async def test_time_that_passes_during_a_question_is_not_counted_even_if_the_program_does_not_listen(
    tmp_path: Path,
) -> None:
    code = f"""
import asyncio, time
{PYTHON}
call = asyncio.create_task(files.remove(path="a"))
await asyncio.sleep(0)
time.sleep(SECONDS * 1.1)
found = await call
time.sleep(SECONDS * 2)
"""
    async with _underpass(tmp_path, []) as up:

        async def attempt(seconds: float) -> RunResult:
            return await up.run(code.replace("SECONDS", str(seconds)), timeout=seconds, ask=_thinks(seconds))

        def got_there(result: RunResult) -> bool:
            return result.error is not None and result.error.data.get("line") == 9

        result = await in_time(attempt, got_there)
    assert got_there(result)
    assert result.error is not None
    assert result.error.type == "Timeout"


async def test_nobody_who_answers_in_time_refuses_and_the_run_does_not_wait_again(tmp_path: Path) -> None:
    asked: list[Question] = []

    async def ask(question: Question) -> Answer | None:
        asked.append(question)
        await anyio.sleep_forever()
        return None

    code = CATCHES + CATCHES.replace("found", "again").replace('"a"', '"b"') + "[found, again]"
    async with _underpass(tmp_path, [], sandbox="none", **{"policy.wait_seconds": 0.3}) as up:
        result = await up.run(code, ask=ask)
    assert len(asked) == 1
    assert all("nobody answered within 0.3 s" in text for text in result.value)
    assert not OpenQuestions(tmp_path / ".underpass").list()
