"""What all runs together cost and saved, from the store in the state folder."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from underpass.metrics.figures import (
    AgentFigures,
    Comparison,
    ComparisonRow,
    DayFigures,
    Recommendation,
    RunFigures,
    RunsPage,
    ServerFigures,
    Summary,
    Times,
    TokenFigures,
    ToolFigures,
)
from underpass.metrics.recommendations import recommend
from underpass.metrics.store import WANTED, MetricsStore

if TYPE_CHECKING:
    import sqlite3

MOST: Final = 1_000
"""Runs on a page, at most."""
_SUMS: Final = (
    "sum(definitions_direct) AS definitions_direct, sum(calls_tokens) AS calls_written,"
    " sum(results_tokens) AS results, sum(definitions_code) AS definitions_code,"
    " sum(code_tokens) AS code_written, sum(answer_tokens) AS answers"
)
_DIRECT: Final = "(definitions_direct + calls_tokens + results_tokens)"
_LOSS: Final = f"({_DIRECT} < definitions_code + code_tokens + answer_tokens)"
"""That a run cost more than direct calls."""
_FEW_CALLS: Final = 3
_CALLS: Final = (
    "CASE WHEN calls = 1 THEN '1' WHEN calls <= 5 THEN '2-5' WHEN calls <= 20 THEN '6-20'"
    " WHEN calls <= 100 THEN '21-100' ELSE 'more' END"
)


def _nothing() -> None:
    pass


class Statistics:
    """The figures of the runs in ``folder``, whichever processes they were in. For any thread.

    It waits for the disk: call it in a thread. Every method raises ``OSError`` when the store cannot be
    read. In all of them ``since`` leaves out runs that began before it (None: none), and ``agents`` those
    of agents whose names do not begin with it (``"acme."``; None: none).

    Parameters:
        folder: the store's.
        settle: writes what is not yet there; by default nothing.
    """

    def __init__(self, folder: Path, settle: Callable[[], object] = _nothing) -> None:
        self._store = MetricsStore(folder)
        self._settle = settle
        self._reading = threading.Lock()

    def summary(self, since: datetime | None = None, agents: str | None = None) -> Summary:
        """Return the figures of all runs together."""
        wanted = _wanted(since, agents)
        rows = self._rows(
            f"SELECT count(*) AS runs, sum(outcome != 'ok') AS failed, sum(cached) AS cached,"
            f" sum({_LOSS}) AS losses, sum(calls) AS calls, sum(failed_calls) AS failed_calls,"
            f" sum(code_lines) AS code_lines, sum(conversation) AS conversations,"
            f" max(tokenizer) AS tokenizer, {_SUMS} FROM runs WHERE {WANTED}",
            wanted,
        )
        prompts = self._prompts("1", wanted).get(1, 0)
        if not rows or not rows[0]["runs"]:
            return Summary(since, tokens=TokenFigures(prompts=prompts))
        (row,) = rows
        return Summary(
            since,
            runs=row["runs"],
            failed=row["failed"],
            cached=row["cached"],
            losses=row["losses"],
            calls=row["calls"],
            failed_calls=row["failed_calls"],
            code_lines=row["code_lines"],
            conversations=row["conversations"],
            times=self._times("1", wanted)[1],
            tokens=_tokens(row, prompts),
            languages=self._counts("language", wanted),
            outcomes=self._counts("outcome", wanted),
            tokenizer=row["tokenizer"],
        )

    def by_day(self, since: datetime | None = None, agents: str | None = None) -> Sequence[DayFigures]:
        """Return the figures of each day that has runs, the oldest first. Days are those of UTC."""
        wanted, day = _wanted(since, agents), "date(runs.begun, 'unixepoch')"
        rows = self._rows(
            f"SELECT {day} AS day, count(*) AS runs, sum(outcome != 'ok') AS failed, sum(calls) AS calls,"
            f" {_SUMS} FROM runs WHERE {WANTED} GROUP BY day ORDER BY day",
            wanted,
        )
        times, prompts = self._times(day, wanted), self._prompts(day, wanted)
        return [
            DayFigures(
                date.fromisoformat(row["day"]),
                row["runs"],
                row["failed"],
                row["calls"],
                times.get(row["day"], Times()),
                _tokens(row, prompts.get(row["day"], 0)),
            )
            for row in rows
        ]

    def by_agent(self, since: datetime | None = None, agents: str | None = None) -> Sequence[AgentFigures]:
        """Return the figures of each agent, the one with the most runs first."""
        wanted = _wanted(since, agents)
        rows = self._rows(
            f"SELECT agent, count(*) AS runs, sum(outcome != 'ok') AS failed, sum(calls) AS calls,"
            f" max(begun) AS last, {_SUMS} FROM runs WHERE {WANTED}"
            " GROUP BY agent ORDER BY count(*) DESC, agent",
            wanted,
        )
        prompts = self._prompts("runs.agent", wanted)
        return [
            AgentFigures(
                row["agent"],
                row["runs"],
                row["failed"],
                row["calls"],
                _time(row["last"]),
                _tokens(row, prompts.get(row["agent"], 0)),
            )
            for row in rows
        ]

    def by_tool(self, since: datetime | None = None, agents: str | None = None) -> Sequence[ToolFigures]:
        """Return the figures of each tool that was called, the one with the longest results first."""
        rows = self._rows(
            "SELECT server, tool, count(*) AS runs, sum(uses.calls) AS calls, sum(failed) AS failed,"
            " sum(uses.cached) AS cached, sum(milliseconds) / sum(uses.calls) AS mean, sum(results)"
            f" FROM uses JOIN runs USING (number) WHERE {WANTED} GROUP BY server, tool"
            " ORDER BY sum(results) DESC, server, tool",
            _wanted(since, agents),
        )
        return [ToolFigures(*row) for row in rows]

    def result_tokens(self, server: str, tool: str) -> float | None:
        """Return the tokens of a tool's results, on average over the last 20 runs that called it.

        None where these made fewer than 3 calls: one result says little of the next.
        """
        rows = self._rows(
            "SELECT sum(calls) AS calls, sum(results) AS results FROM (SELECT calls, results FROM uses"
            " WHERE server = :server AND tool = :tool ORDER BY number DESC LIMIT 20)",
            {"server": server, "tool": tool},
        )
        calls = rows[0]["calls"] if rows else None
        return rows[0]["results"] / calls if calls is not None and calls >= _FEW_CALLS else None

    def by_server(self, since: datetime | None = None, agents: str | None = None) -> Sequence[ServerFigures]:
        """Return the figures of each server that was called or is configured, the most called first."""
        rows = self._rows(
            "SELECT server, count(DISTINCT number) AS runs, sum(uses.calls) AS calls, sum(failed) AS failed,"
            " sum(uses.cached) AS cached, sum(milliseconds) / sum(uses.calls) AS mean, sum(results)"
            f" FROM uses JOIN runs USING (number) WHERE {WANTED} GROUP BY server"
            " ORDER BY sum(uses.calls) DESC, server",
            _wanted(since, agents),
        )
        known = {row["server"]: row for row in self._rows("SELECT * FROM servers ORDER BY server")}
        called = [
            ServerFigures(*row, *((seen["tools"], seen["tokens"]) if seen is not None else ()))
            for row in rows
            for seen in (known.pop(row["server"], None),)
        ]
        unused = (
            ServerFigures(server, 0, 0, 0, 0, 0.0, 0, row["tools"], row["tokens"])
            for server, row in known.items()
        )
        return [*called, *unused]

    def runs(
        self,
        since: datetime | None = None,
        agents: str | None = None,
        *,
        agent: str | None = None,
        outcome: str | None = None,
        language: str | None = None,
        server: str | None = None,
        tool: str | None = None,
        code: str | None = None,
        losses: bool = False,
        before: int | None = None,
        limit: int = 50,
    ) -> RunsPage:
        """Return a page of runs, the youngest first.

        Parameters:
            agent: of this agent.
            outcome: ``"ok"``, ``"failed"`` for all others, or the type of an error.
            language: in this language.
            server, tool: that called this server, this tool.
            code: of this program, by the beginning of its SHA-256.
            losses: that cost more tokens than direct calls.
            before: where the page before ended.
            limit: how many at most, up to 1,000.
        """
        limit = max(1, min(limit, MOST))
        filters = {
            "agent": "agent = :agent",
            "outcome": "outcome != 'ok'" if outcome == "failed" else "outcome = :outcome",
            "language": "language = :language",
            "code": "substr(:code, 1, 16) = code",
            "before": "number < :before",
        }
        values = {
            "agent": agent, "outcome": outcome, "language": language, "code": code, "before": before,
            "server": server, "tool": tool,
        }  # fmt: skip
        conditions = [condition for name, condition in filters.items() if values[name] is not None]
        if server is not None or tool is not None:
            conditions.append(
                "EXISTS (SELECT 1 FROM uses WHERE uses.number = runs.number"
                " AND (:server IS NULL OR server = :server) AND (:tool IS NULL OR tool = :tool))"
            )
        if losses:
            conditions.append(_LOSS)
        rows = self._rows(
            f"SELECT * FROM runs WHERE {' AND '.join([WANTED, *conditions])}"
            " ORDER BY number DESC LIMIT :limit",
            {**_wanted(since, agents), **values, "limit": limit + 1},
        )
        found = rows[:limit]
        return RunsPage(tuple(map(_run, found)), found[-1]["number"] if len(rows) > limit else None)

    def compare(self, since: datetime | None = None, agents: str | None = None) -> Comparison:
        """Return direct calls against programs, by how many calls the runs made."""
        rows = self._rows(
            f"SELECT {_CALLS} AS bucket, count(*) AS runs, sum(calls_tokens + results_tokens >"
            " code_tokens + answer_tokens) AS cheaper, sum(calls_tokens) AS calls_written,"
            " sum(results_tokens) AS results, 0 AS definitions_direct, 0 AS definitions_code,"
            " sum(code_tokens) AS code_written, sum(answer_tokens) AS answers, max(tokenizer) AS tokenizer"
            f" FROM runs WHERE {WANTED} AND outcome = 'ok' AND calls > 0 GROUP BY bucket ORDER BY min(calls)",
            _wanted(since, agents),
        )
        return Comparison(
            tuple(ComparisonRow(row["bucket"], row["runs"], row["cheaper"], _tokens(row)) for row in rows),
            max((row["tokenizer"] for row in rows), default=""),
        )

    def recommendations(
        self, since: datetime | None = None, agents: str | None = None
    ) -> Sequence[Recommendation]:
        """Return what would save the most, the most first."""
        return recommend(self._rows, _wanted(since, agents))

    def close(self) -> None:
        """Let the store go; the next question opens it again."""
        with self._reading:
            self._store.close()

    def _rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        self._settle()
        with self._reading:
            return self._store.rows(query, values)

    def _times(self, group: str, wanted: Mapping[str, Any]) -> dict[Any, Times]:
        """Return the times by the value of ``group``, which is SQL."""
        rows = self._rows(
            f"SELECT {group}, total_ms FROM runs WHERE {WANTED} AND sandbox != '' ORDER BY total_ms", wanted
        )
        by_group: defaultdict[Any, list[float]] = defaultdict(list)
        for value, milliseconds in rows:
            by_group[value].append(milliseconds)
        found: defaultdict[Any, Times] = defaultdict(Times)
        return found | {
            value: Times(_share(each, 0.5), _share(each, 0.95), sum(each) / len(each))
            for value, each in by_group.items()
        }

    def _prompts(self, group: str, wanted: Mapping[str, Any]) -> dict[Any, int]:
        rows = self._rows(
            f"SELECT {group}, sum(tokens) FROM prompts AS runs WHERE {WANTED} GROUP BY {group}", wanted
        )
        return dict(map(tuple[Any, int], rows))

    def _counts(self, column: str, wanted: Mapping[str, Any]) -> dict[str, int]:
        rows = self._rows(
            f"SELECT {column}, count(*) FROM runs WHERE {WANTED} GROUP BY {column} ORDER BY 2 DESC, 1", wanted
        )
        return dict(map(tuple[str, int], rows))


def _wanted(since: datetime | None, agents: str | None) -> dict[str, Any]:
    return {"since": 0.0 if since is None else since.timestamp(), "agents": agents}


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _tokens(row: sqlite3.Row, prompts: int = 0) -> TokenFigures:
    return TokenFigures(
        definitions_direct=row["definitions_direct"],
        calls=row["calls_written"],
        results=row["results"],
        definitions_code=row["definitions_code"],
        prompts=prompts,
        code=row["code_written"],
        answers=row["answers"],
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _run(row: sqlite3.Row) -> RunFigures:
    return RunFigures(
        run=row["run"],
        begun=_time(row["begun"]),
        agent=row["agent"],
        language=row["language"],
        sandbox=row["sandbox"],
        outcome=row["outcome"],
        cached=bool(row["cached"]),
        calls=row["calls"],
        failed_calls=row["failed_calls"],
        code_lines=row["code_lines"],
        code=row["code"],
        total_ms=row["total_ms"],
        queue_ms=row["queue_ms"],
        start_ms=row["start_ms"],
        run_ms=row["run_ms"],
        tokens=TokenFigures(
            definitions_direct=row["definitions_direct"],
            calls=row["calls_tokens"],
            results=row["results_tokens"],
            definitions_code=row["definitions_code"],
            code=row["code_tokens"],
            answers=row["answer_tokens"],
        ),
    )
