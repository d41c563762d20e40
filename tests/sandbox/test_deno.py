"""The pool of warm Deno processes, and the table of what they may ask the kernel."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from underpass.errors import Overloaded, SandboxUnavailable, ValidationFailed
from underpass.sandbox import deno_binary, deno_guest
from underpass.sandbox.deno import DenoSandbox
from underpass.sandbox.environment import SandboxEnvironment
from underpass.sandbox.kernel import deno_seccomp_table, seccomp_table
from underpass.sandbox.lease import Lease, dumps

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("R05", "R11"),
    pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's"),
]


def sandbox(folder: Path, **options: Any) -> DenoSandbox:
    return DenoSandbox(folder / "workspace", folder / "state" / "typescript", **options)


async def value(lease: Lease, code: str) -> object:
    module = f"export default async function () {{ {code} }}"
    program: dict[str, Any] = {
        "op": "run",
        "run": "r",
        "code": module,
        "filename": "p.ts",
        "servers": [],
        "shifts": [],
    }
    await lease.channel.send(b"a", dumps({**program, "max_value": 1_000, "epoch": 0}))
    answer, _ = await lease.channel.receive()
    lease.release()
    return answer["value"]


async def test_each_lease_is_a_process_of_its_own_in_its_agents_workspace(tmp_path: Path) -> None:
    async with sandbox(tmp_path, idle=1) as place:
        assert await value(await place.lease("a"), "Deno.writeTextFileSync('data/x', 'mine'); return 1") == 1
        assert await value(await place.lease("b"), "return [...Deno.readDirSync('data')].length") == 0
        assert await value(await place.lease("a"), "return Deno.readTextFileSync('data/x')") == "mine"
    assert (tmp_path / "workspace" / "a" / "data" / "x").read_text() == "mine"


async def test_a_process_that_was_killed_while_it_waited_is_not_leased(tmp_path: Path) -> None:
    async with sandbox(tmp_path, idle=1) as place:
        first = await place.lease("a")
        zygote = place._zygotes[None]
        while not zygote.idle:
            await anyio.lowlevel.checkpoint()
        (waiting,) = zygote.idle
        os.kill(waiting.process, signal.SIGKILL)
        await waiting.ended()
        assert await value(await place.lease("a"), "return 2") == 2
        first.release()


async def test_another_zygote_takes_the_place_of_one_that_died(tmp_path: Path) -> None:
    async with sandbox(tmp_path, idle=1) as place:
        lease = await place.lease("a")
        zygote = place._zygotes[None]
        zygote._control._process.kill()
        how = await lease.ended()
        assert how.status == -9
        lease.release()
        assert await value(await place.lease("a"), "return 3") == 3
        assert place._zygotes[None] is not zygote


async def test_callers_wait_for_room_and_too_many_are_refused(tmp_path: Path) -> None:
    async with sandbox(tmp_path, idle=1, max_alive=1, max_waiting=1) as place:
        first = await place.lease("a")
        seen: list[object] = []

        async def second() -> None:
            seen.append(await value(await place.lease("b"), "return 4"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(second)
            while not place._callers:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(Overloaded):
                await place.lease("c")
            first.release()
    assert seen == [4]


async def test_an_environment_of_python_packages_is_refused(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as place:
        with pytest.raises(ValidationFailed, match="Python packages"):
            await place.lease("a", SandboxEnvironment("data", tmp_path))


async def test_a_deno_that_does_not_start_is_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_folder: Path, _name: str) -> str:
        return "no-such-module.ts"

    monkeypatch.setattr(deno_guest, "main", missing)
    async with sandbox(tmp_path) as place:
        with pytest.raises(SandboxUnavailable, match="did not start"):
            await place.lease("a")


async def test_a_guest_that_cannot_be_compiled_runs_from_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(deno_guest, "_compile", broken)
    assert deno_guest.compiled(tmp_path / "state", deno_binary.find()) == deno_guest.SOURCES
    async with sandbox(tmp_path, idle=1) as place:
        assert await value(await place.lease("a"), "return 5") == 5


def test_every_call_of_the_table_is_known_and_has_a_reason_and_none_makes_sockets_or_processes() -> None:
    known = {rule.name for _, group in seccomp_table.GROUPS for rule in group}
    shared = [name for _, names in deno_seccomp_table.SHARED for name in names]
    assert set(shared) <= known
    assert len(shared) == len(set(shared))
    assert all(reason for reason, _ in (*deno_seccomp_table.SHARED, *deno_seccomp_table.own(0)))
    allowed = {rule.name for rule in deno_seccomp_table.rules("x86_64", 0).values()}
    assert not allowed & {
        "socket",
        "connect",
        "fork",
        "vfork",
        "execveat",
        "ptrace",
        "kill",
        "tgkill",
        "memfd_create",
    }
    assert {"execve", "arch_prctl"} <= allowed
    assert len(allowed) < len(seccomp_table.rules("x86_64"))
