"""What learning the shapes of results adds to a call, and what writing and finding them takes.

python -m benchmarks.shapes
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import machine
from underpass.catalog.definition import ToolDefinition
from underpass.codegen.header import definition_digest
from underpass.shapes.recorder import ShapeRecorder
from underpass.shapes.shape import Shape
from underpass.shapes.store import FILE_NAME, Key, ShapeStore

ROUNDS = 5
RECORD: dict[str, Any] = {
    "id": 1,
    "title": "It breaks",
    "state": "open",
    "author": "ada",
    "created_at": "2026-01-02T03:04:05Z",
    "url": "https://example.org/1",
    "labels": ["bug", "new"],
    "comments": 4,
    "draft": False,
    "body": None,
}
WIDE = {**RECORD, "user": RECORD, "repository": {**RECORD, "owner": RECORD}}


def words(number: int) -> str:
    """Spell a number in letters, as a key that looks like a name."""
    return "".join(chr(97 + int(digit)) for digit in str(number))


RESULTS: dict[str, Any] = {
    "two numbers": {"sum": 3, "rest": 1},
    "a text of 1 MB": "x" * 1_000_000,
    "a record of 10 keys": RECORD,
    "100 records of 10 keys": [RECORD] * 100,
    "100,000 nested records of 40 keys": [WIDE] * 100_000,
    "a map of 100,000 keys": {words(number): RECORD for number in range(100_000)},
}


def microseconds(work: Callable[[], object], times: int) -> float:
    """Return the processor time of one call of ``work``: the median of some rounds."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(times):
            work()
        taken.append((time.process_time() - begun) / times * 1e6)
    return sorted(taken)[ROUNDS // 2]


def main() -> None:
    """Print the table."""
    print(machine())
    print("\n| result | processor time more for a call |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        recorder = ShapeRecorder(Path(folder))
        for number, (name, value) in enumerate(RESULTS.items()):
            observe = recorder.observer(ToolDefinition("server", f"tool{number}"))
            print(f"| {name} | {microseconds(lambda: observe(value), 200):.1f} µs |")  # noqa: B023
        store = ShapeStore(Path(folder) / FILE_NAME)
        shape = Shape()
        shape.observe([WIDE])
        tool = ToolDefinition("server", "tool")
        shapes = {Key("server", f"tool{number}", "d"): shape for number in range(19)}
        shapes[Key("server", "tool", definition_digest(tool))] = shape
        print("\n| in a thread, or where someone asks | processor time |\n|---|---|")
        print(f"| write 20 tools of 40 keys | {microseconds(lambda: store.add(shapes), 10) / 1000:.1f} ms |")
        found = ShapeRecorder(Path(folder))
        print(f"| find the type of one tool | {microseconds(lambda: found.find(tool), 200):.0f} µs |")


if __name__ == "__main__":
    main()
