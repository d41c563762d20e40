"""Which walls stand here: what `underpass doctor` shows, and why a sandbox cannot be had."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import anyio

from underpass.errors import UnderpassError
from underpass.sandbox.lease import ChannelClosed, dumps

Status = Literal["ok", "warning", "failed"]

_USER_NAMESPACES: Final = (
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile that allows userns",
    ),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
)
_CONTAINER: Final = (
    "in a container, allow user namespaces and mounts "
    "(Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined)"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that isolation needs or is made of, and whether it is there."""

    name: str
    status: Status
    what: str
    hint: str = ""


def probe(walls: str = "any") -> list[Part]:
    """Try everything that the process sandbox needs, with a real run. Not for use inside an event loop.

    Parameters:
        walls: the setting ``sandbox.walls``.
    """
    if sys.platform != "linux":
        return [Part("system", "failed", platform.platform(), _NOT_LINUX)]
    return [*_system(), *_real_run(walls)]


_NOT_LINUX: Final = (
    "the isolation needs Linux; here, only --sandbox none runs code, without any isolation"
    if sys.platform != "win32"
    else "the isolation needs Linux: use the Windows Subsystem for Linux"
)


def _system() -> Iterator[Part]:
    from underpass.sandbox.kernel import syscalls

    machine = f"Linux {platform.release()} on {syscalls.MACHINE}"
    if syscalls.MACHINE in syscalls.SUPPORTED_MACHINES:
        yield Part("system", "ok", machine)
    else:
        yield Part("system", "failed", machine, "x86_64 and aarch64 are supported")


_ATTEMPT: Final = """
import os, socket
def denied(attempt):
    try:
        attempt()
    except OSError:
        return True
{
    "files of the host": denied(lambda: open("/etc/hostname")) and denied(lambda: os.listdir("/proc")),
    "the network": denied(lambda: socket.socket()),
    "other processes": denied(os.fork) and denied(lambda: os.kill(-1, 0)),
}
"""


def _real_run(walls: str) -> list[Part]:
    from underpass.sandbox.process import ProcessSandbox

    async def attempt(folder: Path) -> list[Part]:
        async with ProcessSandbox(folder, idle=1, walls=walls) as sandbox:
            lease = await sandbox.lease("probe")
            program = {"op": "run", "run": "probe", "code": _ATTEMPT, "filename": "probe.py"}
            limits = {"timeout": 10.0, "max_value": 10_000}
            await lease.channel.send(dumps({**program, **limits}))
            answer, _ = await lease.channel.receive()
            lease.release()
            return [
                *_namespaces(sandbox.refused or ""),
                _landlock(),
                Part("seccomp", "ok", "stands: an allow-list of system calls"),
                _user(sandbox.refused or ""),
                _control_group(there=sandbox.has_control_group),
                _isolation(answer.get("value"), sandbox.label),
            ]

    with tempfile.TemporaryDirectory(prefix="underpass-probe-") as folder:
        try:
            return anyio.run(attempt, Path(folder))
        except (UnderpassError, ChannelClosed) as error:
            reason = str(error) or "the sandbox ended before it answered"
            return [_landlock(), Part("isolation", "failed", reason, hint_for(reason))]


_WITHOUT: Final = {
    "mount namespace": "names, sizes and times of the host's files can be asked; /tmp is on its disk",
    "process namespace": "the numbers of a sandbox's own process and of its parent are the host's",
    "network namespace": "no socket can be made; Landlock and seccomp see to it",
}


def _namespaces(refused: str) -> Iterator[Part]:
    if not refused:
        for name in ("user namespace", *_WITHOUT):
            yield Part(name, "ok", "stands")
        return
    mend = [how for path, bad, how in _USER_NAMESPACES if _content(path) == bad]
    yield Part("user namespace", "warning", f"missing: {refused}", "; ".join(mend) or _CONTAINER)
    for name, consequence in _WITHOUT.items():
        yield Part(name, "warning", f"missing: it needs a user namespace; {consequence}")


def _landlock() -> Part:
    from underpass.sandbox.kernel import landlock

    version = landlock.abi()
    if not version:
        hint = "boot a kernel of 5.13 or newer with lsm=landlock,…"
        return Part("Landlock", "failed", "missing: the kernel has none, or the container forbids it", hint)
    if missing := landlock.missing():
        what = f"stands, version {version}; it does not know {missing}, which seccomp denies alone"
        return Part("Landlock", "warning", what, "a newer kernel")
    return Part("Landlock", "ok", f"stands, version {version}")


def _user(refused: str) -> Part:
    if os.geteuid() == 0:
        return Part("user of its own", "ok", "stands")
    if refused:
        return Part("user of its own", "warning", "missing: only root can give one; they run as your user")
    # With the other walls, nothing that belongs to you is inside.
    return Part("user of its own", "ok", "only root can give one; the other walls stand without it")


def _isolation(walls: Any, label: str) -> Part:
    if not isinstance(walls, dict):
        return Part("isolation", "failed", "a program could not be run", hint_for(""))
    open_to = [name for name, closed in cast("dict[str, Any]", walls).items() if closed is not True]
    if open_to:
        what = f"a program could reach {', '.join(open_to)}"
        return Part("isolation", "failed", what, "report this: it must not happen")
    return Part(
        "isolation",
        "ok",
        f"a program could reach no network, process or file of the host; results say {label}",
    )


def _control_group(*, there: bool) -> Part:
    bound = "stands: memory and threads of all sandboxes together are bounded"
    alone = "none can be made here: each sandbox has its own limits, all together have none"
    return Part("control group", "ok", bound if there else alone)


def hint_for(reason: str) -> str:
    """Say how to mend the reason for which a sandbox could not be had."""
    if "must be able to read" in reason:
        return "start underpass as an ordinary user, or let other users read that folder and pass to it"
    if "landlock" in reason:
        return f"boot a newer kernel with Landlock (lsm=landlock,…); or {_CONTAINER}"
    if "unshare" in reason or "user" in reason:
        return _CONTAINER
    if "open_tree" in reason or "mount" in reason:
        return f"{_CONTAINER}; Linux 5.13 or newer is needed"
    return "trusted code can be run without isolation: --sandbox none"


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
