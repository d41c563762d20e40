"""What does not hold where namespaces are forbidden: each attempt by name, with the reason.

For each there is a second program that says what does hold there, and must come to nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class Weaker(NamedTuple):
    """An attempt that gets somewhere without namespaces."""

    reason: str
    code: str
    """What holds even there: its value is ``True``."""


WHAT_HOLDS = " (what holds without namespaces)"

_STAT = "Landlock denies opening and listing; whether a name exists, its size and times can be asked"
_NO_MOUNTS = "there is no mount of its own on which nothing can be mapped as code"
_NO_TMPFS = "the temporary folder is on the host's disk: its files are bounded, their number is not"
_NUMBERS = "process numbers are the host's: its own and its parent's are seen"

WEAKER = {
    "files: a program rewritten through its process": Weaker(
        "links of /proc can be read, not followed to be written",
        'denied(lambda: open("/proc/self/exe", "r+b")) and denied(lambda: os.readlink("/proc/1/exe"))',
    ),
    "files: control groups' release programs": Weaker(
        _STAT,
        """
denied(lambda: os.listdir("/sys/fs/cgroup")) and denied(lambda: open("/sys/fs/cgroup/release_agent"))
""",
    ),
    "files: a container engine's socket": Weaker(
        _STAT,
        """
denied(lambda: socket.socket(socket.AF_UNIX)) and all(
    denied(lambda: os.listdir(p)) for p in ("/var/run", "/run/containerd", "/run/systemd")
)
""",
    ),
    "files: raw disks": Weaker(
        _STAT, 'all(denied(lambda: open(f"/dev/{n}", "rb")) for n in ("sda", "vda", "mem", "kmsg", "kvm"))'
    ),
    "files: terminals": Weaker(
        _STAT,
        """
denied(lambda: open("/dev/tty")) and denied(lambda: open("/dev/console")) and denied(
    lambda: os.listdir("/dev/pts")
)
""",
    ),
    "files: the project's own source": Weaker(
        "its place is known; it cannot be read",
        """
import importlib.util

denied(lambda: open(importlib.util.find_spec("underpass.sandbox.control").origin))
""",
    ),
    "files: folders found by climbing through links": Weaker(
        "there is no link /workspace: the workspace has its own path on the host",
        'denied(lambda: os.listdir(WORKSPACE + "/../.."))',
    ),
    "files: other agents' workspaces": Weaker(_STAT, 'denied(lambda: os.listdir(OTHERS + "/other"))'),
    "execution: code from a file of the workspace": Weaker(
        _NO_MOUNTS,
        """
denied(lambda: __import__("mmap").mmap(-1, 4096, prot=7)) and still_closed()
""",
    ),
    "execution: code from a file in memory": Weaker(_NO_MOUNTS, "still_closed()"),
    "execution: a library of the workspace": Weaker(_NO_MOUNTS, "still_closed()"),
    "execution: an extension module of the workspace": Weaker(_NO_MOUNTS, "still_closed()"),
    "processes: being process 1 of few": Weaker(_NUMBERS, "denied(lambda: os.kill(os.getppid(), 0))"),
    "leaks: the host's user": Weaker("it is the user who started it", "os.getuid() != 0 != os.getgid()"),
    "leaks: the host's processes": Weaker(
        _NUMBERS,
        """
os.getsid(0) == os.getpid() and all(
    denied(lambda: os.getpgid(n)) for n in (*range(1, 2000), os.getppid()) if n != os.getpid()
)
""",
    ),
    "leaks: times of others' files": Weaker(_STAT, 'denied(lambda: open(OTHERS + "/other/data/secret"))'),
    "resources: inodes of /tmp": Weaker(_NO_TMPFS, 'denied(lambda: os.mkdir("/tmp/mine"))'),
    "resources: memory by /tmp": Weaker(
        _NO_TMPFS,
        """
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = os.open(TMP + "/big", os.O_CREAT | os.O_WRONLY)
denied(lambda: os.pwrite(file, b"x", 2 << 30))
""",
    ),
}
