"""Questions on a disk that fails, in files that are none, and in processes that are gone."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.approvals.test_asking import ASK, PYTHON, Person, files

from underpass import Underpass, ValidationFailed
from underpass.broker.approvals import Answer, Question
from underpass.broker.approvals.store import FILE_NAME, ApprovalStore, Subject
from underpass.broker.approvals.waiting import OpenQuestions

pytestmark = pytest.mark.requirement("R43")

ONE = PYTHON + "await files.remove(path='a')"
SUBJECT = Subject("r1", "files", "remove", "definition", "digest")


def _underpass(tmp_path: Path, done: list[str], **settings: Any) -> Any:
    return Underpass.open(
        {"files": files(done)},
        sandbox="none",
        home=tmp_path,
        settings={**ASK, "run.check": False, **settings},
    )


def _question(number: str, run: str = "r1") -> Question:
    return Question(number, run, "default", "files", "remove", "{}", "because", "rule 1")


@pytest.mark.anyio
async def test_a_file_that_is_no_database_is_kept_aside_and_people_are_asked_all_the_same(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".underpass" / "approvals"
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_bytes(b"not a database" * 1000)
    done: list[str] = []
    async with _underpass(tmp_path, done) as up:
        first = await up.run(ONE, ask=Person("once"))
        second = await up.run(ONE, ask=Person("once"))
    assert first.ok
    assert second.ok
    assert done == ["a", "a"]
    assert [path for path in folder.iterdir() if path.name.endswith(".corrupt")]
    assert (folder / FILE_NAME).read_bytes().startswith(b"SQLite format 3")


@pytest.mark.anyio
async def test_where_nothing_can_be_kept_people_are_asked_and_nobody_waits_for_an_answer_elsewhere(
    tmp_path: Path,
) -> None:
    (tmp_path / ".underpass").mkdir()
    (tmp_path / ".underpass" / "approvals").write_text("a file where a folder should be")
    async with _underpass(tmp_path, [], **{"policy.ask_elsewhere": True}) as up:
        asked = await up.run(ONE, ask=Person("once"))
        unattended = await up.run(ONE)
    assert asked.ok
    assert unattended.error is not None
    assert "nobody could be asked" in unattended.error.message
    assert OpenQuestions(tmp_path / ".underpass").list() == []


@pytest.mark.anyio
async def test_a_database_that_vanishes_while_a_question_waits_leaves_the_person_who_is_there(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".underpass" / "approvals"

    async def ask(_question: Question) -> Answer | None:
        (folder / FILE_NAME).write_bytes(b"not a database" * 1000)
        await anyio.sleep(0.5)
        return "once"

    async with _underpass(tmp_path, []) as up:
        result = await up.run(ONE, ask=ask)
    assert result.ok


@pytest.mark.anyio
async def test_a_call_that_the_program_gives_up_is_asked_about_no_more(tmp_path: Path) -> None:
    code = f"""
import asyncio
{PYTHON}
try:
    await asyncio.wait_for(files.remove(path="a"), 0.3)
except TimeoutError:
    pass
await files.remove(path="b")
"""
    listed: list[list[str]] = []

    async def ask(question: Question) -> Answer | None:
        if '"a"' in question.arguments:
            await anyio.sleep_forever()
        found = OpenQuestions(tmp_path / ".underpass").list()
        listed.append([each.kept.question.arguments for each in found])
        return "once"

    done: list[str] = []
    async with _underpass(tmp_path, done) as up:
        result = await up.run(code, ask=ask)
    assert result.ok, result.error
    assert done == ["b"]
    assert listed == [['{"path":"b"}']]
    assert not OpenQuestions(tmp_path / ".underpass").list()


@pytest.mark.anyio
async def test_of_two_answers_the_first_counts(tmp_path: Path) -> None:
    async def ask(question: Question) -> Answer | None:
        OpenQuestions(tmp_path / ".underpass").answer(question.id, "refuse")
        return "once"

    done: list[str] = []
    async with _underpass(tmp_path, done) as up:
        result = await up.run(ONE, ask=ask)
    assert result.error is not None
    assert result.error.type == "PermissionDenied"
    assert not done


def test_an_answer_is_used_once_and_only_for_the_same_call_of_the_same_run(tmp_path: Path) -> None:
    store = ApprovalStore(tmp_path)
    store.add(_question("q1"), SUBJECT, "gone")
    assert store.take_for(SUBJECT) is None
    assert store.answer("q1", "once")
    assert not store.answer("q1", "refuse")
    for other in (
        Subject("r2", "files", "remove", "definition", "digest"),
        Subject("r1", "files", "remove", "definition", "other arguments"),
        Subject("r1", "files", "remove", "another definition", "digest"),
        Subject("r1", "files", "copy", "definition", "digest"),
    ):
        assert store.take_for(other) is None
    assert store.take_for(SUBJECT) == "once"
    assert store.take_for(SUBJECT) is None
    assert not store.answer("q1", "once")


@pytest.mark.parametrize(("answer", "others"), [("run", "run"), ("always", "run"), ("refuse", None)])
def test_an_answer_for_the_run_holds_for_its_other_calls_and_a_refusal_for_the_same(
    tmp_path: Path, answer: Answer, others: Answer | None
) -> None:
    store = ApprovalStore(tmp_path)
    store.add(_question("q1"), SUBJECT, "host")
    store.answer("q1", answer)
    assert store.take("q1") == answer
    other = Subject("r1", "files", "remove", "definition", "other")
    assert store.take_for(other) == others
    assert store.take_for(SUBJECT) == (others or "refuse")


def test_old_questions_are_forgotten_and_none_of_an_unknown_run_is_listed(tmp_path: Path) -> None:
    store = ApprovalStore(tmp_path / "approvals")
    assert store.open() == []
    assert not store.answer("q1", "once")
    store.forget(0)
    store.add(_question("q1"), SUBJECT, "gone")
    questions = OpenQuestions(tmp_path)
    assert questions.list() == []
    with pytest.raises(ValidationFailed):
        questions.answer("q1", "once")
    assert [each.question.id for each in store.open()] == ["q1"]
    store.forget(-1)
    assert store.open() == []


def test_a_database_of_another_version_is_none_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = ApprovalStore(tmp_path / "approvals")
    store.add(_question("q1"), SUBJECT, "host")
    connection = sqlite3.connect(store.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert OpenQuestions(tmp_path).list() == []
    assert "its format is 99" in caplog.text
    assert len(list(store.folder.glob("*.corrupt"))) == 1


def test_a_question_is_two_lines_whatever_stands_in_it() -> None:
    question = Question(
        "q", "r", "a", "s\n", "t\r[N]o: ", '{"x":"\u202e\x1b[2K\u2028"}', "because\nof", "rule\x00 1"
    )
    assert question.text().count("\n") == 1
    assert question.text().replace("\n", "").isprintable()
