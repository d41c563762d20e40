"""Runs Python as it would run in a container: without the right to make namespaces or mounts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.escape.conftest import SOURCE, interpreter, packages
from tests.patience import LONG

_LAUNCHER = Path(__file__).parents[1] / "escape" / "like_a_container.py"
_NOBODY = 65_534


@contextmanager
def home() -> Generator[Path]:
    """A folder that belongs to the user inside, and that this user can reach."""
    with TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, _NOBODY, _NOBODY)
        yield Path(folder)


def start(
    code: str, *arguments: str, home: Path, landlock: bool = True, as_root: bool = False
) -> subprocess.Popen[bytes]:
    """Start ``code`` there, as a user without any right, with ``home`` as its folder."""
    if as_root and os.geteuid() != 0:
        pytest.skip("not root")
    user = None if as_root or os.geteuid() != 0 else _NOBODY
    python = interpreter() if os.geteuid() == 0 else sys.executable
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    temporary.chmod(0o1777)
    return subprocess.Popen(
        [
            *(python, str(_LAUNCHER), *([] if landlock else ["--without-landlock"])),
            *(python, "-c", code, *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join([str(SOURCE), *packages()]), "TMPDIR": str(temporary)},
        cwd=home,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )


def run(
    code: str, *arguments: str, home: Path, landlock: bool = True, as_root: bool = False
) -> tuple[int, bytes, bytes]:
    """Run ``code`` there; returns its exit status, output and errors."""
    with start(code, *arguments, home=home, landlock=landlock, as_root=as_root) as process:
        out, err = process.communicate(timeout=LONG)
        return process.returncode, out, err
