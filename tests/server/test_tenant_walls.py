"""Programs of two tenants at the same time, in one service: one system user, and walls between them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.cli.processes import descendants
from tests.patience import LONG
from tests.server.api_service import ApiUnderTest, api, events, run

pytestmark = [
    pytest.mark.requirement("R17", "R36"),
    pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux"),
]

SECRET = "the-secret-of-acme"
VICTIM = """
import os, signal, threading
from mcp_runtime import progress
secret = "-".join(["the", "secret", "of", "acme"])
open("data/secret.txt", "w").write(secret)
caught = []
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
    signal.signal(number, lambda *seen: caught.append(seen[0]))
progress(1)
while not os.path.exists("data/enough"):
    threading.Event().wait(0.05)
[secret, open("data/secret.txt").read(), caught]
"""
ATTACKER = """
import ctypes, os, signal, struct
libc = ctypes.CDLL(None, use_errno=True)
got = []

def attempt(what, work):
    try:
        found = work()
    except OSError:
        return
    if found is not None:
        got.append([what, str(found)[:200]])

def raw(number, *arguments):
    # None where the kernel refuses.
    ctypes.set_errno(0)
    values = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    found = libc.syscall(ctypes.c_long(number), *values)
    return found if found >= 0 else None

room = ctypes.create_string_buffer(256)
pair = (ctypes.c_ulong * 2)(ctypes.addressof(room), 256)
for pid in TARGETS:
    if pid == os.getpid():
        continue
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        attempt(f"kill {pid}", lambda: os.kill(pid, number) or "sent")
        attempt(f"killpg {pid}", lambda: os.killpg(pid, number) or "sent")
        attempt(f"tgkill {pid}", lambda: raw(234, pid, pid, number))
        attempt(f"tkill {pid}", lambda: raw(200, pid, number))
        attempt(f"sigqueue {pid}", lambda: raw(129, pid, number, ctypes.create_string_buffer(128)))
    attempt(f"pidfd_open {pid}", lambda: raw(434, pid, 0))
    for request in (0x10, 0x4206, 2):
        attempt(f"ptrace {pid}", lambda: raw(101, request, pid, 0, 0))
    attempt(f"process_vm_readv {pid}", lambda: raw(310, pid, pair, 1, pair, 1, 0))
    attempt(f"process_vm_writev {pid}", lambda: raw(311, pid, pair, 1, pair, 1, 0))
    attempt(f"kcmp {pid}", lambda: raw(312, os.getpid(), pid, 1, 0, 0))
    attempt(f"prlimit {pid}", lambda: raw(302, pid, 0, 0, room))
    attempt(f"setpriority {pid}", lambda: raw(141, 0, pid, 19))
    attempt(f"affinity {pid}", lambda: raw(203, pid, 8, room))
    attempt(f"scheduler {pid}", lambda: raw(144, pid, 3, room))
    for name in ("mem", "environ", "maps", "cmdline", "status", "root", "cwd", "fd", "ns", "task"):
        path = f"/proc/{pid}/{name}"
        for look in (os.listdir, os.readlink, lambda path: open(path, "rb").read(64)):
            attempt(path, lambda: look(path))
    attempt(f"secret by {pid}", lambda: open(f"/proc/{pid}/root/agent/data/secret.txt").read())
attempt("/proc", lambda: os.listdir("/proc"))
for place in ("..", "/workspaces", WORKSPACES):
    for path in (place, place + "/acme.bot"):
        attempt(path, lambda: [name for name in os.listdir(path) if "acme" in name] or None)
        attempt(path, lambda: open(path + "/data/secret.txt").read())
# What a namespace for all would let them share: none of it can be made.
attempt("shared memory", lambda: raw(29, 0x0acce55, 4096, 0o1600))
attempt("semaphores", lambda: raw(64, 0x0acce55, 1, 0o1600))
attempt("messages", lambda: raw(68, 0x0acce55, 0o1600))
attempt("a queue", lambda: raw(240, ctypes.create_string_buffer(b"/q"), 0o102, 0o600, 0))
for family in (1, 2, 10, 16, 17):
    attempt(f"a socket of family {family}", lambda: raw(41, family, 1, 0))
name, kind = ctypes.create_string_buffer(b"k"), ctypes.create_string_buffer(b"user")
attempt("keys", lambda: raw(248, kind, name, room, 1, -4))
attempt("a key's place", lambda: raw(250, 0, -4, 0))
attempt("my own number", lambda: raw(39))
attempt("my own existence", lambda: os.kill(os.getpid(), 0) or "sent")
got
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiUnderTest]:
    with api(tmp_path_factory.mktemp("walls")) as found:
        yield found


def uid(process: int) -> int:
    """The system user of a process."""
    return Path(f"/proc/{process}").stat().st_uid


def begin(client: httpx2.Client, code: str) -> str:
    """Start a program, and return when it is at work."""
    body = {"code": code, "agent": "bot", "wait": False, "timeout_seconds": LONG}
    begun = client.post("/api/runs", json=body).json()["run"]
    with client.stream("GET", f"/api/runs/{begun}/events") as stream:
        for line in stream.iter_lines():
            assert not line.startswith("event: ended")
            if line.startswith("event: progress"):
                return begun
    raise AssertionError("it has ended")


def test_a_tenants_program_reaches_nothing_of_another_tenants_that_runs_beside_it(
    service: ApiUnderTest,
) -> None:
    acme, rival = service.tenant("acme"), service.tenant("rival")
    before = descendants(service.service.process.pid)
    held = begin(acme, VICTIM)
    others = sorted(descendants(service.service.process.pid) | before)
    workspaces = service.service.folder / "workspace"
    given = f"TARGETS = {[*range(1, 40), *others]!r}\nWORKSPACES = {str(workspaces)!r}\n"
    answer = run(rival, given + ATTACKER, agent="bot", timeout_seconds=LONG, check=False)
    assert answer["ok"], answer
    controls = [["my own number", "1"], ["my own existence", "sent"]]
    assert answer["value"] == controls, "the attempts work, and only on what is its own"
    # It has not been ended, stopped, signalled or written to.
    assert (
        acme.put("/api/workspaces/bot/file", params={"path": "data/enough"}, content=b"1").status_code == 204
    )
    ended = events(acme.get(f"/api/runs/{held}/events").text)[-1]
    assert json.loads(ended["data"])["value"] == [SECRET, SECRET, []], ended


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="else it is the user who started it")
def test_tenants_of_one_service_have_one_system_user_between_them(service: ApiUnderTest) -> None:
    for name in ("acme", "rival"):
        assert run(service.tenant(name), "open('mine', 'w').write('x')", agent="owned")["ok"]
    folders: list[Any] = [
        service.service.folder / "workspace" / f"{name}.owned" for name in ("acme", "rival")
    ]
    assert len({(folder / "mine").stat().st_uid for folder in folders}) == 1
    assert 0 not in {(folder / "mine").stat().st_uid for folder in folders}
