"""`underpass audit` in a project with a few runs."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner
from tests.cli.command_line import underpass, write_config

from underpass import PermissionDenied, ToolNotFound, Underpass
from underpass.broker.audit import AuditTrail
from underpass.broker.call import Call
from underpass.broker.policy.decision import Decision
from underpass.catalog.definition import ToolDefinition
from underpass.cli.audit import command
from underpass.execution.result import ToolCall

pytestmark = pytest.mark.requirement("R37")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a run, a call that nobody answers, and one that is refused."""
    write_config(tmp_path)

    async def work() -> None:
        async with Underpass.open(None, home=tmp_path) as up:
            await up.run("1 + 1", agent="clerk")
            with pytest.raises(ToolNotFound):
                await up.call_tool("=gone", "x")
        async with AuditTrail(tmp_path / ".underpass" / "audit") as trail:
            tool = ToolDefinition("git", "git_push", "Push")
            call = Call("r1", "default", tool, "d" * 64, {}, b"{}")
            trail.decided(call, Decision("deny", "rule 3", "not today"), "refused")
            made = ToolCall("git", "git_push", 0.1, False, 2, 0, PermissionDenied.__name__)
            trail.called("r1", "default", made, "nothing", call)

    anyio.run(work)
    return tmp_path


def test_the_youngest_rows_are_shown(project: Path) -> None:
    lines = underpass("audit", "show", cwd=project).stdout.splitlines()
    for line, shown in zip(
        lines[1:],
        (
            r"clerk +began +python +",
            r"clerk +ended +ok",
            r"default +call +=gone\.x +ToolNotFound, [0-9.]+ ms, not sent",
            r"r1 +default +decision +git\.git_push +refused \(rule 3\)",
            r"r1 +default +call +git\.git_push +PermissionDenied, 0.1 ms, not sent",
        ),
        strict=True,
    ):
        assert re.search(rf"{shown} *$", line), line


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        (("--server", "git"), ["decision", "call"]),
        (("--server", "git", "--tool", "git_pull"), []),
        (("--tool", "git_push", "--decision", "refused"), ["decision", "call"]),
        (("--decision", "deny", "--limit", "1"), ["call"]),
        (("--decision", "allow"), []),
        (("--agent", "clerk"), ["began", "ended"]),
        (("--run", "r1"), ["decision", "call"]),
        (("--since", "1h", "--run", "r1"), ["decision", "call"]),
        (("--since", "2126-01-01"), []),
        (("--since", "2026-01-01T00:00+02:00", "--run", "r1"), ["decision", "call"]),
    ],
)
def test_rows_are_chosen(project: Path, options: tuple[str, ...], kinds: list[str]) -> None:
    arguments = ["show", "--json", *options, "--config", str(project / ".mcp.json")]
    shown = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert [row["kind"] for row in json.loads(shown.stdout)["rows"]] == kinds


def test_what_is_no_time_is_said(project: Path) -> None:
    done = underpass("audit", "show", "--since", "yesterday", cwd=project)
    assert done.status == 1
    assert "'yesterday' is no time" in done.stderr


def test_a_trail_verifies_until_it_is_changed(project: Path) -> None:
    done = underpass("audit", "verify", cwd=project)
    assert (done.status, done.stderr) == (0, "")
    assert "6 rows, 1 to 6, are as they were written" in done.stdout
    head = done.stdout.rpartition("head: ")[2].strip()
    again = underpass("audit", "verify", "--head", head, "--json", cwd=project)
    assert again.json == {
        "ok": True, "rows": 6, "segments": 1, "first": 1, "last": 6, "head": head, "keyed": False,
        "noted_row": 6, "faults": [],
    }  # fmt: skip
    assert (
        "the noted hash is that of row 6" in underpass("audit", "verify", "--head", head, cwd=project).stdout
    )
    (path,) = (project / ".underpass" / "audit").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"git_push", b"git_pull"))
    done = underpass("audit", "verify", cwd=project)
    assert done.status == 1
    assert "segment 1, line 5: row 5 was changed, or another one before it" in done.stderr
    assert "are not as they were written" in done.stdout
    assert underpass("audit", "verify", "--json", cwd=project).json["ok"] is False


def test_a_head_has_to_be_one(project: Path) -> None:
    done = underpass("audit", "verify", "--head", "5cb1", cwd=project)
    assert (done.status, "64 hexadecimal digits" in done.stderr) == (1, True)
    done = underpass("audit", "verify", "--head", "5c" * 32, cwd=project)
    assert (done.status, "no row has the hash" in done.stderr) == (1, True)


def test_the_key_of_the_settings_is_used(project: Path) -> None:
    (project / "underpass.toml").write_text('[audit]\nkey = "keyring://gone"\n')
    done = underpass("audit", "verify", cwd=project)
    assert (done.status, "the secret gone is not set" in done.stderr) == (2, True)
    done = underpass("audit", "verify", cwd=project, env={"UNDERPASS_AUDIT_KEY": "other"})
    assert (done.status, "the newest rows are made without one" in done.stderr) == (1, True)


def test_all_rows_are_exported(project: Path) -> None:
    (path,) = (project / ".underpass" / "audit").glob("*.jsonl")
    assert underpass("audit", "export", cwd=project).stdout.encode() == path.read_bytes()
    rows = list(
        csv.DictReader(io.StringIO(underpass("audit", "export", "--format", "csv", cwd=project).stdout))
    )
    kept = [json.loads(line) for line in path.read_bytes().splitlines()][1:]
    assert [(row["kind"], row["hash"]) for row in rows] == [(row["kind"], row["hash"]) for row in kept]
    # A spreadsheet must not take a name for a formula.
    assert rows[2]["server"] == "'=gone"


def test_without_a_trail_it_is_said(tmp_path: Path) -> None:
    write_config(tmp_path)
    for name in ("show", "verify", "export"):
        done = underpass("audit", name, cwd=tmp_path)
        assert (done.status, "there is no audit trail" in done.stderr) == (1, True)


def test_what_other_rows_say_is_shown(project: Path) -> None:
    folder = project / ".underpass" / "audit"
    (folder / "head").unlink()
    assert underpass("run", "-c", "1", cwd=project).status == 0
    shown = underpass("audit", "show", cwd=project).stdout
    assert "the head was missing" in shown
