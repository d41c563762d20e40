"""The file system that a Deno process sees: its binary, that binary's libraries, and our modules."""

from __future__ import annotations

import os
from typing import Final

from underpass.sandbox.kernel import syscalls

AGENT: Final = "/agent"
"""The one writable place. Landlock's rule is on this directory, for it holds beneath mounts only
when it is on the parent of a mount point."""
WORKSPACE: Final = "/agent/workspace"
TMP: Final = "/agent/tmp"
WORKSPACES: Final = "/workspaces"
"""All agents' workspaces: seen by the zygote; each process covers it before it becomes Deno."""
EMPTY: Final = "/empty"
"""What each process covers the zygote's own places with."""
PROCESSES: Final = "/processes"
"""The host's `/proc`: seen by the zygote, and covered like the workspaces."""
COVERED: Final = (PROCESSES, WORKSPACES)
OWN_MAP: Final = "/proc/self/maps"
"""What a process has of the kernel's `/proc`: the C library finds the main thread's stack in it, without
which Deno's parser does not start."""
_OWN_BINARY: Final = "/proc/self/exe"
"""A plain link: Deno asks where its binary is."""
BINARY: Final = "/deno"
GUEST: Final = "/guest"
MODULES: Final = "/modules"
"""Generated modules. What the host adds to the folder later is seen, too."""

_LIBRARIES: Final = (
    "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libgcc_s.so.1",
)  # fmt: skip
_LOADERS: Final = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_DEVICES: Final = ("/dev/null", "/dev/urandom")
_LIBRARY_FOLDER: Final = "/lib"
"""Where the loader looks last, whatever a system calls the folder in which its libraries are."""

_NODEV: Final = syscalls.MOUNT_ATTR_NODEV
_NOEXEC: Final = 8
_READ_ONLY: Final = syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NOSUID


class DenoRoot:
    """The mounts of the new root: gathered while the host's files can be reached, attached later.

    Parameters:
        binary: Deno's.
        guest: the folder of our code that runs in it.
        modules: the folder of generated modules.
        workspaces: the folder that holds a folder for each agent.
    """

    def __init__(self, *, binary: str, guest: str, modules: str, workspaces: str) -> None:
        loader = next(path for path in _LOADERS if os.path.exists(path))
        self.executable = (BINARY, loader)
        """What can be executed: the loader, because the kernel executes it to load the binary."""
        libraries = [f"{_LIBRARY_FOLDER}/{name}" for name in _libraries()]
        self.read_only = (*self.executable, *libraries, *_DEVICES, GUEST, MODULES, "/proc")
        """What Landlock lets be read."""
        program, data = _READ_ONLY | _NODEV, _READ_ONLY | _NODEV | _NOEXEC
        self._trees = [
            (BINARY, syscalls.clone_tree(binary, program)),
            (loader, syscalls.clone_tree(os.path.realpath(loader), program)),
            *(
                (target, syscalls.clone_tree(source, program))
                for target, source in zip(libraries, _libraries().values(), strict=True)
            ),
            (GUEST, syscalls.clone_tree(guest, data)),
            (MODULES, syscalls.clone_tree(modules, data)),
            # A device node on a mount without devices cannot be opened, so NODEV is left out.
            *((path, syscalls.clone_tree(path, _READ_ONLY | _NOEXEC)) for path in _DEVICES),
            (PROCESSES, syscalls.clone_tree("/proc", data)),
            (WORKSPACES, syscalls.clone_tree(workspaces, syscalls.MOUNT_ATTR_NOSUID | _NODEV | _NOEXEC)),
        ]

    def enter(self, user: int) -> None:
        """Make the gathered mounts the whole file system; ``user`` owns what is writable in it."""
        syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
        base = "/tmp"
        secure = syscalls.MS_NOSUID | syscalls.MS_NODEV
        options = f"size=1m,nr_inodes=256,mode=755,uid={user},gid={user}"
        syscalls.mount("tmpfs", base, "tmpfs", secure, options)
        for path, tree in self._trees:
            _make_mount_point(base + path, like=tree)
            syscalls.attach_tree(tree, base + path)
        for path in (WORKSPACE, TMP, EMPTY, "/old"):
            os.makedirs(base + path, exist_ok=True)
        os.makedirs(os.path.dirname(base + OWN_MAP))
        _make_file(base + OWN_MAP)
        os.symlink(BINARY, base + _OWN_BINARY)
        os.chdir(base)
        syscalls.pivot_root(".", "old")
        syscalls.umount("/old")
        os.rmdir("/old")
        flags = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | secure
        syscalls.mount("none", "/", flags=flags)
        os.chdir("/")


def _libraries() -> dict[str, str]:
    """The libraries that Deno is linked with, beside the C library that we have loaded ourselves."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = [line.rstrip().rpartition(" ")[2] for line in maps]
    loaded = next(path for path in paths if os.path.basename(path).startswith(("libc.so", "libc-")))
    folder = os.path.dirname(loaded)
    # What the C library holds itself since 2.34 is still a file of its own where Deno is linked with it.
    found = {name: os.path.join(folder, name) for name in _LIBRARIES}
    return {name: os.path.realpath(path) for name, path in found.items() if os.path.exists(path)}


def _make_mount_point(path: str, *, like: int) -> None:
    if os.stat(like).st_mode & 0o170000 == 0o040000:
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _make_file(path)


def _make_file(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
