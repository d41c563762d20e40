"""What keeping and restoring an agent's files takes, beside git and `cp -a`.

python -m benchmarks.workspace

84 MB in 2,012 files, half of each of them random: what data of people compresses to. Git takes its turn
between ours in each round; each figure is the median of the rounds.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import machine
from underpass.config import WorkspaceSettings
from underpass.workspace.checkpoints import Checkpoints

ROUNDS = 3
FILES = 2_012
SIZE = 84_000_000 // FILES
CHANGED = 5
_AGENT = "default"


class Round:
    """One set of files, and what is done with it."""

    def __init__(self, root: Path, taken: dict[tuple[str, str], list[float]]) -> None:
        self._taken = taken
        self._root = root
        self._folder = root / "workspace" / _AGENT
        draw = random.Random(1)
        self._contents = [draw.randbytes(SIZE // 2) + bytes(SIZE - SIZE // 2) for _ in range(FILES)]
        for number, content in enumerate(self._contents):
            path = self._path(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._checkpoints = Checkpoints(root / "workspace", root / ".underpass", WorkspaceSettings())
        git = {"GIT_DIR": str(root / "git"), "GIT_WORK_TREE": str(self._folder)}
        names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self._environment = {**os.environ, **git, **names}
        self._git("init", "-q")
        os.sync()

    def run(self) -> None:
        """Take every figure once."""
        self._all("first", "a")
        self._time(
            "first", "cp -a", lambda: self._run("cp", "-a", str(self._folder), str(self._root / "copy"))
        )
        self._all("unchanged", "b")
        self._change()
        self._all("small change", "c")
        self._restore("restore a small change")
        shutil.rmtree(self._folder / "data")
        self._restore("restore all")

    def _all(self, what: str, name: str) -> None:
        self._time(what, "ours", lambda: self._checkpoints.create(_AGENT, name))
        self._time(what, "git", lambda: self._commit(name))

    def _restore(self, what: str) -> None:
        """Ours first, then the same damage again for git."""
        damaged = self._root / "damaged"
        shutil.copytree(self._folder, damaged, symlinks=True)
        self._time(what, "ours", lambda: self._checkpoints.restore(_AGENT, "a"))
        shutil.rmtree(self._folder)
        damaged.rename(self._folder)
        self._git("add", "-A")  # or it would have to read everything, for the files are new ones
        self._time(what, "git", lambda: self._git("reset", "-q", "--hard", "a"))

    def _commit(self, name: str) -> None:
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", name)
        self._git("tag", name)

    def _change(self) -> None:
        for number in range(0, FILES, FILES // CHANGED):
            self._path(number).write_bytes(os.urandom(SIZE))

    def _path(self, number: int) -> Path:
        return self._folder / "data" / str(number % 40) / f"{number}.bin"

    def _git(self, *arguments: str) -> None:
        self._run("git", *arguments)

    def _run(self, *command: str) -> None:
        subprocess.run(command, env=self._environment, check=True, capture_output=True)

    def _time(self, what: str, who: str, work: Callable[[], object]) -> None:
        begun = time.perf_counter()
        work()
        self._taken[what, who].append((time.perf_counter() - begun) * 1e3)


def main() -> None:
    """Print the table."""
    print(machine())
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            Round(Path(folder), taken).run()
    print("\n| 84 MB in 2,012 files | ours | git | cp -a |\n|---|---|---|---|")
    for what in dict.fromkeys(what for what, _ in taken):
        cells = [taken.get((what, who)) for who in ("ours", "git", "cp -a")]
        shown = " | ".join(f"{statistics.median(cell):,.0f} ms" if cell else "" for cell in cells)
        print(f"| {what} | {shown} |")


if __name__ == "__main__":
    main()
