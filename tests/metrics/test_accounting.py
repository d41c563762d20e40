"""What is taken down of real runs: each component apart, and the sums."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.metrics.conftest import Open
from tests.patience import LONG

from underpass import Underpass
from underpass.broker.direct import CREDITED_TOKENS
from underpass.discovery.known_tools import definition_tokens
from underpass.metrics import tokens
from underpass.metrics.definitions import FACADE_TOKENS
from underpass.metrics.figures import COUNTERFACTUAL, Summary, TokenFigures
from underpass.metrics.statistics import Statistics

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R33")]

COUNTING = "from mcp_servers import demo\nlen([await demo.words(n=400) for _ in range(3)])"


async def summary(up: Underpass, **filters: Any) -> Summary:
    return await anyio.to_thread.run_sync(lambda: up.statistics.summary(**filters))


async def test_each_component_of_a_run_is_counted_apart(opened: Open) -> None:
    async with opened() as up:
        result = await up.run(COUNTING)
        found = await summary(up)
        listing = await up.catalog.listing("demo")
    call = tokens.count('{"name":"words","arguments":{"n":400}}')
    whole = tokens.count('"' + "word " * 400 + '"')
    assert found.tokens == TokenFigures(
        definitions_direct=definition_tokens(listing.tools, 10_000) or 0,
        calls=3 * call,
        results=3 * whole,
        definitions_code=found.tokens.definitions_code,
        code=tokens.count(COUNTING),
        answers=tokens.count("3"),
    )
    assert found.tokens.definitions_code > FACADE_TOKENS  # and the lines of the three tools
    assert result.tokens.direct == found.tokens.calls + found.tokens.results
    assert result.tokens.context == found.tokens.code + found.tokens.answers


async def test_sums_are_those_of_their_parts(opened: Open) -> None:
    async with opened() as up:
        await up.run(COUNTING)
        await up.run("1")
        found = (await summary(up)).tokens
    parts = {each.name: getattr(found, each.name) for each in fields(found)}
    spent = {"definitions_code", "prompts", "code", "answers"}
    assert found.spent == sum(parts[name] for name in spent)
    assert found.direct == sum(count for name, count in parts.items() if name not in spent)
    assert found.saved == found.direct - found.spent
    avoided = found.definitions_avoided + found.results_kept_out + found.calls
    assert found.saved == avoided - found.code - found.prompts


async def test_a_run_that_cost_more_is_shown_as_a_loss(opened: Open) -> None:
    async with opened() as up:
        await up.run("'a program that calls nothing ' * 3")
        found = await summary(up)
        page = await anyio.to_thread.run_sync(lambda: up.statistics.runs(losses=True))
    assert found.tokens.saved < 0
    assert found.losses == len(page.runs) == 1
    assert found.to_dict()["tokens"]["saved"] < 0


async def test_what_a_failed_run_has_called_saves_nothing(opened: Open) -> None:
    async with opened() as up:
        await up.run(COUNTING + "\n1/0")
        found = await summary(up)
    assert (found.runs, found.failed, found.calls) == (1, 1, 3)
    assert found.outcomes == {"ZeroDivisionError": 1}
    assert (found.tokens.calls, found.tokens.results) == (0, 0)
    assert found.tokens.code > 0 < found.tokens.answers


async def test_definitions_count_once_for_a_conversation(opened: Open) -> None:
    async with opened() as up:
        await up.run(COUNTING)
        once = (await summary(up)).tokens
        await up.run(COUNTING)
        again = await summary(up)
        await up.run(COUNTING, agent="other")
        other = await summary(up)
    assert again.tokens.definitions_direct == once.definitions_direct > 0
    assert again.conversations == 1
    assert other.tokens.definitions_direct == 2 * once.definitions_direct
    assert other.conversations == 2


async def test_of_a_huge_result_only_what_a_client_would_show_is_credited(opened: Open) -> None:
    async with opened() as up:
        result = await up.run("from mcp_servers import demo\nlen(await demo.words(n=40_000))")
        found = await summary(up)
    assert result.tokens.direct > CREDITED_TOKENS + 1_000
    assert found.tokens.results == CREDITED_TOKENS
    assert "25,000" in COUNTERFACTUAL


async def test_prompts_are_counted_as_spent(opened: Open) -> None:
    async with opened() as up:
        await up.run("1", agent="acme.a")
        before = await summary(up)
        up.metering.prompt("acme.a", "search", "word " * 100)
        found, others = await summary(up), await summary(up, agents="globex.")
    assert found.tokens.prompts == tokens.count("word " * 100)
    assert found.tokens.saved == before.tokens.saved - found.tokens.prompts
    assert others.tokens.prompts == others.runs == 0


async def test_times_lines_calls_and_the_tokenizer_are_there(opened: Open) -> None:
    async with opened() as up:
        result = await up.run(COUNTING)
        found = await summary(up)
        (run,) = (await anyio.to_thread.run_sync(up.statistics.runs)).runs
    assert (run.run, run.calls, run.code_lines, run.outcome) == (result.run, 3, 2, "ok")
    assert run.total_ms == pytest.approx(result.duration.total)
    assert found.times.p50 == found.times.p95 == run.total_ms
    assert found.tokenizer == tokens.TOKENIZER
    assert (found.languages, found.code_lines) == ({"python": 1}, 2)


async def test_an_answer_of_the_cache_is_marked(opened: Open) -> None:
    async with opened() as up:
        for _ in range(2):
            await up.run("6 * 7", cache=True)
        found = await summary(up)
        await anyio.to_thread.run_sync(up.instruments.read)
    assert (found.runs, found.cached) == (2, 1)
    assert up.instruments.cache_hits.values == {("run",): 1}


async def test_a_run_without_a_result_is_counted_as_well(opened: Open) -> None:
    async with opened() as up:
        async with anyio.create_task_group() as tasks:
            started = anyio.Event()

            async def go_on() -> None:
                await up.run(
                    "from mcp_runtime import progress\nimport asyncio\nprogress(1)\nawait asyncio.sleep(600)",
                    timeout=900,
                    on_progress=said,
                )

            async def said(_value: float, _total: float | None, _message: str | None) -> None:
                started.set()

            tasks.start_soon(go_on)
            await started.wait()
            tasks.cancel_scope.cancel()
        found = await summary(up)
    assert (found.runs, found.failed, found.outcomes) == (1, 1, {"Interrupted": 1})
    assert found.times.p50 is None


async def test_the_next_process_knows_the_runs_of_this_one(opened: Open, tmp_path: Path) -> None:
    async with opened() as up:
        await up.run(COUNTING)
    async with opened() as up:
        await up.run(COUNTING)
        found = await summary(up)
    assert (found.runs, found.calls, found.conversations) == (2, 6, 1)
    assert (tmp_path / ".underpass" / "metrics" / "metrics.sqlite3").is_file()


async def test_runs_are_written_soon_by_themselves(opened: Open, tmp_path: Path) -> None:
    statistics = Statistics(tmp_path / ".underpass" / "metrics")
    async with opened() as up:
        await up.run(COUNTING)
        with anyio.fail_after(LONG):
            while not await anyio.to_thread.run_sync(lambda: statistics.summary().runs):  # noqa: ASYNC110 - a file
                await anyio.sleep(0.02)
    statistics.close()


async def test_nothing_is_kept_where_the_settings_say_so(opened: Open, tmp_path: Path) -> None:
    async with opened(**{"metrics.days": 0}) as up:
        await up.run(COUNTING)
        found = await summary(up)
        await anyio.to_thread.run_sync(up.instruments.read)
    assert found.runs == 0
    assert not (tmp_path / ".underpass" / "metrics").exists()
    assert up.instruments.executions.values == {("python", "process", "ok"): 1}
    assert ("definitions_direct",) not in up.instruments.tokens.values


async def test_a_mistake_of_the_accounting_harms_no_run(
    opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    async with opened() as up:
        monkeypatch.setattr(up.metering, "_count", broken)
        assert (await up.run("6 * 7")).value == 42
        assert (await summary(up)).runs == 0
    assert up.metering.lost == 1
    assert "statistics lack runs: a defect" in caplog.text
