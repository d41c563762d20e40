"""`underpass workspace`, after programs that really ran."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

import pytest
from tests.cli.command_line import at_terminal, underpass, write_config

pytestmark = [
    pytest.mark.requirement("R25"),
    pytest.mark.skipif(sys.platform == "win32", reason="checkpoints cannot be had on Windows"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_config(tmp_path)
    data = tmp_path / "workspace" / "default" / "data"
    data.mkdir(parents=True)
    (data / "a.txt").write_text("one")
    return tmp_path


def test_a_program_s_files_are_kept_compared_and_restored(tmp_path: Path) -> None:
    project = tmp_path
    write_config(project)
    run = "open(workspace.path('data/a.txt'), 'w').write({!r})"
    code = "from mcp_runtime import workspace\n" + run
    assert underpass("run", "-c", code.format("first"), cwd=project).status == 0
    made = underpass("workspace", "checkpoint", "before", cwd=project)
    assert made.stdout == "before: 1 file, 5 B, 5 B new\n"
    assert underpass("run", "-c", code.format("second!"), cwd=project).status == 0

    assert "~ data/a.txt 5 B → 7 B" in underpass("workspace", "diff", "before", cwd=project).stdout
    restored = underpass("workspace", "restore", "before", cwd=project)
    assert "before: 1 path restored" in restored.stdout
    assert "is kept as pre-restore-" in restored.stdout
    reading = "open(workspace.path('data/a.txt')).read()"
    again = underpass("run", "-c", f"from mcp_runtime import workspace\n{reading}", "--json", cwd=project)
    assert again.json["value"] == "first"

    shown = underpass("workspace", "show", "--json", cwd=project).json
    names = [each["name"] for each in shown["checkpoints"]]
    assert names[0] == "before"
    assert names[1].startswith("pre-restore-")
    undone = underpass("workspace", "restore", names[1], "--json", cwd=project).json
    assert [change["path"] for change in undone["changes"]] == ["data/a.txt"]
    assert (project / "workspace/default/data/a.txt").read_text() == "second!"


def test_agents_and_their_checkpoints_are_listed(project: Path) -> None:
    underpass("workspace", "checkpoint", "x", cwd=project)
    [row] = underpass("workspace", "list", "--json", cwd=project).json["agents"]
    assert (row["agent"], row["checkpoints"]) == ("default", 1)
    shown = at_terminal("workspace", "list", cwd=project)[1]
    assert "default" in shown
    status, shown = at_terminal("workspace", "show", cwd=project)
    assert status == 0
    assert "made (UTC)" in shown


def test_a_place_without_workspaces_says_so(tmp_path: Path) -> None:
    assert "no agent has a workspace yet" in underpass("workspace", "list", cwd=tmp_path).stdout
    assert "has no checkpoints" in underpass("workspace", "show", cwd=tmp_path).stdout
    refused = underpass("workspace", "checkpoint", "x", cwd=tmp_path)
    assert refused.status == 1
    assert "agent 'default' has no workspace" in refused.stderr
    missing = underpass("workspace", "list", "--config", "no.json", cwd=tmp_path)
    assert "there is no configuration file no.json" in missing.stderr


def test_a_checkpoint_is_exported_deleted_and_its_room_is_freed(project: Path) -> None:
    underpass("workspace", "checkpoint", "x", cwd=project)
    assert "x.tar.gz: 1 file" in underpass("workspace", "export", "x", "x.tar.gz", cwd=project).stdout
    with tarfile.open(project / "x.tar.gz") as archive:
        assert "data/a.txt" in archive.getnames()
    assert underpass("workspace", "export", "x", "x.tar.gz", cwd=project).status == 1
    assert "x is forgotten" in underpass("workspace", "delete", "x", cwd=project).stdout
    assert underpass("workspace", "gc", "--grace", "0", "--json", cwd=project).json["contents"] == 2
    assert underpass("workspace", "restore", "x", cwd=project).status == 1


def test_verify_finds_damage_and_says_where(project: Path) -> None:
    underpass("workspace", "checkpoint", "x", cwd=project)
    assert "1 checkpoint, all whole" in underpass("workspace", "verify", cwd=project).stdout
    for path in (project / ".underpass/content").glob("??/*"):
        if path.stat().st_size == 3:
            path.chmod(0o600)
            path.write_text("two")
    found = underpass("workspace", "verify", cwd=project)
    assert (found.status, found.stdout) == (1, "default x data/a.txt: the content is missing or damaged\n")
    assert underpass("workspace", "verify", "--json", cwd=project).json["problems"][0]["path"] == "data/a.txt"
