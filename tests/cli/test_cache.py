import json
import sys
from pathlib import Path

import pytest
from tests.cli.command_line import underpass

from underpass.execution.reuse.fingerprint import fingerprint

pytestmark = pytest.mark.requirement("R18")
SERVER = Path(__file__).parents[1] / "servers" / "remembering.py"
PROGRAM = 'from mcp_servers import notes\n(await notes.read(name="a"))["text"]'


def test_a_run_is_answered_from_the_cache_which_can_be_shown_and_cleared(tmp_path: Path) -> None:
    nothing = underpass("cache", "show", cwd=tmp_path)
    assert (nothing.status, nothing.stdout) == (
        0,
        "nothing is kept: name tools that only read under [cache] in underpass.toml\n",
    )
    server = {"command": sys.executable, "args": [str(SERVER), str(tmp_path)]}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"notes": server}}))
    (tmp_path / "underpass.toml").write_text('[cache]\ntools = ["notes.read"]\n')
    assert underpass("run", "-c", "1", cwd=tmp_path).status == 0
    while fingerprint(tmp_path / "workspace" / "default") is None:
        pass
    first = underpass("run", "--cache", "-c", PROGRAM, "--json", cwd=tmp_path)
    again = underpass("run", "--cache", "-c", PROGRAM, "--json", cwd=tmp_path)
    assert "cached" not in first.json
    assert again.json["cached"] is True
    assert [call["cached"] for call in again.json["tool_calls"]] == [True]
    assert (tmp_path / "calls").read_text() == "read a\n"
    people = underpass("run", "--cache", "-c", PROGRAM, cwd=tmp_path)
    assert "the result of an equal run before" in people.stderr
    runs = underpass("runs", "list", "--json", cwd=tmp_path).json["runs"]
    assert [run["state"] for run in runs] == ["cached", "cached", "ok", "ok"]

    kept = underpass("cache", "show", "--json", cwd=tmp_path).json["kept"]
    assert {(each["kind"], each["about"], each["good"]) for each in kept} == {
        ("call", "notes.read", 1),
        ("run", "default", 1),
    }
    assert "notes.read" in underpass("cache", "show", cwd=tmp_path).stdout
    assert underpass("cache", "clear", cwd=tmp_path).stdout == "forgotten: 2 results\n"
    assert underpass("cache", "clear", "--json", cwd=tmp_path).json == {"forgotten": 0}
    assert underpass("cache", "show", cwd=tmp_path).stdout == "nothing is kept\n"


def test_a_mistake_in_the_settings_is_named(tmp_path: Path) -> None:
    (tmp_path / "underpass.toml").write_text('[cache]\ntools = ["git_log"]\n')
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {}}')
    refused = underpass("run", "-c", "1", cwd=tmp_path)
    assert refused.status == 2
    assert "'git_log' names no tool" in refused.stderr.replace("\n", " ")
