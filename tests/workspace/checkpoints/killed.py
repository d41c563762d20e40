"""A script: keeps and restores a workspace in children that are killed at points chosen at random.

``python killed.py FOLDER TRIES SEED`` prints a line for each try: where the child died, and ``ok`` or
what is wrong afterwards. A child is killed with SIGKILL before one of the system calls that Python
tells of (open, rename, mkdir, chmod, remove, truncate …), and counts them first to know how many there are.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.workspace.checkpoints.places import AGENT, Place

_EVENTS = ("open", "os.", "shutil.", "fcntl.", "ctypes.")


def state(place: Place, number: int) -> None:
    """Let the files be the ones of a number."""
    draw = random.Random(number)
    shutil.rmtree(place.folder / "data", ignore_errors=True)
    (place.folder / "data").mkdir()
    for name in draw.sample(range(60), 30 + number % 3 * 10):
        place.write(f"data/{name % 5}/{name}", draw.randbytes(draw.randrange(3_000)))


def work(place: Place) -> None:
    """Everything that can be interrupted; the files are those of number 2 before."""
    place.checkpoints.create(AGENT, "two")
    place.checkpoints.restore(AGENT, "one")
    place.write("data/0/new", b"new")
    place.checkpoints.create(AGENT, "one-and-more")
    place.checkpoints.delete(AGENT, "one-and-more")
    place.checkpoints.collect(grace=0)
    place.checkpoints.restore(AGENT, "two")


def in_child(place: Place, die_at: int, count: Callable[[int], None]) -> None:
    """Work in a process of its own that dies at a call; ``count`` is told how many calls there were."""
    seen = 0

    def hook(event: str, _arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event.startswith(_EVENTS):
            seen += 1
            if seen == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        sys.addaudithook(hook)
        work(place)
        os.write(writing, str(seen).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(process, 0)
    with os.fdopen(reading) as answer:
        count(int(answer.read() or 0))


def problem(place: Place) -> str:
    """What is wrong after a death; empty when nothing is."""
    if damaged := place.checkpoints.verify():
        return f"damaged: {damaged}"
    names = [each.name for each in place.checkpoints.list(AGENT)]
    for name, number in (("one", 1), ("two", 2)):
        if name == "one" or name in names:
            place.checkpoints.restore(AGENT, name)
            found = place.files()
            state(place, number)
            if found != place.files():
                return f"{name} is not what it was"
    left = [path.name for path in place.workspaces.iterdir() if path.name != AGENT]
    return f"left behind: {left}" if left else ""


def main(folder: Path, tries: int, seed: int) -> None:
    """Try so many times, each in a folder of its own."""
    draw = random.Random(seed)
    calls = 0

    def count(seen: int) -> None:
        nonlocal calls
        calls = seen

    for number in range(tries + 1):
        place = Place(folder / str(number))
        state(place, 1)
        place.checkpoints.create(AGENT, "one")
        state(place, 2)
        at = draw.randint(1, calls) if calls else 0
        if number:
            in_child(place, at, lambda _seen: None)
        else:
            in_child(place, 0, count)
            if not calls:
                print("the first child failed")
                return
        print(f"{at} of {calls}: {problem(place) or 'ok'}", flush=True)
        shutil.rmtree(folder / str(number))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
