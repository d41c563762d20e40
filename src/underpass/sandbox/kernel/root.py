"""The file system that a sandbox sees: read-only, little more than what runs in it, and of one form."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from underpass.sandbox.kernel import syscalls

AGENT: Final = "/agent"
"""The one writable place. Landlock's rule is on this directory, for it holds beneath mounts only
when it is on the parent of a mount point."""
WORKSPACE: Final = "/agent/workspace"
TMP: Final = "/agent/tmp"
WORKSPACES: Final = "/workspaces"
"""All agents' workspaces: seen by the zygote and by who waits, and covered before anyone's code runs."""
EMPTY: Final = "/empty"
"""What they are covered with. Unmounting would do as well, but makes the kernel wait for all its
processors, for a millisecond and more."""

_MOUNT_ATTR_NOEXEC: Final = 8
PROGRAM: Final = syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
"""The attributes of a mount with programs or libraries."""
DATA: Final = PROGRAM | _MOUNT_ATTR_NOEXEC
DEVICE: Final = DATA & ~syscalls.MOUNT_ATTR_NODEV
"""A device node on a mount without devices cannot be opened."""
WRITABLE: Final = DATA & ~syscalls.MOUNT_ATTR_RDONLY

_APPARMOR: Final = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
_PROFILE: Final = "/proc/self/attr/apparmor/current"
_SECURE: Final = syscalls.MS_NOSUID | syscalls.MS_NODEV


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
    """The mounts of a new root: gathered while the host's files can be reached, attached later.

    Parameters:
        workspaces: the folder of the host that holds a folder for each agent.
        trees: where each other tree goes, and what ``syscalls.clone_tree`` returned for it.
        read_only: what Landlock lets be read.
        executable: the files that Landlock lets be executed.
        links: symbolic links, and what each leads to.
        hidden: folders in ``trees`` that nobody sees the content of.
        files: empty files, to mount something at.
    """

    def __init__(
        self,
        workspaces: str,
        trees: Sequence[tuple[str, int]],
        *,
        read_only: Sequence[str],
        executable: Sequence[str] = (),
        links: Mapping[str, str],
        hidden: Sequence[str] = (),
        files: Sequence[str] = (),
    ) -> None:
        self._trees = (*trees, (WORKSPACES, syscalls.clone_tree(workspaces, WRITABLE)))
        self.read_only = read_only
        self.executable = executable
        self._links = links
        self._hidden = hidden
        self._files = files

    def enter(self, user: int) -> None:
        """Make the gathered mounts the whole file system; ``user`` owns what is writable in it."""
        syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
        base = "/tmp"
        options = f"size=1m,nr_inodes=4096,mode=755,uid={user},gid={user}"
        syscalls.mount("tmpfs", base, "tmpfs", _SECURE, options)
        for path, source in self._links.items():
            os.makedirs(os.path.dirname(base + path), exist_ok=True)
            os.symlink(source, base + path)
        for path, tree in self._trees:
            if os.stat(tree).st_mode & 0o170000 == 0o040000:
                os.makedirs(base + path, exist_ok=True)
            else:
                _make_file(base + path)
            syscalls.attach_tree(tree, base + path)
        for path in self._hidden:
            syscalls.mount("tmpfs", base + path, "tmpfs", _SECURE | syscalls.MS_RDONLY, "size=4k,mode=755")
        for path in self._files:
            _make_file(base + path)
        for path in (WORKSPACE, TMP, EMPTY, "/old"):
            os.makedirs(base + path, exist_ok=True)
        os.chdir(base)
        syscalls.pivot_root(".", "old")
        syscalls.umount("/old")
        os.rmdir("/old")
        flags = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | _SECURE
        syscalls.mount("none", "/", flags=flags)
        os.chdir("/")


def _make_file(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))


assert sys.platform == "linux"
