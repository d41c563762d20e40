"""The holes that the first prototype of the sandbox had, one by one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from underpass import Underpass
from underpass.sandbox.lease import dumps
from underpass.sandbox.process import ProcessSandbox

pytestmark = [
    pytest.mark.requirement("R11", "R15", "R43"),
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
]


async def _value(home: Path, code: str) -> Any:
    async with Underpass.open(None, home=home) as up:
        result = await up.run(code)
    assert result.error is None, result.error
    return result.value


@pytest.mark.anyio
async def test_hole_1_a_landlock_rule_covers_the_tmpfs_that_is_mounted_over_its_folder(
    tmp_path: Path,
) -> None:
    # A rule on a mount point misses what is mounted there, and then no file of it could be opened.
    code = """
import os
def denied(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False
open("/tmp/x", "w").write("mine")
open("workspace.txt", "w").write("mine")
[open("/tmp/x").read(), open("workspace.txt").read(), denied(lambda: os.listdir("/workspaces"))]
"""
    assert await _value(tmp_path, code) == ["mine", "mine", True]


@pytest.mark.anyio
async def test_hole_2_descriptors_0_to_2_of_the_zygote_do_not_leak_into_children(tmp_path: Path) -> None:
    code = """
import os
def number(descriptor):
    try:
        return os.fstat(descriptor).st_rdev
    except OSError:
        return None
found = {n: number(n) for n in range(1 << 12)}
[found[n] == os.makedev(1, 3) for n in range(3)] + [n for n in found if n > 3 and found[n] is not None]
"""
    assert await _value(tmp_path, code) == [True, True, True]


@pytest.mark.anyio
async def test_hole_3_no_anonymous_memory_is_writable_and_executable(tmp_path: Path) -> None:
    code = """
import mmap
def denied(rights):
    try:
        mmap.mmap(-1, 4096, prot=rights)
    except OSError:
        return True
    return False
[denied(mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC), denied(mmap.PROT_READ | mmap.PROT_WRITE)]
"""
    assert await _value(tmp_path, code) == [True, False]


@pytest.mark.anyio
async def test_hole_4_a_frame_forged_on_the_own_channel_ends_its_own_run_and_is_never_trusted(
    tmp_path: Path,
) -> None:
    code = """
import os
def frame(body):
    os.write(3, len(body).to_bytes(4, "little") + body)
frame(b'{"op":"done","value":"forged","started":0,"error":null,"run":"another"}')
while True:
    pass
"""
    async with Underpass.open(None, home=tmp_path) as up:
        forged = await up.run(code, agent="one", timeout=5)
        assert forged.value == "forged" or not forged.ok
        after = await up.run("40 + 2", agent="two")
        assert after.value == 42


@pytest.mark.anyio
async def test_hole_5_the_zygotes_frames_hold_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "canary-of-the-host"
    monkeypatch.setenv("SOME_SECRET", secret)
    code = """
import sys
frame, seen = sys._getframe(), []
while frame := frame.f_back:
    seen += [repr(frame.f_locals), repr(frame.f_globals)]
[len(seen) > 0, "-".join(["canary", "of", "the", "host"]) in "".join(seen)]
"""
    assert await _value(tmp_path, code) == [True, False]


@pytest.mark.anyio
async def test_hole_5_random_is_reseeded_in_every_child(tmp_path: Path) -> None:
    async with Underpass.open(None, home=tmp_path) as up:
        found = [(await up.run("import random\nrandom.random()")).value for _ in range(5)]
    assert len(set(found)) == 5


@pytest.mark.anyio
async def test_hole_5_a_recycled_zygote_has_another_hash_seed_and_address_layout(tmp_path: Path) -> None:
    # All children of one zygote share them, which is why it is replaced by count and by age.
    code = "[hash('seed'), id(object)]"
    found: list[tuple[int, int]] = []
    async with ProcessSandbox(tmp_path, idle=1, recycle_after=2) as sandbox:
        while len(set(found)) < 2:
            lease = await sandbox.lease("a")
            program = {"op": "run", "run": "x", "code": code, "filename": "x.py"}
            await lease.channel.send(dumps({**program, "timeout": 10.0, "max_value": 1_000}))
            answer, _ = await lease.channel.receive()
            found.append(tuple(answer["value"]))
            lease.release()
            assert len(found) < 2_000
    (one, first), (two, second) = set(found)
    assert one != two
    assert first != second
