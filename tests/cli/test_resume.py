import json
import sqlite3
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import underpass
from tests.cli.processes import alive, background, descendants

SERVER = Path(__file__).parents[1] / "servers" / "counting.py"
PROGRAM = """
import asyncio
from pathlib import Path
from mcp_servers import counter
first = await counter.increment(label="a")
if not Path("lived").exists():
    Path("lived").touch()
    await asyncio.sleep(600)
second = await counter.increment(label="b")
[first["count"], second["count"]]
"""


@contextmanager
def killed(folder: Path) -> Generator[None]:
    """A run between its two calls, killed with its process in the end."""
    server = {"command": sys.executable, "args": [str(SERVER), str(folder / "counts")]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"counter": server}}))
    with background("run", "-c", PROGRAM, "--timeout", "900", cwd=folder) as process:
        while not (folder / "workspace" / "default" / "lived").exists():
            assert process.poll() is None
        yield
        children = descendants(process.pid)
        process.kill()
        process.wait()
    while any(map(alive, children)):
        pass


@pytest.mark.requirement("R20", "R37")
def test_a_run_whose_process_was_killed_is_listed_shown_and_resumed(tmp_path: Path) -> None:
    with killed(tmp_path):
        [run] = underpass("runs", "list", "--json", cwd=tmp_path).json["runs"]
        assert (run["state"], run["calls"]) == ("running", 1)
        early = underpass("resume", run["run"], cwd=tmp_path)
        assert early.status == 1
        assert "has not ended yet" in early.stderr
    assert "died" in underpass("runs", "list", cwd=tmp_path).stdout

    # As if it had been killed a moment earlier.
    with sqlite3.connect(tmp_path / ".underpass" / "journal" / "journal.sqlite3") as journal:
        journal.execute("UPDATE calls SET state = 'in flight', ended = NULL, result = NULL")
    journal.close()
    listed = underpass("runs", "list", cwd=tmp_path).stdout
    assert "undecided" in listed
    assert f"underpass resume {run['run']} --call-again 1" in listed
    [facts] = underpass("runs", "list", "--json", cwd=tmp_path).json["runs"]
    assert (facts["state"], facts["undecided"]) == ("undecided", [1])
    shown = underpass("runs", "show", run["run"], cwd=tmp_path).stdout
    assert 'counter.increment  {"label":"a"}  unknown' in shown
    assert "await asyncio.sleep(600)" in shown
    unknown = underpass("resume", run["run"], cwd=tmp_path)
    assert (unknown.status, unknown.stdout) == (1, "")
    assert 'call 1, counter.increment({"label":"a"})' in unknown.stderr
    wrong = underpass("resume", run["run"], "--assume-done", "1=many", cwd=tmp_path)
    assert wrong.status == 2
    assert "NUMBER=VALUE" in wrong.stderr
    done = underpass("resume", run["run"], "--assume-done", '1={"count": 41}', "--json", cwd=tmp_path)
    assert (done.json["run"], done.json["value"]) == (run["run"], [41, 2])
    assert (tmp_path / "counts").read_text() == "a\nb\n"
    facts = underpass("runs", "show", run["run"], "--json", cwd=tmp_path).json
    assert (facts["state"], facts["attempts"], facts["code"]) == ("ok", 2, PROGRAM)
    assert [call["state"] for call in facts["calls"]] == ["finished", "finished"]
    again = underpass("resume", run["run"], cwd=tmp_path)
    assert "ended by itself, with its value" in again.stderr


@pytest.mark.requirement("R20")
def test_a_service_continues_what_died_where_the_setting_says_so(tmp_path: Path) -> None:
    with killed(tmp_path):
        [run] = underpass("runs", "list", "--json", cwd=tmp_path).json["runs"]
        shown: dict[str, Any] = {"calls": [{}]}
        while shown["calls"][0].get("state") != "finished":
            shown = underpass("runs", "show", run["run"], "--json", cwd=tmp_path).json
    (tmp_path / "underpass.toml").write_text('[journal]\nresume = "auto"\n')
    other = underpass("run", "-c", "1", "--no-check", "--json", cwd=tmp_path)
    assert other.json["value"] == 1
    shown = underpass("runs", "show", run["run"], "--json", cwd=tmp_path).json
    assert (shown["state"], shown["result"]) == ("died", None), "a command that ends soon leaves it alone"
    with background("serve", cwd=tmp_path) as service:
        while shown["state"] in {"died", "running"}:
            assert service.poll() is None
            shown = underpass("runs", "show", run["run"], "--json", cwd=tmp_path).json
    assert (shown["state"], shown["result"]["value"]) == ("ok", [1, 2])
    assert (tmp_path / "counts").read_text() == "a\nb\n"
    assert "it came to" in underpass("runs", "show", run["run"], cwd=tmp_path).stdout


def test_without_runs_the_command_says_how_to_make_one(tmp_path: Path) -> None:
    assert "no runs yet" in underpass("runs", "list", cwd=tmp_path).stdout
    missing = underpass("runs", "show", "nothing", cwd=tmp_path)
    assert missing.status == 1
    assert "the journal has no run nothing" in missing.stderr
