"""What would save the most, with the figures and the runs that say so.

Each kind has thresholds, below which nothing is said: a few runs are no habit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from underpass.metrics.figures import Recommendation
from underpass.metrics.store import WANTED

if TYPE_CHECKING:
    import sqlite3

Rows = Callable[[str, Mapping[str, Any]], "Sequence[sqlite3.Row]"]

RUNS: Final = 5
"""Runs from which a habit is one."""
MOSTLY: Final = 0.8
"""The share of a run's results from which they are those of one tool."""
LITTLE: Final = 0.05
"""The share of results that answers show, up to which a tool gives far more than is used."""
MUCH: Final = 0.5
"""The share from which programs return what they should have looked through."""
RESULT_TOKENS: Final = 10_000
"""Tokens of results, in all runs together, from which they are worth a word."""
UNUSED_RUNS: Final = 20
"""Runs after which a server that none of them called is unused."""
UNUSED_TOKENS: Final = 500
"""Tokens of definitions from which an unused server is worth a word."""
FAILING: Final = 0.2
"""The share of calls from which a tool fails often."""
FAILING_CALLS: Final = 10
"""Calls from which that can be said."""
FEW_CALLS: Final = 2
"""Calls of a run up to which direct calls are a choice."""
LOSS_TOKENS: Final = 500
"""Tokens, in all runs together, from which a loss is worth a word."""
_EACH: Final = 5
"""Recommendations of one kind."""
_EVIDENCE: Final = 10
"""Runs that are named."""

_SPENT: Final = "(definitions_code + code_tokens + answer_tokens)"
_SAVED: Final = f"(definitions_direct + calls_tokens + results_tokens - {_SPENT})"


def recommend(rows: Rows, wanted: Mapping[str, Any]) -> list[Recommendation]:
    """Return what would save the most, the most first.

    Parameters:
        rows: reads the store.
        wanted: ``since`` (seconds) and ``agents`` (a prefix or None): the runs that are looked at.
    """
    kinds = (_results, _unused_servers, _programs, _direct, _failing_tools, _failing_runs)
    found = [each for kind in kinds for each in kind(rows, wanted)]
    return sorted(found, key=lambda each: (-each.tokens, each.kind, each.subject))


def _results(rows: Rows, wanted: Mapping[str, Any]) -> Iterator[Recommendation]:
    """Tools of whose results little is used, and tools whose results programs return."""
    chosen = (
        f"FROM uses JOIN runs USING (number) WHERE {WANTED} AND outcome = 'ok'"
        f" AND uses.results > 0 AND uses.results >= {MOSTLY} * results_tokens"
    )
    left = {"filter-in-code": _EACH, "return-less": _EACH}
    for row in rows(
        "SELECT server, tool, count(*) AS runs, sum(uses.results) AS results, sum(answer_tokens) AS answers"
        f" {chosen} GROUP BY server, tool HAVING runs >= {RUNS} AND sum(uses.results) >= {RESULT_TOKENS}"
        " ORDER BY sum(uses.results) DESC",
        wanted,
    ):
        share = row["answers"] / row["results"]
        name = f"{row['server']}.{row['tool']}"
        said = f"{name} returned {row['results']:,} tokens in {row['runs']:,} runs, and their answers had"
        if share <= LITTLE:
            kind, tokens = "filter-in-code", row["results"] - row["answers"]
            text = f"{said} {share:.1%} of it: filter it in programs, and do not call it directly"
        elif share >= MUCH:
            kind, tokens = "return-less", row["answers"]
            text = f"{said} {share:.0%} of it: let programs return what was asked for, not what they read"
        else:
            continue
        left[kind] -= 1
        if left[kind] < 0:
            continue
        evidence = _runs(
            rows,
            f"SELECT run {chosen} AND server = :server AND tool = :tool",
            {**wanted, "server": row["server"], "tool": row["tool"]},
        )
        figures = {
            "runs": row["runs"],
            "results": row["results"],
            "answers": row["answers"],
            "share": round(share, 4),
        }
        yield Recommendation(kind, name, text, figures, evidence, tokens)


def _unused_servers(rows: Rows, wanted: Mapping[str, Any]) -> Iterator[Recommendation]:
    (total,) = rows(
        f"SELECT count(*) AS runs, total(conversation) AS conversations FROM runs WHERE {WANTED}", wanted
    ) or ({"runs": 0, "conversations": 0},)
    if total["runs"] < UNUSED_RUNS:
        return
    for row in rows(
        "SELECT server, tools, tokens FROM servers WHERE tokens >= :least AND server NOT IN"
        f" (SELECT server FROM uses JOIN runs USING (number) WHERE {WANTED})"
        f" ORDER BY tokens DESC LIMIT {_EACH}",
        {**wanted, "least": UNUSED_TOKENS},
    ):
        text = (
            f"server {row['server']} is unused: none of {total['runs']:,} runs called it, and the definitions"
            f" of its {row['tools']:,} tools take {row['tokens']:,} tokens; remove or disable it"
        )
        figures = {"runs": total["runs"], "tools": row["tools"], "definitions": row["tokens"]}
        yield Recommendation("unused-server", row["server"], text, figures, (), row["tokens"])


