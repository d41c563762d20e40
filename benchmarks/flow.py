"""What following private data costs a call, what it finds, and what it takes for private by mistake.

python -m benchmarks.flow TOOLS.jsonl.gz

The file has one tool definition a line. The other texts are this repository's: its commits and its docs.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import orjson

from benchmarks.measure import machine
from underpass.broker.call import Call
from underpass.broker.flow import Flows, RunFlow
from underpass.broker.flow.telling import RUN
from underpass.broker.flow.values import PrivateValues, find
from underpass.catalog import ToolDefinition
from underpass.config import FlowSettings

ROOT = Path(__file__).parents[1]
LENGTHS = (12, 16, 20, 24, 32)
SINK = ToolDefinition("chat", "post")
READER = ToolDefinition("git", "log", annotations={"readOnlyHint": True})


def main() -> None:
    """Print the tables."""
    print(machine())
    print("\n| a call | processor time |\n|---|---|")
    anyio.run(costs)
    chance = random.Random(5)
    texts: dict[str, Sequence[Any]] = {
        "definitions of tools": definitions(Path(sys.argv[1]), chance),
        "commits": commits(),
        "the docs": paragraphs(),
    }
    print("\n| what arrives, of 500 private values | found |\n|---|---|")
    for how, share in recall(texts["commits"], chance):
        print(f"| {how} | {share:.1%} |")
    lengths = " | ".join(f"{length} characters" for length in LENGTHS)
    print(f"\n| private | sent | {lengths} |\n|---|---|{'---|' * len(LENGTHS)}")
    for private, sent in (
        ("definitions of tools", "the docs"),
        ("commits", "definitions of tools"),
        ("commits", "the docs"),
        ("definitions of tools", "definitions of tools"),
    ):
        shares = mistakes(texts[private], texts[sent], same=private == sent)
        print(f"| {private} | {sent} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)


async def costs() -> None:
    """Print what following takes."""
    letters = random.Random(3)

    def text(size: int) -> str:
        return "".join(letters.choices(string.ascii_letters + " ", k=size))

    with tempfile.TemporaryDirectory() as folder:
        flows = Flows(
            FlowSettings(private=("mail",), untrusted=("web",)),
            trusted=("git",),
            servers=("mail", "web", "git", "chat"),
            state=Path(folder) / "state",
            workspaces=Path(folder) / "workspace",
        )

        def opened() -> RunFlow:
            run = flows.open_run(f"run{letters.random()}", "default")
            assert run is not None
            return run

        run = opened()
        small = call(SINK, text(200))
        print(f"| returns what is not private | {each(lambda: run.returned('git', 'log', 1, b'1')):.2f} µs |")
        reads = call(READER, text(200))
        print(f"| leads nowhere | {await each_of(lambda: run.check(reads)):.2f} µs |")
        print(
            f"| leads outside, nothing private was read | {await each_of(lambda: run.check(small)):.2f} µs |"
        )
        run.returned("mail", "read", "x", orjson.dumps(text(1_000)))
        print(
            "| leads outside with 200 characters, after 1 KB of private text | "
            f"{await each_of(lambda: run.check(small)):.1f} µs |"
        )
        for size in (10_000, 100_000):
            sent = call(SINK, text(size))
            taken = await each_of(lambda: run.check(sent), 5)  # noqa: B023
            print(f"| … with {size // 1_000:,} KB | {taken / size * 1e3:.0f} µs for each KB |")
        for size in (10_000, 250_000, 1_000_000, 4_000_000):
            values = PrivateValues(12)
            encoded = orjson.dumps([text(size)])
            begun = time.process_time()
            values.add("mail", "read", encoded)
            values.settle()
            taken = (time.process_time() - begun) * 1e3
            print(f"| the first look at {size // 1_000:,} KB of private text | {taken:.0f} ms |")
            taken = each(lambda: find([values], SINK, small.arguments), 50)  # noqa: B023
            print(f"| … 200 characters beside it | {taken:.0f} µs |")


def call(tool: ToolDefinition, text: str) -> Call:
    """A call with one text."""
    return Call("run", "default", tool, "digest", {"text": text}, orjson.dumps({"text": text}))


def each(work: Callable[[], object], times: int = 2_000) -> float:
    """Return the microseconds of one time, of processor time."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times * 1e6


