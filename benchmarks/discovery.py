"""Finding tools: `python -m benchmarks.discovery FOLDER [chosen|held-out|all]`.

The folder holds `corpus.jsonl.gz`, one tool definition a line, and `queries-*.jsonl.gz`, each line with
`id`, `query` and `gold`, a list of groups: a group is found when any id in it is among the results.
`paraphrases.jsonl`, beside this file, has requests in other words than their tools' own; they were written
for this benchmark, and stand outside of the mean.

Constants were chosen on one half of the requests. `held-out` prints the other; without a word, all. Where
the extra `semantic` is installed the tables are printed for words alone, and with meaning. Computing the
vectors of ten thousand tools takes a minute or two the first time; they are kept in the folder for
temporary files. Times are processor time, which tells more on a machine that does other work as well.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log2
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import category_words
from benchmarks.measure import HEAD, Row, Samples, machine
from underpass.discovery import ToolIndex, minilm
from underpass.discovery.embeddings import Embeddings
from underpass.metrics import tokens

Tool = Mapping[str, Any]
Search = Callable[[ToolIndex, str, str], list[str]]

_SIZES = (100, 1_000, 10_000)
_ROUNDS = 3
_SERVERS = 40
_PARAPHRASES = Path(__file__).with_name("paraphrases.jsonl")


@dataclass(frozen=True, slots=True)
class Query:
    """One labelled request."""

    text: str
    gold: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over requests."""

    recall_1: float
    recall_5: float
    recall_10: float
    ndcg_5: float

    def __str__(self) -> str:
        return f"{self.recall_1:.2f} {self.recall_5:.2f} {self.recall_10:.2f} {self.ndcg_5:.2f}"

    @classmethod
    def mean(cls, parts: Sequence[Quality]) -> Quality:
        """The mean of each figure."""
        return cls(
            fmean(part.recall_1 for part in parts),
            fmean(part.recall_5 for part in parts),
            fmean(part.recall_10 for part in parts),
            fmean(part.ndcg_5 for part in parts),
        )


def _open(index: ToolIndex, query: str, _server: str) -> list[str]:
    return [hit.id for hit in index.search(query, 10)]


def _in_words(index: ToolIndex, query: str, server: str) -> list[str]:
    return [hit.id for hit in index.search(f"{query} {server}", 10)]


def _filtered(index: ToolIndex, query: str, server: str) -> list[str]:
    return [hit.id for hit in index.search(query, 10, server)]


_WAYS: Mapping[str, Search] = {"open": _open, "server in the query": _in_words, "server filter": _filtered}


def main() -> None:
    """Print the tables."""
    folder, which = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "all"
    tools = {row["id"]: row for row in _rows(folder / "corpus.jsonl.gz")}
    labelled = {path.name[8:-9]: _queries(path, which) for path in sorted(folder.glob("queries-*.jsonl.gz"))}
    own = {_PARAPHRASES.stem: _queries(_PARAPHRASES, which)}
    print(machine(), f"\n\nqueries: {which}; each cell: recall@1 @5 @10, nDCG@5")
    vectors = minilm.embeddings(Path(tempfile.gettempdir()) / "underpass-benchmark-vectors")
    for name, embeddings in (("words", None), ("words and meaning", vectors)):
        if name != "words" and embeddings is None:
            print("\n## words and meaning: the extra `semantic` is not installed")
            continue
        print(f"\n## {name}\n")
        if embeddings is not None:
            ToolIndex.build(tools.values(), embeddings)
            missing = embeddings.missing
            print(
                f"{missing:,} vectors computed in {_milliseconds(embeddings.fill) / 1e3:.1f} s\n", flush=True
            )
        _print_quality(tools, labelled, own, embeddings)
        print("\n" + HEAD)
        texts = [query.text for queries in labelled.values() for query in queries]
        for row in _costs(_pool(tools, [], 10_000), texts, embeddings):
            print(row, flush=True)
    print("\n## agreement of the categories with the corpus's labels\n")
    halves = category_words.labelled(folder / "corpus.jsonl.gz")
    for half, servers in zip(("learnt from", "held out"), halves, strict=True):
        of_tools, of_servers, count = category_words.agreement(servers)
        print(f"{half}: {of_tools:.2f} of {count:,} tools, {of_servers:.2f} of {len(servers)} servers")


def _print_quality(
    tools: Mapping[str, Tool],
    labelled: Mapping[str, Sequence[Query]],
    own: Mapping[str, Sequence[Query]],
    embeddings: Embeddings | None,
) -> None:
    sets = {**labelled, **own}
    heads = [f"{name} ({len(queries)})" for name, queries in sets.items()]
    heads.insert(len(labelled), "mean")
    print(f"| tools | way | {' | '.join(heads)} |\n|---|---|" + "---|" * len(heads))
    for size in _SIZES:
        found: dict[str, list[Quality]] = {way: [] for way in _WAYS}
        for queries in sets.values():
            scored = _scored(tools, queries, size, embeddings)
            for way in _WAYS:
                found[way].append(scored[way])
        for way, parts in found.items():
            parts.insert(len(labelled), Quality.mean(parts[: len(labelled)]))
            print(f"| {size:,} | {way} | {' | '.join(map(str, parts))} |", flush=True)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _queries(path: Path, which: str) -> list[Query]:
    return [
        Query(row["query"], tuple(tuple(group) for group in row["gold"]))
        for row in _rows(path)
        if which in ("all", _half(row["id"]))
    ]


