"""Which walls can be put up here: what `underpass doctor` shows, and why a sandbox cannot be had."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import anyio

from underpass.errors import UnderpassError
from underpass.sandbox.lease import ChannelClosed, dumps

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
    """One thing that isolation needs, and whether it is there."""

    name: str
    ok: bool
    what: str
    hint: str = ""


def probe() -> list[Part]:
    """Try everything that the process sandbox needs, a real run last. Not for use inside an event loop."""
    if sys.platform != "linux":
        return [Part("system", ok=False, what=platform.platform(), hint=_NOT_LINUX)]
    return [*_kernel(), *_real_run()]


_NOT_LINUX: Final = (
    "the isolation needs Linux; here, only --sandbox none runs code, without any isolation"
    if sys.platform != "win32"
    else "the isolation needs Linux: use the Windows Subsystem for Linux"
)


def _kernel() -> Iterator[Part]:
    from underpass.sandbox.kernel import landlock, syscalls

    machine = f"Linux {platform.release()} on {syscalls.MACHINE}"
    supported = syscalls.MACHINE in syscalls.SUPPORTED_MACHINES
    yield Part("system", supported, machine, "" if supported else "x86_64 and aarch64 are supported")
    if not supported:
        return
    forbidden = [mend for path, bad, mend in _USER_NAMESPACES if _content(path) == bad and os.geteuid() != 0]
    what = "forbidden by the system's settings" if forbidden else "allowed"
    yield Part("user namespaces", not forbidden, what, "; ".join(forbidden))
    version = landlock.abi()
    what = f"Landlock version {version}" if version else "none"
    hint = "" if version else "boot a kernel of 5.13 or newer with lsm=landlock,…"
    yield Part("file access rules", version > 0, what, hint)


_ATTEMPT: Final = """
import os, socket
def denied(attempt):
    try:
        attempt()
    except OSError:
        return True
{
    "files of the host": denied(lambda: os.stat("/proc/1")) and denied(lambda: open("/etc/hostname")),
    "the network": denied(lambda: socket.socket()),
    "other processes": denied(os.fork),
}
"""


def _real_run() -> list[Part]:
    from underpass.sandbox.process import ProcessSandbox

    async def attempt(folder: Path) -> list[Part]:
        async with ProcessSandbox(folder, idle=1) as sandbox:
            lease = await sandbox.lease("probe")
            program = {"op": "run", "run": "probe", "code": _ATTEMPT, "filename": "probe.py"}
            limits = {"timeout": 10.0, "max_value": 10_000}
            await lease.channel.send(b"probe", dumps({**program, **limits}))
            answer, _ = await lease.channel.receive()
            lease.release()
            return [_isolation(answer.get("value")), _control_group(there=sandbox.has_control_group)]

    with tempfile.TemporaryDirectory(prefix="underpass-probe-") as folder:
        try:
            return anyio.run(attempt, Path(folder))
        except (UnderpassError, ChannelClosed) as error:
            reason = str(error) or "the sandbox ended before it answered"
            return [Part("isolation", ok=False, what=reason, hint=hint_for(reason))]


def _isolation(walls: Any) -> Part:
    if not isinstance(walls, dict):
        return Part("isolation", ok=False, what="a program could not be run", hint=hint_for(""))
    open_to = [name for name, closed in cast("dict[str, Any]", walls).items() if closed is not True]
    if open_to:
        what = f"a program could reach {', '.join(open_to)}"
        return Part("isolation", ok=False, what=what, hint="report this: it must not happen")
    user = "a user of its own" if os.geteuid() == 0 else "your user"
    return Part(
        "isolation", ok=True, what=f"a program saw no network, process or file of the host; ran as {user}"
    )


def _control_group(*, there: bool) -> Part:
    bound = "memory and threads of all sandboxes together are bounded"
    alone = "none can be made here: each sandbox has its own limits, all together have none"
    return Part("control group", ok=True, what=bound if there else alone)


def hint_for(reason: str) -> str:
    """Say how to mend the reason for which a sandbox could not be had."""
    if "unshare" in reason or "user" in reason:
        return _CONTAINER
    if "landlock" in reason:
        return "boot a kernel of 5.13 or newer with Landlock (lsm=landlock,…)"
    if "open_tree" in reason or "mount" in reason:
        return f"{_CONTAINER}; Linux 5.13 or newer is needed"
    return "trusted code can be run without isolation: --sandbox none"


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