async def each_of(work: Callable[[], Awaitable[object]], times: int = 2_000) -> float:
    """Return the microseconds of one time, of processor time."""
    begun = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - begun) / times * 1e6


def definitions(path: Path, chance: random.Random) -> list[dict[str, Any]]:
    """Return 800 definitions of tools, each of another server."""
    by_server: dict[str, dict[str, Any]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            kept = {key: row.get(key) for key in ("name", "description", "inputSchema")}
            by_server.setdefault(row["server"], kept)
    return chance.sample(list(by_server.values()), 800)


def commits() -> list[dict[str, Any]]:
    """Return the commits of this repository."""
    log = ["git", "log", "--max-count=1000", "--format=%H%x00%an%x00%ae%x00%aI%x00%B%x01"]
    text = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    keys = ("hash", "author", "email", "date", "message")
    return [
        dict(zip(keys, one.strip().split("\0"), strict=True)) for one in text.split("\x01") if one.strip()
    ]


def paragraphs() -> list[str]:
    """Return the paragraphs of this repository's docs."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/**/*.md"))]
    return [part[:500] for text in texts for part in re.split(r"\n\s*\n", text) if len(part) > 80]


def recall(private: Sequence[dict[str, Any]], chance: random.Random) -> list[tuple[str, float]]:
    """Return the share of private values that are found, by what became of them."""
    values = PrivateValues(12)
    values.add("mail", "read", orjson.dumps(private))
    picked = [row["message"].split("\n")[0] for row in chance.choices(private, k=500)]
    picked = [text for text in picked if len(text) >= RUN]

    def part(text: str, size: int) -> str:
        at = chance.randrange(max(1, len(text) - size + 1))
        return text[at : at + size]

    ways: dict[str, Callable[[str], str]] = {
        "the first line of a commit's message": lambda text: text,
        "32 characters of it": lambda text: part(text, 32),
        "the line in capitals, with line breaks": lambda text: text.upper().replace(" ", "\n"),
        "the line in an address (`%20`)": lambda text: "https://example.org/?q=" + text.replace(" ", "%20"),
        "16 characters of it": lambda text: part(text, 16),
        "in base64": lambda text: base64.b64encode(text.encode()).decode(),
        "backwards": lambda text: text[::-1],
        "each second word": lambda text: " ".join(text.split()[::2]),
    }
    hashes = [row["hash"] for row in private]
    found = [
        (
            "12 characters of a commit's hash",
            sum(is_found(values, part(each, 12)) for each in hashes) / len(hashes),
        )
    ]
    for how, change in ways.items():
        hits = [is_found(values, change(text)) for text in picked]
        found.append((how, sum(hits) / len(hits)))
    return found


def is_found(values: PrivateValues, text: str) -> bool:
    """Whether a text is recognised in the middle of another."""
    return find([values], SINK, {"text": f"(({text}))"}) is not None


def mistakes(private: Sequence[Any], sent: Sequence[Any], *, same: bool) -> list[float]:
    """Return the share of texts in which something is found though none comes from what is private."""
    half = len(private) // 2 if same else len(private)
    shares: list[float] = []
    for length in LENGTHS:
        values = PrivateValues(length)
        values.add("mail", "read", orjson.dumps(private[:half]))
        texts = sent[half:] if same else sent
        hits = [find([values], SINK, {"content": each}) is not None for each in texts]
        shares.append(sum(hits) / len(hits))
    return shares


if __name__ == "__main__":
    main()
