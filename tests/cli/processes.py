"""Starting the command line in the background, and looking at the processes it starts."""

import os
import select
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

# Whoever starts a test run in the background of a shell makes its children ignore SIGINT.
_PROGRAM = (
    "import signal, sys\n"
    "job = sys.argv.pop(1) == 'job'\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN if job else signal.default_int_handler)\n"
    "from underpass.cli.main import main\n"
    "main(sys.argv[1:])\n"
)


@contextmanager
def background(*arguments: str, cwd: Path, job: bool = False) -> Generator["subprocess.Popen[bytes]"]:
    """Run the command line with pipes; killed at the end if it still runs.

    With ``job`` it is as a script starts what it does not wait for: with SIGINT ignored.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, "job" if job else "", *arguments],
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


class Bell:
    """A named pipe in an agent's workspace: a program writes to it to say how far it is."""

    def __init__(self, workspace: Path) -> None:
        workspace.mkdir(parents=True)
        os.mkfifo(workspace / "bell")
        (workspace / "bell").chmod(0o666)  # the sandbox has a user of its own
        self._descriptor = os.open(workspace / "bell", os.O_RDONLY | os.O_NONBLOCK)

    def wait(self) -> None:
        """Return when the program has rung."""
        assert select.select([self._descriptor], [], [], 20)[0], "the program did not get that far"
        os.read(self._descriptor, 1)

    def wait_for_the_end(self) -> None:
        """Return when no program holds the bell open any more."""
        assert select.select([self._descriptor], [], [], 20)[0], "the program still runs"
        assert os.read(self._descriptor, 1) == b""


def descendants(of: int) -> set[int]:
    """The processes under a process, however deep."""
    children: dict[int, set[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        if fields := _stat(path):
            children.setdefault(int(fields[1]), set()).add(int(path.parent.name))
    found: set[int] = set()
    waiting = {of}
    while waiting:
        nested: set[int] = set()
        waiting = nested.union(*(children.get(parent, set()) for parent in waiting)) - found
        found |= waiting
    return found


def alive(process: int) -> bool:
    """Whether a process is there and no zombie."""
    fields = _stat(Path(f"/proc/{process}/stat"))
    return bool(fields) and fields[0] != "Z"


def _stat(path: Path) -> list[str]:
    """State, parent and so on: what follows the name."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []
