"""Two processes that run programs of one agent at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.patience import LONG
from tests.workspace.checkpoints.places import AGENT, Place

from underpass.broker.journal import JournalStore

HOST = """
import sys
import anyio
from underpass import Underpass
ROOT, NAME, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
KEEP = '''
from mcp_runtime import workspace
await workspace.save_data("data/NAME/NUMBER.json", list(range(NUMBER)))
await workspace.checkpoint("NAME-NUMBER")
(await workspace.load_data("data/NAME/NUMBER.json")) == list(range(NUMBER))
'''

async def main():
    async with Underpass.open(None, home=ROOT, settings={"run.check": False}) as up:
        for number in range(ROUNDS):
            result = await up.run(KEEP.replace("NAME", NAME).replace("NUMBER", str(number)))
            assert result.value is True, result.error
            print(f"{NAME}-{number}", flush=True)
            await anyio.to_thread.run_sync(lambda: up.checkpoints.collect(grace=0))

anyio.run(main)
"""


@pytest.mark.requirement("R18", "R20", "R26")
@pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux")
def test_nothing_of_either_is_lost(tmp_path: Path) -> None:
    rounds = 6
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", HOST, str(tmp_path), name, str(rounds)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name in "ab"
    ]
    finished: list[str] = []
    for host in hosts:
        with host:
            said, _ = host.communicate(timeout=LONG)
            assert host.returncode == 0
            finished += said.split()
    place = Place(tmp_path)
    assert sorted(each.name for each in place.checkpoints.list(AGENT)) == sorted(finished)
    assert len(finished) == 2 * rounds
    assert place.checkpoints.verify() == []
    for name in finished:
        place.checkpoints.restore(AGENT, name)
        agent, _, number = name.partition("-")
        assert f"data/{agent}/{number}.json" in place.files()
    store = JournalStore(tmp_path / ".underpass" / "journal")
    assert [run.cause for run in store.runs(99)] == ["ok"] * 2 * rounds
    store.close()
