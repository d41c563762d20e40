"""A disk that is full, and one that is read-only: nothing is lost, all is said, and it goes on after."""

import os
import sys
from pathlib import Path

import pytest
from tests.workspace.disks import can_mount, run

pytestmark = [
    pytest.mark.requirement("R26"),
    pytest.mark.skipif(not can_mount(), reason="no mounts of its own can be had here"),
]
TESTS = Path(__file__).parents[1]
CHECKPOINTS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.workspace.checkpoints.places import AGENT, Place
from underpass.errors import ExecutionError

def refused(what, why):
    try:
        what()
    except ExecutionError as error:
        assert why in error.hint, error.hint
    else:
        raise AssertionError("nothing was refused")

place = Place(Path(sys.argv[1]))
place.write("data/a", b"a" * 1000)
place.checkpoints.create(AGENT, "one")
before = place.files()
for make, end, why in ((full, empty, "disk is full"), (read_only, writable, "disk is read-only")):
    place.write("data/a", b"b" * 1000 + why.encode())
    place.write("data/b", b"b" * 300_000)
    changed = place.files()
    make(place.state)
    checkpoints = Place(place.root).checkpoints
    refused(lambda: checkpoints.create(AGENT, "two"), why)
    refused(lambda: checkpoints.restore(AGENT, "one"), why)
    assert place.files() == changed
    assert [each.name for each in checkpoints.list(AGENT)][0] == "one"
    assert checkpoints.verify() == []
    assert len(checkpoints.diff(AGENT, "one")) == 2
    assert checkpoints.export(AGENT, "one", place.root / f"{end.__name__}.tar.gz") == 1
    if make is read_only:
        refused(lambda: checkpoints.delete(AGENT, "one"), why)
        refused(lambda: checkpoints.collect(grace=0), why)
    end(place.state)
    if make is read_only:
        make(place.workspaces)
        refused(lambda: checkpoints.restore(AGENT, "one"), "pre-restore-")
        assert place.files() == changed
        end(place.workspaces)
    checkpoints.create(AGENT, "two")
    assert checkpoints.verify() == []
    checkpoints.restore(AGENT, "one")
    assert place.files() == before
"""
RUNS = """
import json, logging, sys
from pathlib import Path
import anyio
from underpass import Underpass

root, target, server = map(Path, sys.argv[1:])
config = root / ".mcp.json"
entry = {"command": sys.executable, "args": [str(server), str(root / "counts")]}
config.write_text(json.dumps({"mcpServers": {"counter": entry}}))
logging.basicConfig(stream=sys.stdout, format="%(message)s")
CODE = '''
from mcp_servers import counter
count = (await counter.increment(label="a"))["count"]
[count, *range(5000)]
'''

async def once(kept):
    async with Underpass.open(config, settings={"run.check": False}) as up:
        result = await up.run(CODE)
        assert result.error is None, result.error
        assert (result.handle is not None) is kept
        await up.call_tool("counter", "increment", {"label": "b"})

def held():
    files = (path for path in (root / "workspace").rglob("*") if path.is_file())
    return {path.name for path in files} - {"ballast"}

anyio.run(once, True)
for make, end in ((full, empty), (read_only, writable)):
    make(target)
    before = held()
    anyio.run(once, target.name != "workspace")
    assert target.name != "workspace" or held() == before, "no half of a result is left"
    end(target)
    anyio.run(once, True)
assert (root / "counts").read_text() == "a\\nb\\n" * 5
"""
FRESH = """
import sys
from pathlib import Path
import anyio
from underpass import SandboxUnavailable, Underpass

async def once():
    try:
        async with Underpass.open(None, home=sys.argv[1], settings={"run.check": False}) as up:
            await up.run("1")
    except SandboxUnavailable as error:
        print(error.message)

read_only(sys.argv[1])
anyio.run(once)
writable(sys.argv[1])
Path(sys.argv[1], "workspace").mkdir(mode=0o755)
read_only(Path(sys.argv[1], "workspace"))
anyio.run(once)
"""


def test_no_checkpoint_is_lost_and_none_is_half(tmp_path: Path) -> None:
    run(CHECKPOINTS, tmp_path, TESTS.parent)


@pytest.mark.slow
@pytest.mark.parametrize("target", [".underpass", "workspace"])
def test_runs_go_on_without_what_cannot_be_kept_and_it_is_said(tmp_path: Path, target: str) -> None:
    said = run(RUNS, tmp_path, tmp_path / target, TESTS / "servers" / "counting.py")
    if target == ".underpass":
        for what in ("the journal cannot be kept", "observed shapes cannot be kept"):
            assert said.count(what) == 2
        assert "No space left" in said or "disk is full" in said
        assert "Read-only file system" in said


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's")
@pytest.mark.skipif(os.geteuid() != 0, reason="in a namespace of its own no user is another")
def test_a_workspace_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    said = run(FRESH, tmp_path)
    assert "the folder of workspaces" in said
    assert "the workspace of 'default' cannot be made" in said
