"""Which files of a folder contain one of some texts: by ripgrep where it is installed, else by reading them.

Both ways give the same answer: texts as they are, ASCII letters in any case, in the files' bytes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

RIPGREP = "rg"


def files_with(
    folder: Path, names: Iterable[str], needles: Sequence[str], *, program: str | None = None
) -> list[str]:
    """Return those of the files ``names``, below ``folder``, that contain one of ``needles``, in order.

    Parameters:
        program: ripgrep; by default the one on the path, and an empty text for none.
    """
    patterns = [needle for needle in needles if needle and "\n" not in needle]
    if not patterns:
        return []
    files = list(names)
    ripgrep = shutil.which(RIPGREP) if program is None else program
    suffixes = sorted({Path(name).suffix for name in files})
    # Ripgrep takes a carriage return at the end of a pattern's line for a part of the line's end.
    usable = bool(ripgrep) and not any(pattern.endswith("\r") for pattern in patterns)
    found = _by_ripgrep(ripgrep or "", folder, suffixes, patterns) if usable else None
    if found is not None:
        return [name for name in files if name in found]
    return _by_reading(folder, files, patterns)


def _by_ripgrep(
    program: str, folder: Path, suffixes: Sequence[str], patterns: Sequence[str]
) -> set[str] | None:
    """The files of the whole folder, or None when ripgrep does not work here."""
    command = [program, "--no-config", "--no-ignore", "--no-messages", "--files-with-matches", "--null"]
    command += ["--text", "--encoding", "none", "--ignore-case", "--no-unicode", "--fixed-strings"]
    command += [f"--glob=*{suffix}" for suffix in suffixes]
    command += ["--file", "-", "--", "."]
    lines = "\n".join(patterns).encode("utf-8", "surrogateescape") + b"\n"
    try:
        done = subprocess.run(command, cwd=folder, input=lines, capture_output=True, check=False)
    except OSError:
        return None
    if done.returncode not in (0, 1) and not done.stdout:  # 2 beside an output: some file was unreadable
        return None
    return {name.decode("utf-8", "surrogateescape")[2:] for name in done.stdout.split(b"\0") if name}


def _by_reading(folder: Path, names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    encoded = (re.escape(pattern.encode("utf-8", "surrogateescape")) for pattern in patterns)
    expression = re.compile(b"|".join(encoded), re.IGNORECASE)
    found: list[str] = []
    for name in names:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        if expression.search(content):
            found.append(name)
    return found
