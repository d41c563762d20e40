"""Counts the words of categories: `python -m benchmarks.category_words tools.jsonl.gz`.

Writes `category_words.json` beside the classifier, from one half of the labelled servers, and prints how
often the classifier agrees with the labels of either half.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from math import log
from pathlib import Path
from typing import Any

from underpass.catalog.definition import ToolDefinition
from underpass.discovery import categories
from underpass.discovery.weights import impacts

_MOST_WORDS = 150
_LEAST_SERVERS = 2
_LEAST_WEIGHT = 0.5
_DOUBT = 5
"""Added to each count: what is seen twice is no rule yet."""
_PRIOR = 0.5
"""How much the size of a category counts; it stands under the empty word."""

Labelled = Mapping[str, tuple[str, list[dict[str, int]]]]


def labelled(path: Path) -> tuple[Labelled, Labelled]:
    """Read the servers that have a label, with the words of their tools: to learn from, and to try on."""
    servers: dict[str, tuple[str, list[dict[str, int]]]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            label = categories.canonical(row.get("category") or "")
            if label in categories.ALL:
                tool = ToolDefinition.from_json(row["server"], row)
                servers.setdefault(row["server"], (label, []))[1].append(impacts(tool))
    halves: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for server, entry in servers.items():
        halves[hashlib.sha256(server.encode()).digest()[0] & 1][server] = entry
    return halves


def learn(servers: Labelled) -> dict[str, dict[str, float]]:
    """Return for each category its words, and how much likelier its servers hold them than others."""
    sizes: Counter[str] = Counter()
    everywhere: Counter[str] = Counter()
    within: dict[str, Counter[str]] = defaultdict(Counter)
    for label, tools in servers.values():
        words = {word for tool in tools for word, impact in tool.items() if impact >= categories.TELLING}
        sizes[label] += 1
        everywhere.update(words)
        within[label].update(words)
    total = len(servers)
    table: dict[str, dict[str, float]] = {}
    for label in sorted(sizes):
        weights = {
            word: log((count + _DOUBT * everywhere[word] / total) / (sizes[label] + _DOUBT))
            - log(everywhere[word] / total)
            for word, count in within[label].items()
            if count >= _LEAST_SERVERS
        }
        best = sorted(weights, key=lambda word: (-weights[word] * log(1 + within[label][word]), word))
        kept = {word: round(weights[word], 2) for word in best if weights[word] >= _LEAST_WEIGHT}
        prior = round(_PRIOR * log(sizes[label] / total), 2)
        table[label] = {"": prior} | dict(sorted(list(kept.items())[:_MOST_WORDS]))
    return table


def agreement(servers: Labelled) -> tuple[float, float, int]:
    """Return the share of tools, and of servers, whose category is their label; and how many tools."""
    right = tools = 0
    of_servers = 0.0
    for label, definitions in servers.values():
        found = categories.classify(definitions)
        same = found.count(label)
        right += same
        tools += len(found)
        of_servers += same / len(found)
    return right / tools, of_servers / len(servers), tools


def main() -> None:
    """Write the table, and print the agreement."""
    taught, tried = labelled(Path(sys.argv[1]))
    table = learn(taught)
    path = Path(categories.__file__).with_name("category_words.json")
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, half in (("learnt from", taught), ("held out", tried)):
        by_tool, by_server, count = agreement(half)
        print(f"{name}: {by_tool:.3f} of {count} tools, {by_server:.3f} of {len(half)} servers")


if __name__ == "__main__":
    main()
