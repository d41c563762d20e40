"""The prompt of `underpass run`, `underpass approvals` elsewhere, and runs killed while they wait."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import BIN, at_terminal, underpass, write_config
from tests.cli.processes import background
from tests.patience import LONG

pytestmark = pytest.mark.requirement("R43")

COUNTING = Path(__file__).parents[1] / "servers" / "counting.py"
QUICK = ["--no-check", "--sandbox", "none"]
COUNT = """
import mcp_runtime
from mcp_servers import counter
async def count(label):
    try:
        return (await counter.increment(label=label))["count"]
    except mcp_runtime.PermissionDenied as error:
        return type(error).__name__
"""
ONE = f"{COUNT}await count('a')"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    entry = {"command": sys.executable, "args": [str(COUNTING), str(tmp_path / "counts")]}
    write_config(tmp_path, counter=entry)
    (tmp_path / "underpass.toml").write_text('[policy]\nunknown = "ask"\n')
    return tmp_path


def _counts(project: Path) -> list[str]:
    path = project / "counts"
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("o\n", "1"),
        pytest.param("run\n", "1", marks=pytest.mark.slow),
        ("A\n", "1"),
        pytest.param("n\n", "PermissionDenied", marks=pytest.mark.slow),
        ("\n", "PermissionDenied"),
        pytest.param("\x04", "PermissionDenied", marks=pytest.mark.slow),
    ],
)
def test_the_person_at_the_terminal_is_asked_and_decides(project: Path, typed: str, value: str) -> None:
    status, shown = at_terminal("run", *QUICK, "-c", ONE, cwd=project, typed=typed)
    assert status == 0, shown
    assert "counter.increment asks for permission" in shown
    assert '{"label":"a"}' in shown
    assert "[o]nce, this [r]un, [a]lways, [N]o: " in shown
    assert value in shown.split("[N]o: ")[1]
    assert _counts(project) == (["a"] if value == "1" else [])
    assert ("increment" in (project / "underpass.toml").read_text()) is (typed == "A\n")


def test_what_is_no_answer_is_asked_again_and_nothing_in_a_call_can_look_like_a_question(
    project: Path,
) -> None:
    code = COUNT + "await count('\\n[N]o: \\x1b[2K\\u202eb')"
    status, shown = at_terminal("run", *QUICK, "-c", code, cwd=project, typed="what?\no\n")
    assert status == 0
    assert shown.count("[a]lways, [N]o: ") == 2
    assert "\\u202e" in shown
    assert "\x1b[2K\u202e" not in shown
    assert _counts(project)


def test_without_a_terminal_nobody_is_asked_there(project: Path) -> None:
    done = underpass("run", *QUICK, "-c", ONE, "--json", cwd=project)
    assert done.json["value"] == "PermissionDenied"
    assert "[N]o" not in done.stderr
    assert underpass("approvals", "list", "--json", cwd=project).json == {"questions": []}


@pytest.mark.parametrize(
    ("answer", "value", "left"),
    [
        (["allow"], 1, 1),
        pytest.param(["allow", "--run"], 1, 0, marks=pytest.mark.slow),
        pytest.param(["refuse"], "PermissionDenied", 1, marks=pytest.mark.slow),
    ],
)
def test_a_question_is_answered_from_another_terminal(
    project: Path, answer: list[str], value: Any, left: int
) -> None:
    code = COUNT + "first = await count('a')\n[first, await count('b')]"
    (project / "underpass.toml").write_text('[policy]\nunknown = "ask"\nask_elsewhere = true\n')
    with background("run", *QUICK, "-c", code, "--json", cwd=project) as run:
        question = _waiting(project)
        assert question["arguments"] == '{"label":"a"}'
        assert question["state"] == "waiting"
        assert not _counts(project)
        answered = underpass("approvals", answer[0], question["id"], *answer[1:], cwd=project)
        assert answered.status == 0, answered.stderr
        again = underpass("approvals", *answer, question["id"], cwd=project)
        assert again.status == 1
        assert "no question" in again.stderr or "answered already" in again.stderr
        if left:
            second = _waiting(project)
            assert second["id"] != question["id"]
            underpass("approvals", "allow", second["id"], cwd=project)
        output, _ = run.communicate(timeout=LONG)
    expected = 2 if value == 1 else 1
    assert json.loads(output)["value"] == [value, expected]


def test_an_answer_from_another_terminal_ends_the_prompt(project: Path) -> None:
    with _prompted(project, ONE) as (_, read):
        question = _waiting(project)
        underpass("approvals", "allow", question["id"], cwd=project)
        shown = read()
    assert "no answer is needed any more" in shown
    assert _counts(project) == ["a"]


@pytest.mark.requirement("R20")
@pytest.mark.parametrize("before", [pytest.param("", marks=pytest.mark.slow), "await count('first')\n"])
def test_a_run_killed_while_it_waits_finds_the_answer_when_it_is_resumed(project: Path, before: str) -> None:
    (project / "underpass.toml").write_text(
        '[policy]\nunknown = "allow"\nask_elsewhere = true\n\n'
        '[[policy.rules]]\nserver = "counter"\narguments = { label = "a" }\ndecision = "ask"\n'
    )
    code = COUNT + before + "await count('a')"
    with background("run", *QUICK, "-c", code, cwd=project) as run:
        question = _waiting(project)
        run.kill()
        run.wait()
    assert _waiting(project)["state"] == "for resume"
    allowed = underpass("approvals", "allow", question["id"], cwd=project)
    assert f"underpass resume {question['run']}" in allowed.stdout.replace("\n", " ")
    done = underpass("resume", "--sandbox", "none", question["run"], "--json", cwd=project)
    assert done.json["value"] == (2 if before else 1)
    assert _counts(project) == (["first", "a"] if before else ["a"])
    assert underpass("approvals", "list", "--json", cwd=project).json == {"questions": []}


@pytest.mark.slow
@pytest.mark.requirement("R20")
def test_a_resumed_run_without_an_answer_asks_anew_and_drops_the_old_question(project: Path) -> None:
    (project / "underpass.toml").write_text('[policy]\nunknown = "ask"\nask_elsewhere = true\n')
    with background("run", *QUICK, "-c", ONE, cwd=project) as run:
        first = _waiting(project)
        run.kill()
        run.wait()
    with background("resume", "--sandbox", "none", first["run"], "--json", cwd=project) as resumed:
        second = _waiting(project, other_than=first["id"])
        listed = underpass("approvals", "list", "--json", cwd=project).json["questions"]
        assert [each["id"] for each in listed] == [second["id"]]
        underpass("approvals", "allow", second["id"], cwd=project)
        output, _ = resumed.communicate(timeout=LONG)
    assert json.loads(output)["value"] == 1


def test_the_list_is_a_table_and_an_unknown_question_is_an_error(project: Path) -> None:
    empty = underpass("approvals", "list", cwd=project)
    assert "no question waits" in empty.stdout
    unknown = underpass("approvals", "allow", "00000000", cwd=project)
    assert unknown.status == 1
    assert "underpass approvals list" in unknown.stderr
    assert underpass("approvals", "allow", "0", "--run", "--always", cwd=project).status == 2
    (project / "underpass.toml").write_text('[policy]\nunknown = "ask"\nask_elsewhere = true\n')
    with background("run", *QUICK, "-c", ONE, cwd=project):
        question = _waiting(project)
        listed = underpass("approvals", "list", cwd=project)
    assert question["id"] in listed.stdout
    assert "counter.increment" in listed.stdout
    assert "waiting" in listed.stdout


def _waiting(project: Path, other_than: str = "") -> dict[str, Any]:
    """Return the first question that waits, when there is one."""
    from underpass.broker.approvals.waiting import OpenQuestions

    questions = OpenQuestions(project / ".underpass")
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        time.sleep(0.02)  # two processors are few for a test that asks all the time
        for each in questions.list():
            shown = each.to_dict()
            if shown["id"] != other_than and shown["answer"] is None:
                return shown
    raise AssertionError("no question came")


@contextmanager
def _prompted(project: Path, code: str) -> Generator[tuple[subprocess.Popen[bytes], Any]]:
    """Run a program at a terminal at which nobody types anything."""
    here, there = pty.openpty()
    termios.tcsetwinsize(there, (40, 100))
    environment = {**os.environ, "HOME": str(project), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [BIN / "underpass", "run", *QUICK, "-c", code],
        cwd=project,
        env=environment,
        stdin=there,
        stdout=there,
        stderr=there,
    ) as process:
        os.close(there)

        def read() -> str:
            parts: list[bytes] = []
            try:
                while part := os.read(here, 65_536):
                    parts.append(part)
            except OSError:  # how a terminal's end is told
                pass
            return b"".join(parts).decode()

        try:
            yield process, read
        finally:
            process.kill()
            os.close(here)
