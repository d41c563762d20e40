"""Tasks are carried out for real in every arm, and what a model would read of it is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.bench.conftest import task

from underpass.bench.arms.direct import Direct
from underpass.bench.arms.search import Search
from underpass.bench.arms.serve import Serve
from underpass.bench.catalogs import sample
from underpass.bench.comparison import compare
from underpass.bench.fastmcp_environment import interpreter
from underpass.bench.measure import measure
from underpass.bench.results import Results
from underpass.bench.task import Task
from underpass.metrics import tokens

pytestmark = pytest.mark.requirement("R42")
LOOK_UP, HEAVY = "weather-tomorrow", "budget-check"


def test_every_arm_that_is_there_carries_every_task_out(measured: Results) -> None:
    assert {"direct", "oracle", "search", "python", "typescript", "agent-python", "auto"} <= set(
        measured.arms
    )
    for name in (LOOK_UP, HEAVY):
        there = {arm for arm in measured.arms if arm != "agent-direct"}
        assert there <= set(measured.of(name, 50)), "each gave the expected answer"


def test_direct_calls_pay_for_definitions_and_for_results(measured: Results) -> None:
    look_up, heavy = measured.of(LOOK_UP, 50), measured.of(HEAVY, 50)
    assert look_up["direct"].total > 2 * sample(50).tokens, "they are read in each turn"
    assert look_up["oracle"].total < 1_000
    assert heavy["oracle"].total > 20_000, "the results are read whole"
    assert heavy["direct"].total - heavy["oracle"].total > 2 * sample(50).tokens


def test_programs_pay_for_neither(measured: Results) -> None:
    for name in (LOOK_UP, HEAVY):
        assert measured.of(name, 50)["python"].total < 4_000
        assert measured.of(name, 50)["auto"].total < 4_000


def test_what_is_read_again_in_each_turn_counts_each_time(measured: Results) -> None:
    for spent in measured.of(HEAVY, 50).values():
        assert spent.turns > 1
        assert spent.context < spent.total < spent.context * spent.turns


def test_the_summary_has_all_figures_and_the_losses_stay(measured: Results) -> None:
    summary = measured.summary()
    assert summary.correct == 1
    assert summary.data_heavy_saved_median is not None
    assert summary.data_heavy_saved_median > 0.9
    assert summary.oracle_saved_median is not None
    assert summary.oracle_saved_median > 0.9
    assert (summary.fastmcp_saved_median is None) == ("fastmcp" in measured.left_out)
    spent = measured.of(LOOK_UP, 50)
    assert spent["oracle"].total < spent["python"].total, "one trivial call is cheapest by itself"


def test_a_result_that_the_agent_cuts_is_no_answer(measured: Results) -> None:
    [cut] = [each for each in measured.measured if (each.task, each.arm) == (HEAVY, "agent-direct")]
    assert cut.spent is not None
    assert (cut.spent.correct, cut.spent.note) == (False, "a result was cut")


def test_fastmcp_is_measured_where_it_is_installed(measured: Results) -> None:
    if interpreter() is None:
        pytest.skip("FastMCP is not installed: `underpass bench --fastmcp` installs it")
    assert measured.of(LOOK_UP, 50)["fastmcp"].total > 500
    assert measured.of(HEAVY, 50)["fastmcp"].total < measured.of(HEAVY, 50)["direct"].total


@pytest.mark.anyio
async def test_a_program_with_another_answer_is_told_of() -> None:
    wrong = replace(task(LOOK_UP), python="1 / 0", typescript="0", expected="rain at last")
    results = await measure([wrong], [sample(10)], [Direct(), Serve("python"), Serve("typescript")])
    assert results.of(LOOK_UP, 10) == {}
    notes = [each.spent.note for each in results.measured if each.spent is not None]
    assert notes[1].startswith("ZeroDivisionError")
    assert results.summary().correct == 0


@pytest.mark.anyio
async def test_what_a_search_does_not_find_is_asked_for_by_its_name() -> None:
    vague = replace(task(LOOK_UP), queries=("zebra",))
    arms = [Search(), Serve("python"), Serve("typescript")]
    vaguely = (await measure([vague], [sample(50)], arms)).of(LOOK_UP, 50)
    plainly = (await measure([task(LOOK_UP)], [sample(50)], arms)).of(LOOK_UP, 50)
    for arm in ("search", "python", "typescript"):
        assert vaguely[arm].turns == plainly[arm].turns + 1
        assert vaguely[arm].correct


@pytest.mark.slow
def test_the_quick_comparison_of_all_tasks_meets_what_is_promised_of_programs() -> None:
    summary = anyio.run(lambda: compare(_all(), quick=True)).summary()
    assert summary.correct == 1
    assert (summary.data_heavy_saved_median or 0) >= 0.98
    assert (summary.oracle_saved_median or 0) >= 0.95


def _all() -> tuple[Task, ...]:
    from underpass.bench.tasks import TASKS

    return TASKS


def test_tasks_and_definitions_are_those_of_real_tools() -> None:
    assert sample(50).tokens > 5_000
    assert (
        tokens.count((Path(__file__).parents[2] / "src/underpass/bench/definitions/NOTICE").read_text()) > 100
    )
