"""Builds the file system that the sandbox sees: read-only, and little more than an interpreter."""

from __future__ import annotations

import errno
import os
import sys
import sysconfig
from typing import Final

from underpass.sandbox.kernel import syscalls

AGENT: Final = "/agent"
"""The one writable place. Landlock's rule is on this directory, for it holds beneath mounts only
when it is on the parent of a mount point."""
WORKSPACE: Final = "/agent/workspace"
TMP: Final = "/agent/tmp"
WORKSPACES: Final = "/workspaces"
"""All agents' workspaces: seen by the waiting child only, and covered before it runs code."""
EMPTY: Final = "/empty"
"""What they are covered with. Unmounting would do as well, but makes the kernel wait for all its
processors, for a millisecond and more."""

PACKAGES: Final = "/packages"
"""The packages of the sandbox's environment, where it has one."""

_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")
_APPARMOR: Final = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
_PROFILE: Final = "/proc/self/attr/apparmor/current"
_READ_ONLY: Final = syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
_MOUNT_ATTR_NOEXEC: Final = 8


def library_paths() -> list[str]:
    """What the interpreter may still have to read: its library, the C library's folder, time zones."""
    standard = sysconfig.get_path("stdlib")
    found = [standard, "/usr/share/zoneinfo"]
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            _, _, path = line.rstrip().rpartition(" ")
            # Extension modules find the libraries they need beside the C library.
            if os.path.basename(path).startswith(("libc.so", "libc-", "ld-musl", "ld-linux")):
                found.append(os.path.dirname(path))
    inside = [os.path.realpath(path) for path in found if os.path.isdir(path)]
    return [
        path
        for at, path in enumerate(inside)
        if path not in inside[:at] and not any(path.startswith(f"{other}/") for other in inside)
    ]


def devices() -> list[str]:
    """The devices that a sandbox has."""
    return [path for path in _DEVICES if os.path.exists(path)]


def not_installed(libraries: list[str]) -> list[str]:
    """What is in ``libraries`` without the packages that are installed among them."""
    found: list[str] = []
    for library in libraries:
        names = os.listdir(library)
        if any(name in _INSTALLED for name in names):
            found += [f"{library}/{name}" for name in names if name not in _INSTALLED]
        else:
            found.append(library)
    return found


def unshare() -> None:
    """Move this process into new namespaces. Raises ``OSError`` where that is forbidden."""
    if os.geteuid() != 0 and _content(_APPARMOR) == "1" and _content(_PROFILE) == "unconfined":
        # The kernel makes them even so, but nothing can be mounted in them.
        raise OSError(errno.EPERM, "unshare: user namespaces without a profile are restricted by AppArmor")
    syscalls.unshare(
        syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET
        | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
    )  # fmt: skip


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip(" \n\0")
    except OSError:
        return ""


class Root:
    """The mounts of the new root: gathered while the host's files can be reached, attached later."""

    def __init__(self, workspaces: str, packages: str | None = None) -> None:
        self.libraries = library_paths()
        self.read_only = [*self.libraries, "/dev", *([PACKAGES] if packages else [])]
        """What Landlock lets be read."""
        self._hidden = [
            path
            for path in (f"{library}/{name}" for library in self.libraries for name in _INSTALLED)
            if os.path.isdir(path)
        ]
        self._links = {path: os.readlink(path) for path in ("/lib", "/lib64") if os.path.islink(path)}
        self._trees = [(path, syscalls.clone_tree(path, _READ_ONLY)) for path in self.libraries]
        if packages:
            self._trees.append((PACKAGES, syscalls.clone_tree(packages, _READ_ONLY)))
        self._trees += [
            # A device node on a mount without devices cannot be opened, so NODEV is left out.
            (path, syscalls.clone_tree(path, _READ_ONLY & ~syscalls.MOUNT_ATTR_NODEV | _MOUNT_ATTR_NOEXEC))
            for path in devices()
        ]
        writable = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV | _MOUNT_ATTR_NOEXEC
        self._trees.append((WORKSPACES, syscalls.clone_tree(workspaces, writable)))

    def enter(self, user: int) -> None:
        """Make the gathered mounts the whole file system; ``user`` owns what is writable in it."""
        syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
        base = "/tmp"
        secure = syscalls.MS_NOSUID | syscalls.MS_NODEV
        options = f"size=1m,nr_inodes=4096,mode=755,uid={user},gid={user}"
        syscalls.mount("tmpfs", base, "tmpfs", secure, options)
        for target, source in self._links.items():
            os.symlink(source, base + target)
        for path, tree in self._trees:
            _make_mount_point(base + path, like=tree)
            syscalls.attach_tree(tree, base + path)
        for path in self._hidden:
            syscalls.mount("tmpfs", base + path, "tmpfs", secure | syscalls.MS_RDONLY, "size=4k,mode=755")
        for path in (WORKSPACE, TMP, EMPTY, "/old"):
            os.makedirs(base + path, exist_ok=True)
        os.symlink(WORKSPACE, f"{base}/workspace")
        os.symlink(TMP, f"{base}/tmp")
        os.chdir(base)
        syscalls.pivot_root(".", "old")
        syscalls.umount("/old")
        os.rmdir("/old")
        flags = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | secure
        syscalls.mount("none", "/", flags=flags)
        os.chdir("/")


_INSTALLED: Final = ("site-packages", "dist-packages")
"""The host interpreter's installed packages are not the sandbox's."""


def _make_mount_point(path: str, *, like: int) -> None:
    is_directory = os.stat(like).st_mode & 0o170000 == 0o040000
    if is_directory:
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


assert sys.platform == "linux"
