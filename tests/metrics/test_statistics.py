"""Statistics and recommendations over many runs."""

from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from tests.metrics.rows import DAY, run, statistics_of

from underpass.metrics.figures import Recommendation, RunsPage
from underpass.metrics.row import RunRow, ToolUse
from underpass.metrics.statistics import Statistics

pytestmark = [pytest.mark.requirement("R33", "R34")]


def test_a_store_that_is_not_there_gives_nothing_and_is_not_made(tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / "metrics")
    assert statistics.summary().runs == 0
    assert statistics.summary().success_rate is None
    assert not statistics.by_day()
    assert not statistics.by_agent()
    assert not statistics.by_tool()
    assert not statistics.by_server()
    assert statistics.runs() == RunsPage(())
    assert not statistics.recommendations()
    assert not statistics.compare().rows
    assert not (tmp_path / "metrics").exists()


def test_days_are_those_of_utc_the_oldest_first(tmp_path: Path) -> None:
    rows = [run(number, ago=day * DAY, total_ms=10.0 * number) for day in (2, 0) for number in (1, 2, 3)]
    days = statistics_of(tmp_path, rows).by_day()
    today = datetime.now(UTC).date()
    assert days[0].runs == 3
    assert days[0].day == (datetime.now(UTC) - timedelta(days=2)).date() <= today
    assert days[0].times.p50 == 20.0
    assert sum(day.tokens.spent for day in days) == 6 * 70
    assert days[0].to_dict()["duration_ms"] == {"p50": 20.0, "p95": 30.0, "mean": 20.0}


def test_since_leaves_out_what_began_before(tmp_path: Path) -> None:
    statistics = statistics_of(tmp_path, [run(1, ago=9 * DAY), run(2, ago=DAY)])
    since = datetime.now(UTC) - timedelta(days=7)
    assert statistics.summary(since).runs == 1
    assert [each.run for each in statistics.runs(since).runs] == ["run0002"]
    assert statistics.summary(since).to_dict()["since"].startswith(str(since.date()))


def test_one_tenant_sees_its_own_agents_alone(tmp_path: Path) -> None:
    rows = [
        run(1, agent="acme.a", uses={"git.log": ToolUse(2, results=9)}),
        run(2, agent="acme.b"),
        run(3, agent="acme2", uses={"mail.send": ToolUse(1)}, outcome="CodeError"),
        run(4, agent="Acme.c"),
    ]
    statistics = statistics_of(tmp_path, rows)
    assert {each.agent for each in statistics.by_agent(agents="acme.")} == {"acme.a", "acme.b"}
    assert statistics.summary(agents="acme.").outcomes == {"ok": 2}
    assert [each.tool for each in statistics.by_tool(agents="acme.")] == ["log"]
    assert [each.server for each in statistics.by_server(agents="acme.")] == ["git"]
    assert [each.run for each in statistics.runs(agents="acme.").runs] == ["run0002", "run0001"]
    assert sum(day.runs for day in statistics.by_day(agents="acme.")) == 2
    assert statistics.summary(agents="a%").runs == 0


def test_tools_and_servers_add_up_and_unused_servers_are_there(tmp_path: Path) -> None:
    rows = [
        run(n, uses={"git.log": ToolUse(2, 1, 0, 10.0, 90, 500), "git.show": ToolUse(1, 0, 1, 5.0, 9, 50)})
        for n in range(3)
    ]
    statistics = statistics_of(tmp_path, rows, {"git": (12, 900), "mail": (3, 300)})
    log, show = statistics.by_tool()
    assert (log.tool, log.runs, log.calls, log.failed, log.mean_ms, log.results) == (
        "log",
        3,
        6,
        3,
        5.0,
        1500,
    )
    assert (show.cached, show.results) == (3, 150)
    git, mail = statistics.by_server()
    assert (git.calls, git.runs, git.tools, git.definitions, git.results) == (9, 3, 12, 900, 1650)
    assert (mail.server, mail.calls, mail.definitions) == ("mail", 0, 300)
    assert log.to_dict()["mean_ms"] == 5.0
    assert mail.to_dict()["definitions"] == 300


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"agent": "b"}, [2]),
        ({"outcome": "ok"}, [3, 2, 0]),
        ({"outcome": "failed"}, [4, 1]),
        ({"outcome": "Timeout"}, [4]),
        ({"language": "typescript"}, [3]),
        ({"server": "git"}, [2, 0]),
        ({"tool": "send"}, [3]),
        ({"server": "git", "tool": "send"}, []),
        ({"code": "f" * 64}, [0]),
        ({"losses": True, "outcome": "ok"}, [2]),
    ],
)
def test_runs_are_found_by_what_they_were(
    tmp_path: Path, filters: dict[str, Any], numbers: list[int]
) -> None:
    rows = [
        run(0, uses={"git.log": ToolUse(1, results=50)}, code="f" * 16),
        run(1, outcome="CodeError"),
        run(2, agent="b", uses={"git.show": ToolUse(1)}),
        run(3, language="typescript", uses={"mail.send": ToolUse(1, results=100)}),
        run(4, outcome="Timeout"),
    ]
    found = statistics_of(tmp_path, rows).runs(**filters)
    assert [int(each.run.removeprefix("run")) for each in found.runs] == numbers
    assert found.before is None


def test_pages_have_each_run_once(tmp_path: Path) -> None:
    statistics = statistics_of(tmp_path, [run(number) for number in range(7)])
    pages = [statistics.runs(limit=3)]
    while pages[-1].before is not None:
        pages.append(statistics.runs(limit=3, before=pages[-1].before))
    assert [len(page.runs) for page in pages] == [3, 3, 1]
    shown = [each["run"] for page in pages for each in page.to_dict()["runs"]]
    assert shown == [f"run000{number}" for number in range(6, -1, -1)]


