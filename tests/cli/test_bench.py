import json
from pathlib import Path

import pytest
from tests.cli.command_line import underpass

pytestmark = pytest.mark.requirement("R42")


def test_the_comparison_is_printed_as_tables_and_bars_or_as_json_and_can_be_saved(tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    task = ("--task", "weather-tomorrow")
    shown = underpass("bench", *task, "--save", "seen.json", cwd=tmp_path, env=cache)
    assert shown.status == 0, shown.stderr
    for text in (
        "beside 0 other tools",
        "beside 50 other tools",
        "█",
        "≥ 98%",
        "where another arm costs less",
    ):
        assert text in shown.stdout
    assert "left out: catalog 1000" in shown.stdout
    assert "left out: fastmcp: FastMCP is not installed: --fastmcp installs it" in shown.stdout
    kept = json.loads((tmp_path / "seen.json").read_text())
    assert {each["catalog"] for each in kept["results"]} == {0, 10, 50}
    quick = underpass("bench", *task, "--quick", "--json", cwd=tmp_path, env=cache).json
    assert {each["catalog"] for each in quick["results"]} == {50}
    assert quick["summary"]["correct"] == 1
    assert quick["summary"]["fastmcp_saved_median"] is None
    assert quick["tokenizer"] == "o200k_base"


def test_a_task_that_there_is_not_and_a_file_that_is_no_corpus_are_told(tmp_path: Path) -> None:
    refused = underpass("bench", "--task", "wether-tomorrow", cwd=tmp_path)
    assert refused.status == 1
    assert "did you mean weather-tomorrow?" in refused.stderr
    (tmp_path / "tools.jsonl").write_text("nothing")
    refused = underpass("bench", "--task", "weather-tomorrow", "--corpus", "tools.jsonl", cwd=tmp_path)
    assert refused.status == 2
    assert "no file of tool definitions" in refused.stderr
