"""The figures of a comparison follow from what was measured."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from underpass.bench.catalogs import from_corpus, sample
from underpass.bench.conversation import Conversation, Spent
from underpass.bench.results import Measured, Results
from underpass.bench.saved import save
from underpass.bench.task import Kind
from underpass.errors import ConfigError
from underpass.metrics import tokens

pytestmark = pytest.mark.requirement("R42")


def measured(task: str, arm: str, total: int, *, size: int = 50, kind: Kind = "data-heavy") -> Measured:
    return Measured(task, kind, size, arm, Spent(total, total, 2, correct=True))


def results(*found: Measured) -> Results:
    return Results(found, {50: 10_000}, {})


def test_each_turn_reads_everything_before_it() -> None:
    talk = Conversation()
    talk.read("one two three")
    talk.write("four")
    talk.read("five six")
    talk.write("seven")
    first, answer = tokens.count("one two three"), tokens.count("four")
    second, last = tokens.count("five six"), tokens.count("seven")
    spent = talk.spent(correct=True)
    assert spent.context == first + answer + second + last
    assert spent.total == (first + answer) + (first + answer + second + last)
    assert spent.turns == 2


def test_savings_are_medians_over_tasks() -> None:
    found = [measured(f"t{n}", "python", 100) for n in range(3)]
    direct = [measured(f"t{n}", "direct", total) for n, total in enumerate((1_000, 5_000, 10_000))]
    summary = results(*found, *direct).summary()
    assert summary.data_heavy_saved_median == pytest.approx(0.98)
    assert summary.oracle_saved_median is None
    assert summary.fastmcp_saved_median is None
    assert summary.auto_worst_ratio is None


def test_small_catalogs_and_other_tasks_do_not_count_as_data_heavy() -> None:
    few = [measured("t", "python", 100, size=10), measured("t", "direct", 200, size=10)]
    look_up = [measured("u", "python", 100, kind="look-up"), measured("u", "direct", 200, kind="look-up")]
    assert Results([*few, *look_up], {10: 1, 50: 2}, {}).summary().data_heavy_saved_median is None


def test_auto_is_held_against_its_modes_and_against_all_but_the_oracle() -> None:
    found = [measured("t", "agent-python", 200), measured("t", "oracle", 10), measured("t", "search", 125)]
    made = results(*found, measured("t", "auto", 250))
    assert made.ratios() == {("t", 50): (1.25, "agent-python")}
    summary = made.summary()
    assert (summary.auto_worst_ratio, summary.auto_worst_ratio_of_all) == (1.25, 2)


def test_a_wrong_answer_is_no_cheap_answer() -> None:
    wrong = Measured("t", "look-up", 50, "agent-direct", Spent(1, 1, 1, correct=False))
    made = results(measured("t", "agent-python", 300), wrong, measured("t", "auto", 300))
    assert made.summary().auto_worst_ratio == 1
    failed = Measured("t", "look-up", 50, "python", None, "ServerUnavailable: gone")
    assert results(failed).summary().correct == 0
    assert results(failed).to_dict()["results"][0]["error"] == "ServerUnavailable: gone"


def test_catalogs_of_the_sample_are_small_and_always_the_same() -> None:
    assert sum(map(len, sample(10).servers.values())) == 10
    assert sum(map(len, sample(50).servers.values())) == 50
    assert sample(10).servers.keys() <= sample(50).servers.keys()


@pytest.mark.parametrize("zipped", [True, False])
def test_larger_catalogs_are_whole_servers_of_a_file(tmp_path: Path, *, zipped: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"server": f"s-{number % 7}", "name": f"tool{number}", "description": "d", "inputSchema": {}}
        for number in range(70)
    ]
    text = "\n".join(map(json.dumps, rows)).encode()
    path = tmp_path / ("tools.jsonl.gz" if zipped else "tools.jsonl")
    path.write_bytes(gzip.compress(text) if zipped else text)
    found = from_corpus(path, 30, {"s_3"})
    assert [len(tools) for tools in found.servers.values()] == [10, 10, 10]
    assert "s_3" not in found.servers
    assert found == from_corpus(path, 30, {"s_3"})
    with pytest.raises(ConfigError, match="too few tools"):
        from_corpus(path, 100)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tools.jsonl"
    path.write_text("[1, 2]\n")
    with pytest.raises(ConfigError, match="no file of tool definitions"):
        from_corpus(path, 10)


def test_saved_results_tell_what_they_were_measured_on(tmp_path: Path) -> None:
    save(tmp_path / "r.json", results(measured("t", "python", 300)).to_dict())
    kept = json.loads((tmp_path / "r.json").read_text())
    assert set(kept["measured"]) == {"underpass", "commit", "python", "day"}
    assert kept["results"][0]["tokens"] == 300
    with pytest.raises(ConfigError, match="cannot be written"):
        save(tmp_path / "nowhere" / "r.json", {})
