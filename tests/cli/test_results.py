"""`underpass results`, after programs whose values were too large."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.command_line import at_terminal, underpass, write_config

pytestmark = pytest.mark.requirement("R12", "R22")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_config(tmp_path)
    folder = tmp_path / "workspace" / "default" / "results"
    folder.mkdir(parents=True)
    return folder


def test_a_large_value_is_listed_shown_in_short_and_written_whole(tmp_path: Path) -> None:
    write_config(tmp_path)
    run = underpass("run", "--json", "-c", "[{'n': n} for n in range(20_000)]", cwd=tmp_path).json
    handle = run["value"]["whole"]
    [listed] = underpass("results", "list", "--json", cwd=tmp_path).json["results"]
    assert (listed["handle"], listed["agent"]) == (handle, "default")
    assert handle in underpass("results", "list", cwd=tmp_path).stdout

    status, shown = at_terminal("results", "show", handle, cwd=tmp_path)
    assert status == 0
    assert "integer 0..19999" in shown
    assert "--out FILE writes them whole" in shown
    assert len(shown) < 10_000
    short = underpass("results", "show", handle, "--json", cwd=tmp_path).json
    assert (short["truncated"], short["shape"]["length"]) == (True, 20_000)

    written = underpass("results", "show", handle, "--out", "rows.json", "--json", cwd=tmp_path).json
    assert written["path"] == "rows.json"
    assert json.loads((tmp_path / "rows.json").read_text())[-1] == {"n": 19_999}
    assert (
        f"{written['bytes']:,} bytes"
        in underpass("results", "show", handle, "--out", "again.json", cwd=tmp_path).stdout
    )


def test_a_small_value_a_text_and_a_file_are_shown_as_they_are(results: Path) -> None:
    folder = results.parents[2]
    (results / "small.json").write_text('{"a": [1, "\\u001b[31m"]}')
    (results / "note.txt").write_text("one\x1b[31m\ntwo")
    (results / "broken.json").write_text("{")
    (results / "raw.bin").write_bytes(b"\xff\x00")
    assert json.loads(underpass("results", "show", "results/small.json", cwd=folder).stdout)["a"][0] == 1
    assert underpass("results", "show", "note.txt", cwd=folder).stdout == "one\\x1b[31m\ntwo\n"
    assert underpass("results", "show", "broken.json", cwd=folder).stdout == "{\n"
    assert "2 bytes, application/octet-stream" in underpass("results", "show", "raw.bin", cwd=folder).stdout
    shown = underpass("results", "show", "raw.bin", "--json", cwd=folder).json
    assert (shown["value"], shown["bytes"]) == (None, 2)
    shown = underpass("results", "show", "small.json", "--json", cwd=folder).json
    assert shown["value"] == {"a": [1, "\x1b[31m"]}


def test_many_results_are_listed_in_part(results: Path) -> None:
    for n in range(53):
        (results / f"r{n:02}.json").write_text("1")
    listed = underpass("results", "list", "--agent", "default", cwd=results.parents[2]).stdout
    assert "… and 3 more" in listed


def test_a_handle_that_is_none_is_an_error_with_a_hint(results: Path) -> None:
    folder = results.parents[2]
    assert "no results are kept" in underpass("results", "list", cwd=folder).stdout
    failed = underpass("results", "show", "x.json", cwd=folder)
    assert (failed.status, failed.stdout) == (1, "")
    assert "agent default has no result 'x.json'" in failed.stderr
    assert "no result of agent default is kept" in failed.stderr
    (results / "one.json").write_text("1")
    assert "hint: there are results/one.json" in underpass("results", "show", "../x", cwd=folder).stderr
    assert underpass("results", "show", "one.json", "--agent", "../x", cwd=folder).status == 1
    failed = underpass("results", "show", "one.json", "--out", "no/where", cwd=folder)
    assert "no/where cannot be written" in failed.stderr
    assert underpass("results", "list", "--config", "none.json", cwd=folder).status == 1
