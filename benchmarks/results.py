"""What the shape of a large value tells, beside its cut beginning: `python -m benchmarks.results`.

Each value goes through a model's context once as its shape, and once as its JSON cut at as many tokens. A
question counts as answered where the text holds the answer. The cut JSON is granted what its beginning shows
of all rows, as if they were alike: keys and types. No reader finds counts, ranges, nulls or the end in it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import machine
from underpass.execution.shape import compact, shape_of
from underpass.metrics import tokens

_BUDGET = 600
"""Tokens for a shape, of the 2,000 that an answer may have."""


@dataclass(frozen=True, slots=True)
class Question:
    """One fact of a value: what the shape must hold to tell it, and what the cut JSON must, if it can."""

    text: str
    answer: str
    cut: str | None = None


def main() -> None:
    """Print the table."""
    print(machine() + "\n")
    print(
        "| value | tokens whole | tokens of the shape | ms | questions | the shape answers | the same cut |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, value, questions in _cases():
        begun = time.perf_counter()
        shape = compact(shape_of(value, _BUDGET, tokens.count))
        took = (time.perf_counter() - begun) * 1e3
        used = tokens.count(shape)
        whole = compact(value)
        cut = _cut(whole, used)
        told = [question for question in questions if question.answer in shape]
        seen = [question for question in questions if question.cut is not None and question.cut in cut]
        print(
            f"| {name} | {tokens.count(whole):,} | {used} | {took:.0f} | {len(questions)} | {len(told)} | "
            f"{len(seen)} |",
            flush=True,
        )
        for question in questions:
            if question not in told:
                print(f"    not in the shape: {question.text}")


def _cut(text: str, budget: int) -> str:
    """The longest beginning of a text that has at most ``budget`` tokens, nearly."""
    low, high = 0, min(len(text), budget * 40)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tokens.count(text[:middle]) <= budget else (low, middle - 1)
    return text[:low]


def _cases() -> Iterator[tuple[str, Any, Sequence[Question]]]:
    dice = random.Random(0)
    issues = [_issue(n, dice) for n in range(500)]
    sizes = [issue["comments"] for issue in issues]
    dates = sorted(issue["created_at"] for issue in issues)
    closed = sum(issue["state"] == "closed" for issue in issues)
    nobody = sum(issue["assignee"] is None for issue in issues)
    yield (
        "list of 500 issues",
        issues,
        (
            Question("how many", '"length":500'),
            Question("keys", '"milestone', '"milestone'),
            Question("how many are closed", f'\\"closed\\" ({closed})'),
            Question("most comments", f"integer {min(sizes)}..{max(sizes)}"),
            Question("first and last date", f"{dates[0]}..{dates[-1]}"),
            Question("nulls of assignee", f"null ({nobody})"),
            Question("which keys may be missing", '"milestone?"'),
            Question("types", "string", '"title":"'),
            Question("first row", '"number":0', '"number":0'),
        ),
    )
    numbers = [[round(dice.gauss(0, 10), 3) for _ in range(6)] for _ in range(2_000)]
    flat = [each for row in numbers for each in row]
    yield (
        "table of 2,000 x 6 numbers",
        numbers,
        (
            Question("how many rows", '"length":2000'),
            Question("how many in a row", "array of 6:", "],["),
            Question("types", "number", "[["),
            Question("least and most", f"{min(flat):.6g}..{max(flat):.6g}"),
            Question("first row", compact(numbers[0])[1:20], compact(numbers[0])[1:20]),
        ),
    )
    config = _config(dice)
    yield (
        "nested configuration",
        config,
        (
            Question("how many sections", f'"keys":{len(config)}'),
            Question("names of the sections", '"tracing"', '"tracing"'),
            Question("how many services", '"length":120'),
            Question("keys of a service", "replicas", "replicas"),
            Question("most replicas", "integer 1..9"),
            Question("services without a limit", "null ("),
            Question("value of a plain setting", '"version":3', '"version":3'),
        ),
    )
    log = "".join(
        f"2026-11-23T10:{n % 60:02}:00Z {dice.choice(('INFO', 'WARN'))} request {n}\n" for n in range(4_000)
    )
    yield (
        "log text",
        log,
        (
            Question("how many characters", f'"length":{len(log)}'),
            Question("how many lines", '"lines":4000'),
            Question("first line", "request 0", "request 0"),
            Question("last line", "request 3999", "request 3999"),
        ),
    )
    rows = [_row(n, dice) for n in range(100_000)]
    prices = [row["price"] for row in rows]
    none = sum(row["discount"] is None for row in rows)
    yield (
        "100,000 rows",
        rows,
        (
            Question("how many", '"length":100000'),
            Question("keys", '"discount"', '"discount"'),
            Question("types", "boolean", '"sold":'),
            Question("least and most of a column", f"number {min(prices):.6g}..{max(prices):.6g}"),
            Question("nulls of a column", f"null ({none})"),
            Question("values of a category", '\\"books\\" ('),
            Question("first row", '"id":0', '"id":0'),
        ),
    )


def _issue(n: int, dice: random.Random) -> Mapping[str, Any]:
    issue: dict[str, Any] = {
        "number": n,
        "title": f"Something fails when {dice.choice(('saving', 'loading', 'sorting'))} file {n}",
        "state": dice.choice(("open", "open", "closed")),
        "comments": dice.randrange(40),
        "created_at": f"2026-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}T10:00:00Z",
        "user": {"login": f"user{dice.randrange(30)}", "id": dice.randrange(10**6)},
        "assignee": None if dice.random() < 0.4 else {"login": f"user{dice.randrange(30)}"},
        "labels": [{"name": name} for name in ("bug", "docs", "help") if dice.random() < 0.3],
        "body": "It happens each time. " * dice.randrange(1, 20),
    }
    return issue | {"milestone": "1.0"} if dice.random() < 0.2 else issue


def _config(dice: random.Random) -> dict[str, Any]:
    services = [_service(n, dice) for n in range(120)]
    return {
        "version": 3,
        "services": services,
        "logging": {"level": "info", "targets": ["stdout", "file"]},
        "tracing": {"enabled": True, "sample": 0.1},
    }


def _service(n: int, dice: random.Random) -> dict[str, Any]:
    return {
        "name": f"service-{n}",
        "replicas": dice.randrange(1, 10),
        "limits": None if dice.random() < 0.2 else {"memory_mb": 2 ** dice.randrange(7, 13)},
        "environment": {f"KEY_{k}": f"value {k}" for k in range(6)},
    }


def _row(n: int, dice: random.Random) -> dict[str, Any]:
    return {
        "id": n,
        "price": round(dice.uniform(1, 500), 2),
        "discount": None if dice.random() < 0.7 else dice.randrange(5, 50),
        "category": dice.choice(("books", "music", "games")),
        "sold": dice.random() < 0.5,
    }


if __name__ == "__main__":
    main()
