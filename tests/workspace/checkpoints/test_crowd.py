"""Several processes on one workspace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.patience import LONG
from tests.workspace.checkpoints.places import AGENT, Place

pytestmark = [
    pytest.mark.requirement("R18", "R26"),
    pytest.mark.skipif(sys.platform == "win32", reason="there are no checkpoints on Windows"),
]
HERE = Path(__file__)


@pytest.mark.parametrize("rounds", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_every_finished_checkpoint_can_be_restored_whatever_others_do(tmp_path: Path, rounds: int) -> None:
    place = Place(tmp_path)
    place.write("data/first", "first")
    place.checkpoints.create(AGENT, "first")
    script = [sys.executable, str(HERE.with_name("crowd.py")), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[3]), *sys.path])}
    processes = [
        subprocess.Popen([*script, name, str(rounds)], stdout=subprocess.PIPE, text=True, env=environment)
        for name in "abc"
    ]
    finished = ["first"]
    for process in processes:
        with process:
            said, _ = process.communicate(timeout=LONG)
            assert process.returncode == 0
            finished += said.split()
    assert len(finished) > rounds
    assert place.checkpoints.verify() == []
    kept = [each.name for each in place.checkpoints.list(AGENT) if not each.automatic]
    assert set(kept) == set(finished)
    for name in finished:
        place.checkpoints.restore(AGENT, name)
        assert place.checkpoints.diff(AGENT, name) == []
    assert [path.name for path in place.workspaces.iterdir()] == [AGENT]
