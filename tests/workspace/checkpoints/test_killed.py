"""A process that is killed at any moment loses no finished checkpoint, and leaves a tree to restore."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tests

pytestmark = [
    pytest.mark.requirement("R26"),
    pytest.mark.skipif(sys.platform == "win32", reason="checkpoints cannot be had on Windows"),
]

SCRIPT = Path(__file__).with_name("killed.py")


def trials(folder: Path, tries: int, seed: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, folder, str(tries), str(seed)],
        cwd=Path(tests.__path__[0]).parent,
        env={"PYTHONPATH": str(Path(tests.__path__[0]).parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(("tries", "seed"), [(25, 1), pytest.param(220, 2, marks=pytest.mark.slow)])
def test_finished_checkpoints_survive_a_death_at_any_moment(tmp_path: Path, tries: int, seed: int) -> None:
    lines = trials(tmp_path, tries, seed)
    assert len(lines) == tries + 1
    assert [line for line in lines if not line.endswith(": ok")] == []
    assert len({line.split()[0] for line in lines}) > tries // 2, "it died at many different points"
