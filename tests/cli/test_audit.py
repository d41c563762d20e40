"""`underpass audit` in a project with a few runs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.cli.command_line import Finished, underpass, write_config

from underpass import PermissionDenied, ToolNotFound, Underpass
from underpass.broker.audit import AuditTrail, Chain
from underpass.broker.audit.files import segment_path
from underpass.broker.audit.row import content_of
from underpass.broker.call import Call
from underpass.broker.policy.decision import Decision
from underpass.catalog.definition import ToolDefinition
from underpass.cli.main import main
from underpass.execution.result import ToolCall

Audit = Callable[..., Finished]
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


@pytest.fixture
def audit(project: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    def run(*arguments: str) -> Finished:
        with pytest.raises(SystemExit) as exit_:
            main(["audit", *arguments, "--config", str(project / ".mcp.json")])
        shown = capsys.readouterr()
        return Finished(int(str(exit_.value.code)), shown.out, shown.err)

    return run


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
def test_rows_are_chosen(audit: Audit, options: tuple[str, ...], kinds: list[str]) -> None:
    assert [row["kind"] for row in audit("show", "--json", *options).json["rows"]] == kinds


def test_what_is_no_time_is_said(audit: Audit) -> None:
    done = audit("show", "--since", "yesterday")
    assert done.status == 1
    assert "'yesterday' is no time" in done.stderr


def test_a_trail_verifies_until_it_is_changed(project: Path, audit: Audit) -> None:
    done = audit("verify")
    assert (done.status, done.stderr) == (0, "")
    assert "6 rows, 1 to 6, are as they were written" in done.stdout
    head = done.stdout.rpartition("head: ")[2].strip()
    again = audit("verify", "--head", head, "--json")
    assert again.json == {
        "ok": True, "rows": 6, "segments": 1, "first": 1, "last": 6, "head": head, "keyed": False,
        "noted_row": 6, "faults": [],
    }  # fmt: skip
    assert "the noted hash is that of row 6" in audit("verify", "--head", head).stdout
    (path,) = (project / ".underpass" / "audit").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"git_push", b"git_pull"))
    done = audit("verify")
    assert done.status == 1
    assert "segment 1, line 5: row 5 was changed, or another one before it" in done.stderr
    assert "are not as they were written" in done.stdout
    assert audit("verify", "--json").json["ok"] is False


def test_a_head_has_to_be_one(audit: Audit) -> None:
    done = audit("verify", "--head", "5cb1")
    assert (done.status, "64 hexadecimal digits" in done.stderr) == (1, True)
    done = audit("verify", "--head", "5c" * 32)
    assert (done.status, "no row has the hash" in done.stderr) == (1, True)


def test_the_key_of_the_settings_is_used(
    project: Path, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "underpass.toml").write_text('[audit]\nkey = "keyring://gone"\n')
    done = audit("verify")
    assert (done.status, "the secret gone is not set" in done.stderr) == (2, True)
    monkeypatch.setenv("UNDERPASS_AUDIT_KEY", "other")
    done = audit("verify")
    assert (done.status, "the newest rows are made without one" in done.stderr) == (1, True)


def test_all_rows_are_exported(project: Path, audit: Audit) -> None:
    (path,) = (project / ".underpass" / "audit").glob("*.jsonl")
    assert audit("export").stdout.encode() == path.read_bytes()
    rows = list(csv.DictReader(io.StringIO(audit("export", "--format", "csv").stdout)))
    kept = [json.loads(line) for line in path.read_bytes().splitlines()][1:]
    assert [(row["kind"], row["hash"]) for row in rows] == [(row["kind"], row["hash"]) for row in kept]
    # A spreadsheet must not take a name for a formula.
    assert rows[2]["server"] == "'=gone"


def test_without_a_trail_it_is_said(tmp_path: Path) -> None:
    write_config(tmp_path)
    for name in ("show", "verify", "export"):
        done = underpass("audit", name, cwd=tmp_path)
        assert (done.status, "there is no audit trail" in done.stderr) == (1, True)


def test_what_other_rows_say_is_shown(project: Path, audit: Audit) -> None:
    folder = project / ".underpass" / "audit"
    (folder / "head").unlink()
    chain = Chain(folder)
    chain.append([content_of("pruned", {"last": 7}), content_of("lost", {"rows": 3})])
    chain.close()
    shown = audit("show").stdout
    assert "the head was missing" in shown
    assert "rows up to 7 were removed" in shown
    assert "3 rows could not be written" in shown


def test_a_trail_that_cannot_be_read_is_said(project: Path, audit: Audit) -> None:
    segment_path(project / ".underpass" / "audit", 2).mkdir()
    done = audit("show")
    assert (done.status, "the audit trail cannot be read" in done.stderr) == (2, True)
