"""Finding skills: `python -m benchmarks.skills_search [SKILLS]`, by default 5,000.

Skills are made of the words of a few domains, and tools of the same texts, so that both are searched with
the same requests, one after the other. The skills are listed by an object that answers at once: what a
library's own listing takes is not in these figures. Times of searches are of the wall clock, since a search
crosses to a thread and back; those of updates are processor time.

How much is found is measured with `skills_paraphrases.jsonl`: 40 skills, each with a request in other words,
among 500 of the former; by words alone, and by words and meaning where the extra `semantic` is installed.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path

import anyio
import orjson

from benchmarks.measure import HEAD, Row, Samples, machine
from underpass.catalog.definition import ToolDefinition
from underpass.discovery import ToolIndex, minilm
from underpass.skills.search.index import SkillIndex
from underpass.skills.search.search import SkillSearch, together
from underpass.skills.search.view import View
from underpass.skills.skill import Skill, SkillEntry

_VERBS = ("analyze", "compare", "summarize", "export", "import", "check", "collect", "rank", "merge", "split")
_THINGS = (
    "invoices", "orders", "issues", "pages", "commits", "meetings", "mails", "tables", "logs", "prices",
    "customers", "tickets", "graphs", "documents", "releases", "branches", "forecasts", "contracts",
)  # fmt: skip
_WAYS = (
    "by week", "for a customer", "across repositories", "with totals", "from a folder", "per region",
    "without duplicates", "by category", "since a date", "above a limit", "in two languages", "as a report",
)  # fmt: skip
_QUERIES = 400
_AMONG = 500
_MOST = 10
_PARAPHRASES = Path(__file__).with_name("skills_paraphrases.jsonl")
_SERVERS = tuple(f"server{number}" for number in range(40))


class _Listed:
    def __init__(self, entries: list[SkillEntry]) -> None:
        self.all = entries

    def entries(self, agent: str) -> Sequence[SkillEntry]:  # noqa: ARG002
        return self.all

    def find(self, name: str, agent: str, version: str | None = None) -> Skill:
        raise NotImplementedError

    def success(self, names: Sequence[str]) -> Mapping[str, tuple[int, float]]:
        return dict.fromkeys(names, (9, 0.9))


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    print(machine(), "\n")
    anyio.run(_measure, count)


async def _measure(count: int) -> None:
    chance = random.Random(7)
    entries = [_entry(number, chance) for number in range(count)]
    tools = [
        ToolDefinition(entry.tools[0].partition(".")[0], entry.name, entry.description) for entry in entries
    ]
    queries = [_words(chance) for _ in range(_QUERIES)]
    listed = _Listed(entries)
    index = ToolIndex.build(tools)
    search = SkillSearch(listed, servers=lambda: _SERVERS, figures=listed)
    await search.search("warm")
    of_tools: list[float] = []
    of_skills: list[float] = []
    of_both: list[float] = []
    for query in queries:
        begun = time.perf_counter()
        hits = index.search(query, 10)
        between = time.perf_counter()
        found = await search.search(query)
        searched = time.perf_counter()
        together(hits, found, 10)
        of_tools.append((between - begun) * 1e3)
        of_skills.append((searched - between) * 1e3)
        of_both.append((time.perf_counter() - begun) * 1e3)
    print(HEAD)
    print(_row(f"search of {count:,} tools", of_tools, compared=True))
    print(_row(f"search of {count:,} skills", of_skills))
    print(_row("both in one ranking", of_both))
    _print_updates(entries, chance)
    start = time.perf_counter()
    text = await search.catalog()
    print(f"catalog: {len(text.splitlines())} lines in {(time.perf_counter() - start) * 1e3:.1f} ms")
    await _print_recall(entries[:_AMONG])


async def _print_recall(others: list[SkillEntry]) -> None:
    labelled = [orjson.loads(line) for line in _PARAPHRASES.read_bytes().splitlines()]
    own = [_skill(each["name"], each["description"], each["tool"]) for each in labelled]
    servers = (*_SERVERS, *(entry.tools[0].partition(".")[0] for entry in own))
    print(f"\nfound of {len(own)} requests in other words, among {len(own) + len(others)} skills")
    async with AsyncExitStack() as stack:
        for how, vectors in (("words", None), ("words and meaning", minilm.embeddings(None))):
            if how != "words" and vectors is None:
                print("by meaning: the extra `semantic` is not installed")
                continue
            search = SkillSearch(_Listed([*own, *others]), servers=lambda: servers, embeddings=vectors)
            if vectors is not None:
                await stack.enter_async_context(vectors)
                await search.search("warm")
                await vectors.filled()
            places: list[int] = []
            times: list[float] = []
            for each in labelled:
                await search.search(each["query"], limit=_MOST)  # computes the request's vector
                if vectors is not None:
                    await vectors.filled()
                start = time.perf_counter()
                names = [hit.name for hit in await search.search(each["query"], limit=_MOST)]
                times.append((time.perf_counter() - start) * 1e3)
                places.append(names.index(each["name"]) if each["name"] in names else _MOST)
            found = ", ".join(
                f"{sum(place < most for place in places)} in the first {most}" for most in (1, 5, 10)
            )
            print(f"{how}: {found}; {Samples(tuple(times)).median:.2f} ms (median)")


def _row(figure: str, times: list[float], *, compared: bool = False) -> Row:
    samples = Samples(tuple(times))
    p99 = samples.percentile(0.99)
    seen = f"median {samples.median:.2f} ms, p99 {p99:.2f} ms"
    return Row(figure, "to compare with" if compared else "p99 <= 5 ms", seen, None if compared else p99 <= 5)


def _print_updates(entries: list[SkillEntry], chance: random.Random) -> None:
    view = View(SkillIndex())
    first = _milliseconds(view, entries)
    later = sorted(_milliseconds(view, [*entries, _entry(-1 - number, chance)]) for number in range(51))
    print(f"\nindexing all: {first:.0f} ms; after one was saved: {later[25]:.2f} ms (median of 51)")


def _milliseconds(view: View, entries: list[SkillEntry]) -> float:
    start = time.process_time()
    view.update(entries, _SERVERS)
    return (time.process_time() - start) * 1e3


def _words(chance: random.Random) -> str:
    return f"{chance.choice(_VERBS)} {chance.choice(_THINGS)} {chance.choice(_WAYS)}"


def _skill(name: str, description: str, tool: str) -> SkillEntry:
    function = name.replace("-", "_")
    return SkillEntry(
        name,
        description,
        "1.0.0",
        "python",
        function,
        "active",
        "project",
        (tool,),
        (),
        sha256(name.encode()).hexdigest(),
        f"async def {function}(limit: int = 10) -> list[dict]",
    )


def _entry(number: int, chance: random.Random) -> SkillEntry:
    words = _words(chance)
    name = f"{words.replace(' ', '-')}-{number}".replace("--", "-m")
    description = f"{words.capitalize()}. Use it with {chance.choice(_THINGS)} and {chance.choice(_THINGS)}."
    return _skill(name, description, f"{chance.choice(_SERVERS)}.list_{chance.choice(_THINGS)}")


if __name__ == "__main__":
    main()