def test_direct_calls_are_compared_with_programs_by_the_number_of_calls(tmp_path: Path) -> None:
    rows = [
        *(run(n, uses={"git.log": ToolUse(1, results=10)}) for n in range(3)),
        *(run(n, uses={"git.log": ToolUse(12, results=4_000)}) for n in range(3, 5)),
        run(5, outcome="CodeError", uses={"git.log": ToolUse(1, results=99)}),
        run(6),
    ]
    compared = statistics_of(tmp_path, rows).compare()
    one, many = compared.rows
    assert (one.calls, one.runs, one.cheaper, one.tokens.saved) == ("1", 3, 0, -90)
    assert (many.calls, many.runs, many.cheaper, many.tokens.saved) == ("6-20", 2, 2, 2 * (4_030 - 70))
    assert compared.total.saved == one.tokens.saved + many.tokens.saved
    assert compared.to_dict()["rows"][0]["tokens"]["saved"] == -90


def found(tmp_path: Path, rows: list[RunRow], **servers: tuple[int, int]) -> dict[str, Recommendation]:
    recommendations = statistics_of(tmp_path, rows, servers).recommendations()
    assert [each.tokens for each in recommendations] == sorted(
        (each.tokens for each in recommendations), reverse=True
    )
    return {each.kind: each for each in recommendations}


def test_a_tool_of_whose_results_little_is_used_is_named(tmp_path: Path) -> None:
    rows = [run(n, uses={"github.list_issues": ToolUse(1, results=4_000)}, code=f"{n}") for n in range(12)]
    advice = found(tmp_path, rows)["filter-in-code"]
    assert advice.subject == "github.list_issues"
    assert "48,000 tokens in 12 runs" in advice.text
    assert advice.figures == {"runs": 12, "results": 48_000, "answers": 240, "share": 0.005}
    assert advice.tokens == 47_760
    assert advice.runs[0] == "run0011"


def test_programs_that_return_what_they_read_are_named(tmp_path: Path) -> None:
    rows = [
        run(n, uses={"github.list_issues": ToolUse(1, results=4_000)}, answer_tokens=3_000, code=f"{n}")
        for n in range(6)
    ]
    advice = found(tmp_path, rows)["return-less"]
    assert "75%" in advice.text
    assert advice.tokens == 18_000


def test_a_server_that_nobody_called_is_named(tmp_path: Path) -> None:
    rows = [run(n, uses={"git.log": ToolUse(1, results=100)}, code=f"{n}") for n in range(20)]
    advice = found(tmp_path, rows, git=(12, 900), mail=(40, 31_000), small=(1, 40))["unused-server"]
    assert advice.subject == "mail"
    assert advice.figures == {"runs": 20, "tools": 40, "definitions": 31_000}


def test_a_program_that_ran_again_and_again_should_be_a_skill(tmp_path: Path) -> None:
    rows = [run(n, uses={"git.log": ToolUse(1, results=500)}, code_tokens=200) for n in range(14)]
    advice = found(tmp_path, rows)["save-as-skill"]
    assert "ran 14 times: save it as a skill" in advice.text
    assert advice.figures == {"runs": 14, "cached": 0, "code": "c" * 16, "code_tokens": 200}
    assert len(advice.runs) == 10
    assert advice.tokens == 13 * 200


def test_look_ups_that_direct_calls_would_do_cheaper_are_named(tmp_path: Path) -> None:
    rows = [run(n, agent="a", uses={"git.log": ToolUse(1, results=10)}, code=f"{n}") for n in range(40)]
    advice = found(tmp_path, rows)["use-direct"]
    assert "mode direct would have been cheaper for 40 runs of agent a" in advice.text
    assert advice.figures == {"runs": 40, "loss": 40 * 30}


def test_a_tool_that_fails_often_is_named_with_the_runs(tmp_path: Path) -> None:
    rows = [run(n, uses={"git.push": ToolUse(2, failed=n % 2)}, code=f"{n}") for n in range(10)]
    advice = found(tmp_path, rows)["failing-tool"]
    assert advice.figures == {"calls": 20, "failed": 5, "runs": 10}
    assert advice.runs == ("run0009", "run0007", "run0005", "run0003", "run0001")


def test_what_runs_fail_with_is_named(tmp_path: Path) -> None:
    rows = [run(n, outcome="Timeout" if n < 6 else "ok", code=f"{n}") for n in range(20)]
    advice = found(tmp_path, rows)["failing-runs"]
    assert advice.figures == {"runs": 6, "of": 20, "spent": 6 * 70}
    assert "6 of 20 runs failed with Timeout" in advice.text


def test_a_few_runs_are_no_habit(tmp_path: Path) -> None:
    rows = chain(
        (run(n, uses={"git.log": ToolUse(1, failed=1, results=90_000)}) for n in range(4)),
        (run(n, outcome="Timeout", code=f"{n}") for n in range(4, 8)),
    )
    assert not statistics_of(tmp_path, rows, {"mail": (40, 31_000)}).recommendations()


def test_evidence_of_one_tenant_is_not_shown_to_another(tmp_path: Path) -> None:
    rows = [run(n, agent="acme.a", uses={"git.log": ToolUse(1, results=4_000)}) for n in range(12)]
    statistics = statistics_of(tmp_path, rows)
    assert statistics.recommendations(agents="acme.")
    assert not statistics.recommendations(agents="globex.")
