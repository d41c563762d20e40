"""The pool of warm Deno processes, and the table of what they may ask the kernel."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.sandbox.warm_deno import about, templates_of, until_forked, zygote_of

from underpass.errors import Overloaded, SandboxUnavailable, ValidationFailed
from underpass.sandbox import deno_binary, deno_guest, deno_zygote_process
from underpass.sandbox.child_process import ChildProcess
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
    await lease.channel.send(dumps({**program, "max_value": 1_000, "epoch": 0}))
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


_SHARED = """
const { randomBytes } = await import("node:crypto");
await new Promise((done) => setTimeout(done, 1));
const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
return [Math.random(), crypto.randomUUID(), String(crypto.getRandomValues(new Uint32Array(2))),
  randomBytes(8).toString("hex"), (await crypto.subtle.exportKey("jwk", key)).k,
  Deno.makeTempDirSync({ dir: "data" })];
"""


@pytest.mark.slow
async def test_children_are_forked_from_a_warm_deno_and_draw_random_numbers_of_their_own(
    tmp_path: Path,
) -> None:
    async with sandbox(tmp_path, idle=2) as place:
        await until_forked(place)
        drawn: list[Any] = [await value(await place.lease("a"), _SHARED) for _ in range(3)]
        for kind in zip(*drawn, strict=True):
            assert len(set(kind)) == 3
        random = "const drawn = Array.from({ length: 1_000 }, Math.random);\n"
        many: Any = await value(
            await place.lease("a"),
            f"{random}return [new Set(drawn).size, Math.min(...drawn), Math.max(...drawn)]",
        )
        different, least, most = many
        assert different == 1_000
        assert 0 <= least < 0.1
        assert 0.9 < most < 1


@pytest.mark.slow
async def test_a_forked_child_has_its_own_workspace_and_no_right_that_it_was_made_with(
    tmp_path: Path,
) -> None:
    async with sandbox(tmp_path, idle=2) as place:
        await until_forked(place)
        assert await value(await place.lease("b"), "Deno.writeTextFileSync('data/x', 'b'); return 1") == 1
        seen: Any = await value(
            await place.lease("a"),
            "const tried = (does) => { try { does(); return 'done' } catch (error) { return error.name } };\n"
            "return [tried(() => Deno.dlopen('libc.so.6', {})),\n"
            "  Deno.permissions.requestSync({ name: 'ffi' }).state,\n"
            "  tried(() => Deno.UnsafePointer.create(4096n)),\n"
            "  [...Deno.readDirSync('.')].length, tried(() => Deno.readTextFileSync('data/x')),\n"
            "  tried(() => Deno.readTextFileSync('/workspaces/b/data/x'))]",
        )
        assert seen == ["NotCapable", "denied", "NotCapable", seen[3], "NotFound", seen[5]]
        assert seen[5] != "done"
        lease = await place.lease("a")
        facts = dict(line.split(":\t", 1) for line in about(lease.process, "status").splitlines())
        assert int(facts["CapPrm"], 16) == int(facts["CapAmb"], 16) == 0
        assert (facts["Seccomp"], facts["NoNewPrivs"], facts["NSpid"].split()[-1]) == ("2", "1", "1")
        lease.release()


@pytest.mark.slow
async def test_where_the_warm_deno_dies_children_are_started_one_by_one_again(tmp_path: Path) -> None:
    async with sandbox(tmp_path, idle=1) as place:
        await until_forked(place)
        zygote = zygote_of(place)
        kept = await place.lease("a")
        (template,) = templates_of(place)
        os.kill(template, signal.SIGKILL)
        while zygote.idle:
            zygote.idle.popleft().release()
        assert await value(await place.lease("b"), "return 6") == 6
        assert not zygote.has_template
        # Those that were forked live on.
        assert await value(kept, "return 7") == 7
        await until_forked(place)


@pytest.mark.slow
async def test_another_warm_deno_takes_the_place_of_one_that_has_forked_enough(tmp_path: Path) -> None:
    async with sandbox(tmp_path, idle=1, recycle_after=3) as place:
        await until_forked(place)
        with anyio.fail_after(60):
            while zygote_of(place).templates < 2:
                assert await value(await place.lease("a"), "return 8") == 8
                await anyio.sleep(0.1)
        assert await value(await place.lease("a"), "return 9") == 9


@pytest.mark.slow
async def test_where_its_successor_dies_a_worn_warm_deno_goes_on_and_starts_no_other_at_once(
    tmp_path: Path,
) -> None:
    async with sandbox(tmp_path, idle=1, recycle_after=8) as place:
        await until_forked(place)
        with anyio.fail_after(60):
            while len(templates_of(place)) < 2:
                (await place.lease("a")).release()
        worn, successor = templates_of(place)
        os.kill(successor, signal.SIGKILL)
        for number in range(10):
            assert await value(await place.lease("a"), f"return {number}") == number
        assert templates_of(place) == [worn]
        assert zygote_of(place).has_template


@pytest.mark.slow
async def test_where_the_warm_deno_hangs_children_are_started_one_by_one_again(tmp_path: Path) -> None:
    async with sandbox(tmp_path, idle=1) as place:
        await until_forked(place)
        (template,) = templates_of(place)
        os.kill(template, signal.SIGSTOP)
        while zygote_of(place).idle:
            zygote_of(place).idle.popleft().release()
        assert await value(await place.lease("a"), "return 6") == 6
        assert not zygote_of(place).has_template
        assert template not in templates_of(place)


@pytest.mark.slow
async def test_a_child_that_does_not_get_ready_is_ended_and_the_next_is_started_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sandbox(tmp_path, idle=1) as place:
        zygote = await until_forked(place)
        welcome = zygote._welcome
        stopped: list[ChildProcess] = []

        def stop(child: ChildProcess) -> None:
            if not stopped:
                stopped.append(child)
                os.kill(child.process, signal.SIGSTOP)
                # It may have said by then that it is ready.
                child.channel.close()
            welcome(child)

        monkeypatch.setattr(zygote, "_welcome", stop)
        monkeypatch.setattr(deno_zygote_process, "_LONGEST_START", 5.0)
        while not stopped:
            (await place.lease("a")).release()
            await anyio.lowlevel.checkpoint()
        await stopped[0].ended()
        assert not zygote.has_template
        assert await value(await place.lease("a"), "return 8") == 8


def test_compiled_guests_of_other_versions_are_removed_after_a_while(tmp_path: Path) -> None:
    old, other = tmp_path / "guest-old", tmp_path / "other"
    old.mkdir()
    other.mkdir()
    for folder in (old, other):
        os.utime(folder, (0, 0))
    recent = tmp_path / "guest-recent"
    recent.mkdir()
    made = deno_guest.compiled(tmp_path, deno_binary.find())
    assert deno_guest.compiled(tmp_path, deno_binary.find()) == made
    assert set(tmp_path.iterdir()) == {other, recent, made}


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
    forked = {rule.name for rule in deno_seccomp_table.forked("x86_64").values()}
    assert forked == allowed - {"execve", "arch_prctl"}
    assert len(allowed) < len(seccomp_table.rules("x86_64"))
