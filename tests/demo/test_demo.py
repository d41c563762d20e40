import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import Finished, at_terminal, underpass
from tests.servers.real import ENVIRONMENTS

from underpass.demo.environments import SERVERS, ensure_environment
from underpass.demo.repository import build_repository

pytestmark = pytest.mark.requirement("R12", "R32", "R33")


def prepared(folder: Path) -> Path:
    """A folder whose demonstration need not install its servers again."""
    for server in SERVERS:
        ensure_environment(server, ENVIRONMENTS)
    (folder / ".underpass" / "demo").mkdir(parents=True)
    (folder / ".underpass" / "demo" / "servers").symlink_to(ENVIRONMENTS)
    return folder


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    done = underpass("demo", "--json", cwd=prepared(tmp_path_factory.mktemp("demo")))
    assert done.status == 0, done.stderr
    return done


def result(shown: Finished, name: str) -> dict[str, Any]:
    return next(program["result"] for program in shown.json["programs"] if program["name"] == name)


def test_every_program_of_the_demonstration_gives_its_answer(shown: Finished) -> None:
    assert shown.json["ok"]
    assert [program["result"]["error"] for program in shown.json["programs"]] == [None, None, None]
    assert {server["name"] for server in shown.json["servers"]} == {"git", "time", "testkit"}


def test_the_whole_history_is_read_and_no_commit_is_lost(shown: Finished) -> None:
    assert shown.json["repository"]["built"]
    authors = result(shown, "history")["value"]
    assert sum(row["commits"] for row in authors) == shown.json["repository"]["commits"]
    assert result(shown, "history")["tokens"]["saved"] > 20_000


def test_two_servers_are_combined_concurrently(shown: Finished) -> None:
    hours = result(shown, "office hours")
    assert hours["value"]["commits"] == 60
    assert {call["server"] for call in hours["tool_calls"]} == {"git", "time"}


def test_a_failing_tool_is_caught_and_the_rest_is_done(shown: Finished) -> None:
    checked = result(shown, "sign-ups")
    assert checked["value"]["checked"] == 50
    assert checked["value"]["valid"] == 43
    assert "no more sign-ups today" in checked["value"]["last call"]
    assert [call["tool"] for call in checked["tool_calls"] if not call["ok"]] == ["echo_error"]


def test_the_figures_add_up(shown: Finished) -> None:
    runs = [program["result"]["tokens"] for program in shown.json["programs"]]
    assert shown.json["tokens"]["direct"] == sum(run["direct"] for run in runs)
    assert shown.json["tokens"]["context"] == sum(run["context"] for run in runs)
    assert shown.json["tokens"]["context"] < shown.json["tokens"]["direct"] / 20
    assert shown.json["definition_tokens"]["underpass"] < shown.json["definition_tokens"]["direct"] / 5


def test_the_demonstration_shows_programs_calls_answers_and_tokens_and_tidies_up(tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    done = underpass("demo", cwd=folder)
    assert done.status == 0
    for said in (
        "await git.git_log(",
        "what crossed the sandbox boundary",
        "Ingrid Solheim",
        "98.",
        "o200k_base",
    ):
        assert said in done.stdout
    assert "\x1b" not in done.stdout
    assert all(line == line.rstrip() for line in done.stdout.splitlines())
    assert "running: " in done.stderr
    assert {path.name for path in (folder / ".underpass" / "demo").iterdir()} == {"servers", ".gitignore"}


def test_a_repository_with_enough_history_is_read_instead_and_shown_in_colour(tmp_path: Path) -> None:
    build_repository(tmp_path)
    folder = prepared(tmp_path)
    status, shown = at_terminal("demo", "--keep", cwd=folder)
    assert status == 0
    assert "built for this demonstration" not in shown
    assert "\x1b[1m" in shown
    assert "try: underpass tools --config .underpass/demo/.mcp.json" in shown
    kept = {path.name for path in (folder / ".underpass" / "demo").iterdir()}
    assert {".mcp.json", "mcp_servers", "workspace"} <= kept
    status = subprocess.run(
        ["git", "-C", tmp_path, "status", "--short"], capture_output=True, check=True
    ).stdout
    assert b"demo" not in status
