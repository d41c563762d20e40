"""What finding tools costs a conversation: `python -m benchmarks.discovery_tokens FOLDER`.

The folder is that of `benchmarks.discovery`. Tokens are those of the answer's text, o200k, for the ten
first hits of each labelled query among all tools; and of a search through `Underpass`, milliseconds.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import anyio

from benchmarks.measure import HEAD, Row, Samples, machine
from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.codegen.calls import Language
from underpass.codegen.names import identifiers
from underpass.discovery import ToolIndex
from underpass.discovery.hit import Hit
from underpass.discovery.hit_texts import HitTexts
from underpass.metrics import tokens
from underpass.server.definitions import definitions

_ROUNDS = 3
_LANGUAGES: tuple[Language, ...] = ("python", "typescript")


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1])
    tools = list(_rows(folder / "corpus.jsonl.gz"))
    queries = [row["query"] for path in sorted(folder.glob("queries-*.jsonl.gz")) for row in _rows(path)]
    print(machine() + "\n\n" + HEAD)
    index = ToolIndex.build(tools)
    found = [index.search(query, 10) for query in queries]
    every = [hit for server in index.servers for hit in index.search("", len(index), server)]
    for language in _LANGUAGES:
        for row in _hits(index.servers, found, every, language):
            print(row, flush=True)
    for row in _definitions():
        print(row)
    for row in anyio.run(_latency, random.Random(0).sample(tools, 10_000), queries):
        print(row)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _hits(
    servers: Sequence[str], found: Sequence[Sequence[Hit]], every: Sequence[Hit], language: Language
) -> list[Row]:
    texts = HitTexts(language, identifiers(servers, "server" if language == "python" else "namespace"))
    answers = [tokens.count(texts.of_hits(hits)) for hits in found if hits]
    mean = sum(answers) / sum(map(len, found))
    beside = [tokens.count(_json(texts.hit(hit))) for hits in found for hit in hits]
    largest = max(tokens.count(texts.of_hits([hit])) for hit in every)
    return [
        Row(f"{language}: a hit of a labelled query, mean", "≤ 60 tokens", f"{mean:.1f}", mean <= 60),
        Row("… the largest, of all tools", "≤ 300 tokens", str(largest), largest <= 300),
        Row("… an answer of ten hits, mean / largest", "", f"{fmean(answers):.0f} / {max(answers)}"),
        Row("… the structured content of a hit, mean", "", f"{fmean(beside):.1f}"),
    ]  # fmt: skip


def _definitions() -> list[Row]:
    rows: list[Row] = []
    for count in (3, 50):
        names = [f"server{number}" for number in range(count)]
        for typescript in (False, True):
            shown = [
                {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
                for tool in definitions(names, {}, typescript=typescript)
            ]
            seen = tokens.count(_json(shown))
            also = ", TypeScript as well" if typescript else ""
            rows.append(
                Row(f"the six tools of serve, {count} servers{also}", "≤ 350 tokens", str(seen), seen <= 350)
            )
    return rows


async def _latency(tools: Sequence[Mapping[str, Any]], queries: Sequence[str]) -> list[Row]:
    async def answer(_arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome()

    servers: dict[str, InMemoryUpstream] = {}
    for tool in tools:
        name = tool["server"]
        upstream = servers.setdefault(name, InMemoryUpstream(name))
        upstream.add(ToolDefinition.from_json(name, tool), answer)
    with tempfile.TemporaryDirectory() as home:
        async with Underpass.open(servers, home=home, settings={"discovery.semantic": "off"}) as up:
            await up.search_tools(queries[0])
            seen: list[float] = []
            for query in queries:
                taken: list[float] = []
                for _ in range(_ROUNDS):
                    start = time.perf_counter()
                    await up.search_tools(query)
                    taken.append((time.perf_counter() - start) * 1e3)
                seen.append(min(taken))
    samples = Samples(tuple(seen))
    text = f"{samples.median:.1f} / {samples.percentile(0.99):.1f} ms"
    what = f"`up.search_tools`, {len(tools):,} tools of {len(servers):,} servers, p50 / p99"
    return [Row(what, "< 10 ms", text, samples.percentile(0.99) < 10)]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