def _half(name: str) -> str:
    # The steps of a task belong to the task's half.
    whole = name.split("-s", maxsplit=1)[0] if name.startswith("livemcp") else name
    return "held-out" if hashlib.sha1(whole.encode(), usedforsecurity=False).digest()[0] & 1 else "chosen"


def _scored(
    tools: Mapping[str, Tool], queries: Sequence[Query], size: int, embeddings: Embeddings | None
) -> dict[str, Quality]:
    """Search for each request in ``size`` tools, among which are its own and those of a few others."""
    found: dict[str, list[Quality]] = {way: [] for way in _WAYS}
    for block, wanted in _blocks(queries, size // 2):
        index = ToolIndex.build(_pool(tools, wanted, size), embeddings)
        for query in block:
            for way, search in _WAYS.items():
                found[way].append(_quality(index, query, search))
    return {way: Quality.mean(parts) for way, parts in found.items()}


def _blocks(queries: Sequence[Query], most: int) -> Iterator[tuple[list[Query], list[str]]]:
    block: list[Query] = []
    wanted: dict[str, None] = {}
    for query in queries:
        own = dict.fromkeys(name for group in query.gold for name in group)
        if block and len(wanted | own) > most:
            yield block, list(wanted)
            block, wanted = [], {}
        block.append(query)
        wanted |= own
    if block:
        yield block, list(wanted)


def _pool(tools: Mapping[str, Tool], wanted: Sequence[str], size: int) -> list[Tool]:
    own = [name for name in wanted if name in tools]
    rest = sorted(tools.keys() - set(own))
    random.Random(0).shuffle(rest)
    return [tools[name] for name in (*own, *rest)[:size]]


def _quality(index: ToolIndex, query: Query, search: Search) -> Quality:
    """Of a request with several tools, each is looked for with its own server named."""
    if search is _open:
        return _measured(search(index, query.text, ""), query.gold)
    parts: list[Quality] = []
    for group in query.gold:
        servers = sorted({name.partition("::")[0] for name in group})
        tried = [_measured(search(index, query.text, server), (group,)) for server in servers]
        parts.append(max(tried, key=lambda part: (part.recall_5, part.recall_10, part.ndcg_5)))
    return Quality.mean(parts)


def _measured(found: Sequence[str], gold: Sequence[Sequence[str]]) -> Quality:
    places = [min((found.index(name) for name in group if name in found), default=99) for group in gold]
    gain = sum(1 / log2(place + 2) for place in places if place < 5)
    best = sum(1 / log2(place + 2) for place in range(min(len(gold), 5)))
    shares = [sum(place < most for place in places) / len(places) for most in (1, 5, 10)]
    return Quality(shares[0], shares[1], shares[2], min(gain / best, 1.0))


def _costs(tools: Sequence[Tool], queries: Sequence[str], embeddings: Embeddings | None) -> Iterator[Row]:
    built = [_milliseconds(lambda: ToolIndex.build(tools, embeddings)) for _ in range(_ROUNDS)]
    yield _row("built, 10,000 tools", 1_500, min(built), "ms, best of 3")
    index = ToolIndex.build(tools, embeddings)
    yield from _latency(index, queries, 1 if embeddings is None else 12)
    by_server: dict[str, list[Tool]] = {}
    for tool in tools:
        by_server.setdefault(tool["server"], []).append(tool)
    updates: dict[str, float] = {}
    for server in sorted(by_server, key=lambda name: -len(by_server[name]))[:_SERVERS]:
        updates[server] = min(
            _milliseconds(partial(_replace, index, by_server, server)) for _ in range(_ROUNDS)
        )
    largest = len(by_server[max(updates, key=updates.__getitem__)])
    yield _row(f"one server updated, the slowest of {_SERVERS} ({largest} tools)", 50, max(updates.values()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        index.save(path)
        loads = [_milliseconds(lambda: ToolIndex.load(path, embeddings)) for _ in range(_ROUNDS * 2)]
        yield _row(
            f"loaded from cache ({path.stat().st_size / 1e6:.1f} MB)", 100, min(loads), "ms, best of 6"
        )
    hits = [hit for query in queries for hit in index.search(query, 10)]
    line = [tokens.count(f"{hit.server}.{hit.signature()} {hit.summary}") for hit in hits]
    yield _row("tokens per hit, mean", 60, fmean(line), "tokens")
    yield _row("tokens per hit, largest seen", 300, max(line), "tokens")


def _latency(index: ToolIndex, queries: Sequence[str], most: float) -> Iterator[Row]:
    # The vector of a request is kept for a while: no request may be measured twice with the same words.
    cold = Samples(tuple(_milliseconds(partial(index.search, query)) for query in queries))
    rounds = [
        [_milliseconds(partial(index.search, f"{query} {' ' * number}")) for query in queries]
        for number in range(_ROUNDS)
    ]
    warm = Samples(tuple(map(min, zip(*rounds, strict=True))))
    yield Row("search, first time, p50 / p99", "", f"{cold.median:.2f} / {cold.percentile(0.99):.2f} ms")
    slowest = warm.percentile(0.99)
    seen = f"{warm.median:.2f} / {slowest:.2f} ms"
    yield Row("search, p50 / p99", f"p99 ≤ {most:g} ms", seen, met=slowest <= most)


def _replace(index: ToolIndex, by_server: Mapping[str, Sequence[Tool]], server: str) -> None:
    index.remove(server)
    index.add(by_server[server])


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def _row(figure: str, most: float, seen: float, unit: str = "ms") -> Row:
    return Row(figure, f"≤ {most:,}", f"{seen:.1f} {unit}", met=seen <= most)


if __name__ == "__main__":
    main()