def _programs(rows: Rows, wanted: Mapping[str, Any]) -> Iterator[Recommendation]:
    chosen = f"FROM runs WHERE {WANTED} AND outcome = 'ok' AND calls > 0"
    for row in rows(
        "SELECT code, language, count(*) AS runs, sum(cached) AS cached, max(code_tokens) AS tokens"
        f" {chosen} GROUP BY code, language HAVING runs >= {RUNS}"
        f" ORDER BY (count(*) - 1) * max(code_tokens) DESC, code LIMIT {_EACH}",
        wanted,
    ):
        again = (row["runs"] - 1) * row["tokens"]
        text = (
            f"a program of {row['tokens']:,} tokens ({row['code']}) ran {row['runs']:,} times:"
            " save it as a skill, and it is written once"
        )
        evidence = _runs(rows, f"SELECT run {chosen} AND code = :code", {**wanted, "code": row["code"]})
        if evidence:
            text += f": `underpass skills save {evidence[0]} --name NAME`"
        figures = {
            "runs": row["runs"],
            "cached": row["cached"],
            "code": row["code"],
            "code_tokens": row["tokens"],
        }
        yield Recommendation("save-as-skill", row["code"], text, figures, evidence, again)


def _direct(rows: Rows, wanted: Mapping[str, Any]) -> Iterator[Recommendation]:
    # What is carried once for a conversation is not a matter of one run's way.
    loss = "code_tokens + answer_tokens - calls_tokens - results_tokens"
    chosen = (
        f"FROM runs WHERE {WANTED} AND outcome = 'ok' AND NOT cached AND calls BETWEEN 1 AND {FEW_CALLS}"
        f" AND {loss} > 0"
    )
    for row in rows(
        f"SELECT agent, count(*) AS runs, sum({loss}) AS tokens {chosen}"
        f" GROUP BY agent HAVING runs >= {RUNS} AND sum({loss}) >= {LOSS_TOKENS}"
        f" ORDER BY sum({loss}) DESC LIMIT {_EACH}",
        wanted,
    ):
        text = (
            f"mode direct would have been cheaper for {row['runs']:,} runs of agent {row['agent']}, which"
            f" made {FEW_CALLS} calls at most: by {row['tokens']:,} tokens"
        )
        evidence = _runs(rows, f"SELECT run {chosen} AND agent = :agent", {**wanted, "agent": row["agent"]})
        figures = {"runs": row["runs"], "loss": row["tokens"]}
        yield Recommendation("use-direct", row["agent"], text, figures, evidence, row["tokens"])


def _failing_tools(rows: Rows, wanted: Mapping[str, Any]) -> Iterator[Recommendation]:
    for row in rows(
        "SELECT server, tool, sum(uses.calls) AS calls, sum(failed) AS failed, count(*) AS runs"
        f" FROM uses JOIN runs USING (number) WHERE {WANTED} GROUP BY server, tool"
        f" HAVING sum(uses.calls) >= {FAILING_CALLS} AND sum(failed) >= {FAILING} * sum(uses.calls)"
        f" ORDER BY sum(failed) DESC LIMIT {_EACH}",
        wanted,
    ):
        name = f"{row['server']}.{row['tool']}"
        text = (
            f"{row['failed']:,} of {row['calls']:,} calls of {name} failed: `underpass doctor` looks at the"
            " server, and its documentation says what the tool takes"
        )
        evidence = _runs(
            rows,
            f"SELECT run FROM uses JOIN runs USING (number) WHERE {WANTED} AND failed"
            " AND server = :server AND tool = :tool",
            {**wanted, "server": row["server"], "tool": row["tool"]},
        )
        figures = {"calls": row["calls"], "failed": row["failed"], "runs": row["runs"]}
        yield Recommendation("failing-tool", name, text, figures, evidence)


def _failing_runs(rows: Rows, wanted: Mapping[str, Any]) -> Iterator[Recommendation]:
    chosen = f"FROM runs WHERE {WANTED} AND outcome NOT IN ('ok', 'Interrupted', 'Cancelled')"
    (total,) = rows(f"SELECT count(*) AS runs FROM runs WHERE {WANTED}", wanted) or ({"runs": 0},)
    for row in rows(
        f"SELECT outcome, count(*) AS runs, sum({_SPENT}) AS tokens {chosen}"
        f" GROUP BY outcome HAVING runs >= {RUNS} AND runs >= {FAILING} * {total['runs']}"
        f" ORDER BY sum({_SPENT}) DESC LIMIT {_EACH}",
        wanted,
    ):
        text = (
            f"{row['runs']:,} of {total['runs']:,} runs failed with {row['outcome']}, and {row['tokens']:,}"
            " tokens were spent for nothing: the documentation of errors says what to do"
        )
        evidence = _runs(
            rows, f"SELECT run {chosen} AND outcome = :outcome", {**wanted, "outcome": row["outcome"]}
        )
        figures = {"runs": row["runs"], "of": total["runs"], "spent": row["tokens"]}
        yield Recommendation("failing-runs", row["outcome"], text, figures, evidence, row["tokens"])


def _runs(rows: Rows, query: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the youngest of the runs that a query finds."""
    return tuple(row["run"] for row in rows(f"{query} ORDER BY number DESC LIMIT {_EVIDENCE}", values))
