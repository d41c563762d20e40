from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import at_terminal, underpass

pytestmark = pytest.mark.requirement("R22")

SERVER = Path(__file__).parents[1] / "servers" / "rug_pull.py"
ADD = {"name": "add", "description": "Add two numbers.", "inputSchema": {"type": "object"}}
SUB = {**ADD, "name": "sub-it"}
POISON = {**ADD, "description": "Add three numbers.\u200b\U000e0041"}
OUTPUT = {"type": "object", "properties": {"a": True}}


def configured(folder: Path, *tools: dict[str, Any], **more: Any) -> None:
    (folder / "tools.json").write_text(json.dumps(tools))
    entry = {"command": sys.executable, "args": [str(SERVER), str(folder / "tools.json")]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"my-friend": entry, **more}}))


def trusting(folder: Path, *tools: dict[str, Any]) -> None:
    configured(folder, *tools)
    assert underpass("trust", "--all", cwd=folder).status == 0


def test_a_change_is_shown_word_by_word_and_accepted_by_name(tmp_path: Path) -> None:
    trusting(tmp_path, ADD, SUB)
    configured(
        tmp_path, POISON, {**SUB, "inputSchema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    )
    shown = underpass("trust", cwd=tmp_path)
    assert shown.status == 0
    assert "my-friend.add (changed)" in shown.stdout
    # What is hidden in it is taken out, and told by `tools` and `doctor`: it reaches nobody.
    assert "description: Add [-two-]{+three+} numbers." in shown.stdout
    assert "inputSchema/properties/a/type: {+string+}" in shown.stdout
    refused = underpass("tools", cwd=tmp_path).stdout
    assert "my-friend.add changed and is refused: `underpass trust my-friend.add`" in refused
    doctor = underpass("doctor", cwd=tmp_path).stdout
    assert "refused, because they changed since they were trusted: add, sub-it" in doctor
    assert "→ underpass trust my-friend" in doctor
    accepted = underpass("trust", "my_friend.add", cwd=tmp_path)
    assert "accepted in" in accepted.stdout
    assert [each["tool"] for each in underpass("trust", "--json", cwd=tmp_path).json["changes"]] == ["sub-it"]
    assert underpass("trust", "my-friend.sub_it", cwd=tmp_path).status == 0
    assert "everything is as it was trusted" in underpass("trust", cwd=tmp_path).stdout


def test_check_is_for_continuous_integration(tmp_path: Path) -> None:
    configured(tmp_path, ADD)
    none = underpass("trust", "--check", "--json", cwd=tmp_path)
    assert (none.status, none.json["baseline"]) == (2, False)
    assert not (tmp_path / "underpass.lock").exists(), "a check accepts nothing"
    assert "`underpass trust --all` writes it" in underpass("trust", "--check", cwd=tmp_path).stdout
    trusting(tmp_path, ADD)
    assert underpass("trust", "--check", cwd=tmp_path).status == 0
    for tools, kind in (((POISON,), "changed"), ((ADD, SUB), "new"), ((), "removed")):
        configured(tmp_path, *tools)
        done = underpass("trust", "--check", "--json", cwd=tmp_path)
        assert (done.status, [each["kind"] for each in done.json["changes"]]) == (1, [kind])
    configured(
        tmp_path, ADD, other={"command": sys.executable, "args": [str(SERVER), str(tmp_path / "tools.json")]}
    )
    (tmp_path / "tools.json").write_text("[]")
    done = underpass("trust", "--check", "--json", cwd=tmp_path)
    assert (done.status, done.json["servers_without_baseline"]) == (2, ["other"])


def test_more_optional_output_is_told_and_no_failure(tmp_path: Path) -> None:
    trusting(tmp_path, {**ADD, "outputSchema": OUTPUT})
    configured(tmp_path, {**ADD, "outputSchema": {**OUTPUT, "properties": {"a": True, "b": True}}})
    done = underpass("trust", "--check", cwd=tmp_path)
    assert done.status == 0
    assert "has more optional output" in done.stdout
    assert "has more optional output than was trusted" in underpass("tools", cwd=tmp_path).stdout
    assert underpass("trust", "my-friend", cwd=tmp_path).status == 0
    configured(tmp_path)
    assert "my-friend.add is gone" in underpass("tools", "--refresh", cwd=tmp_path).stdout


def test_a_server_that_cannot_be_asked_is_no_reason_to_trust(tmp_path: Path) -> None:
    configured(tmp_path, ADD, gone={"command": "no-such-command"})
    done = underpass("trust", "--all", cwd=tmp_path)
    assert done.status == 1
    assert "not compared" in done.stderr
    assert list(json.loads((tmp_path / "underpass.lock").read_text())["servers"]) == ["my-friend"]
    assert underpass("trust", "gone", cwd=tmp_path).status == 1


def test_what_there_is_not_is_told(tmp_path: Path) -> None:
    configured(tmp_path, ADD)
    assert "no server is named 'frend'" in underpass("trust", "frend", cwd=tmp_path).stderr
    assert "did you mean 'add'" in underpass("trust", "my-friend.ad", cwd=tmp_path).stderr
    assert underpass("trust", "a", "--all", cwd=tmp_path).status == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / ".mcp.json").unlink()
    assert "there is no configuration" in underpass("trust", cwd=empty).stderr


def test_a_damaged_lock_file_is_told_by_every_command(tmp_path: Path) -> None:
    configured(tmp_path, ADD)
    (tmp_path / "underpass.lock").write_text("{\n<<<<<<<")
    for arguments in (["tools"], ["trust", "--all"], ["run", "-c", "1"]):
        done = underpass(*arguments, cwd=tmp_path)
        assert done.status == 2
        assert "underpass.lock: line 2" in done.stderr
    done = underpass("doctor", "--json", cwd=tmp_path)
    (check,) = [each for each in done.json["checks"] if each["name"] == "lock file"]
    assert check["status"] == "failed"
    assert (tmp_path / "underpass.lock").read_text() == "{\n<<<<<<<"


def test_a_person_is_asked_and_may_refuse(tmp_path: Path) -> None:
    trusting(tmp_path, ADD)
    configured(tmp_path, POISON)
    before = (tmp_path / "underpass.lock").read_text()
    status, shown = at_terminal("trust", "--all", cwd=tmp_path, typed="n\n")
    assert status == 0
    assert "Trust this?" in shown
    assert "nothing was accepted" in shown
    assert (tmp_path / "underpass.lock").read_text() == before
    assert "accepted in" in at_terminal("trust", "--all", cwd=tmp_path, typed="y\n")[1]
