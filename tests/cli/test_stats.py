"""`underpass stats`."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import at_terminal, underpass
from tests.metrics.rows import DAY, run, statistics_of

from underpass.metrics.row import RunRow, ToolUse

pytestmark = [pytest.mark.requirement("R33", "R34")]


def kept(folder: Path, *rows: RunRow, **servers: tuple[int, int]) -> None:
    statistics_of(folder / ".underpass" / "metrics", rows, servers).close()


def stats(folder: Path, *arguments: str) -> str:
    done = underpass("stats", *arguments, cwd=folder)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout


def as_json(folder: Path, *arguments: str) -> dict[str, Any]:
    return json.loads(stats(folder, "--json", *arguments))


def many(number: int, **fields: Any) -> list[RunRow]:
    use = {"git.log": ToolUse(3, 1, 0, 9.0, 900, 4_000)}
    return [run(n, ago=n * DAY / 4, uses=use, code=f"{n}", **fields) for n in reversed(range(number))]


def test_where_there_are_no_runs_it_says_what_to_do_first(tmp_path: Path) -> None:
    assert stats(tmp_path) == "no runs yet: `underpass run` makes one\n"
    assert stats(tmp_path, "--compare") == "no runs that made calls yet: `underpass run` makes one\n"
    assert as_json(tmp_path)["summary"]["runs"] == 0
    assert not (tmp_path / ".underpass").exists()


def test_runs_of_the_command_line_are_counted(tmp_path: Path) -> None:
    assert underpass("run", "--no-check", "-c", "6 * 7", cwd=tmp_path).status == 0
    shown = as_json(tmp_path)
    assert shown["summary"]["runs"] == 1
    assert shown["summary"]["tokens"]["saved"] < 0
    assert "no runs since" in stats(tmp_path, "--since", "2999-01-01")


def test_all_is_shown_and_losses_as_well(tmp_path: Path) -> None:
    kept(tmp_path, *many(8), *(run(n, agent="b", outcome="Timeout") for n in range(50, 52)), git=(12, 900))
    shown = stats(tmp_path)
    for words in (
        "10, 80.0% came to a value",
        "saved",
        "2 runs cost more than direct calls would have",
        "██████",
        "git.log",
        "default",
        "→ git.log returned 32,000 tokens in 8 runs",
        "counted by o200k_base",
    ):
        assert words in shown
    kept(tmp_path / "dear", *(run(n, agent="b", outcome="Timeout") for n in range(3)))
    assert "lost" in stats(tmp_path / "dear")


def test_json_has_the_same_and_more(tmp_path: Path) -> None:
    kept(tmp_path, *many(8), git=(12, 900), mail=(40, 31_000))
    shown = as_json(tmp_path)
    assert list(shown) == ["summary", "days", "agents", "tools", "servers", "recommendations"]
    assert sum(day["runs"] for day in shown["days"]) == shown["summary"]["runs"] == 8
    assert sum(day["tokens"]["saved"] for day in shown["days"]) == shown["summary"]["tokens"]["saved"]
    assert [server["server"] for server in shown["servers"]] == ["git", "mail"]
    assert shown["recommendations"][0]["kind"] == "filter-in-code"


def test_only_what_is_asked_for_is_counted(tmp_path: Path) -> None:
    kept(tmp_path, *many(8), *many(3, agent="acme.a"))
    assert as_json(tmp_path, "--agents", "acme.")["summary"]["runs"] == 3
    assert as_json(tmp_path, "--since", "30h")["summary"]["runs"] == 5 + 3
    failed = underpass("stats", "--since", "soon", cwd=tmp_path)
    assert failed.status == 1
    assert "'soon' is no time" in failed.stderr


def test_direct_calls_are_compared_with_programs(tmp_path: Path) -> None:
    kept(tmp_path, *many(4), run(90, uses={"git.log": ToolUse(1)}))
    rows = stats(tmp_path, "--compare").splitlines()
    assert " ".join(rows[0].split()) == "calls in a run runs direct programs saved reduction cheaper"
    assert " ".join(rows[1].split()) == "1 1 30 70 -40 -133.3% 0 of 1"
    assert rows[-1].split()[0] == "all"
    assert as_json(tmp_path, "--compare")["total"]["saved"] == 4 * (4_030 - 70) - 40


def test_long_lists_are_cut_and_say_so(tmp_path: Path) -> None:
    uses = {f"git.tool{n}": ToolUse(1, results=n) for n in range(15)}
    kept(tmp_path, run(1, uses=uses), *(run(n, agent=f"a{n}") for n in range(2, 20)))
    shown = stats(tmp_path)
    assert "and 5 more: --json" in shown
    assert "and 9 more: --json" in shown


def test_a_store_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".underpass" / "metrics" / "metrics.sqlite3").mkdir(parents=True)
    done = underpass("stats", cwd=tmp_path)
    assert done.status == 2
    assert "the metrics cannot be read" in done.stderr


def test_a_terminal_of_hundred_columns_is_wide_enough(tmp_path: Path) -> None:
    kept(tmp_path, *many(8), git=(12, 900))
    status, shown = at_terminal("stats", cwd=tmp_path)
    assert status == 0
    tables = shown.replace("\r", "").split("→")[0].splitlines()
    assert max(map(len, tables)) < 200  # with its colours
    assert any("git.log" in line and "32,000" in line for line in tables)
