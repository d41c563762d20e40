"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

# PyDLL keeps the GIL during a call: cheaper, and the only safe way to clone from Python.
_libc: Final = ctypes.PyDLL(None, use_errno=True)
_syscall: Final = _libc.syscall
_syscall.restype = ctypes.c_long

MACHINE: Final = os.uname().machine

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
_CLONE_CHILD_CLEARTID: Final = 0x00200000
_CLONE_CHILD_SETTID: Final = 0x01000000

PR_SET_PDEATHSIG: Final = 1
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_TID_ADDRESS: Final = 40
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_RAISE: Final = 2
PR_SET_MDWE: Final = 65
PR_MDWE_REFUSE_EXEC_GAIN: Final = 1

CAP_SYS_ADMIN: Final = 21

MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MS_REMOUNT: Final = 32
MS_RDONLY: Final = 1
MNT_DETACH: Final = 2

AT_FDCWD: Final = -100
_PATH_MAX: Final = 4_096
_AT_EMPTY_PATH: Final = 0x1000
_AT_RECURSIVE: Final = 0x8000
_OPEN_TREE_CLONE: Final = 1
_MOVE_MOUNT_F_EMPTY_PATH: Final = 4
MOUNT_ATTR_RDONLY: Final = 1
MOUNT_ATTR_NOSUID: Final = 2
MOUNT_ATTR_NODEV: Final = 4

# Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
_NUMBERS: Final = {
    "x86_64": {
        "clone": 56,
        "execve": 59,
        "getppid": 110,
        "capset": 126,
        "pivot_root": 155,
        "prctl": 157,
        "mount": 165,
        "signalfd4": 289,
        "seccomp": 317,
    },
    "aarch64": {
        "clone": 220,
        "execve": 221,
        "getppid": 173,
        "capset": 91,
        "pivot_root": 41,
        "prctl": 167,
        "mount": 40,
        "signalfd4": 74,
        "seccomp": 277,
    },
}
_COMMON: Final = {
    "open_tree": 428,
    "move_mount": 429,
    "mount_setattr": 442,
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}
SUPPORTED_MACHINES: Final = tuple(_NUMBERS)


def _long(value: int | bytes | None) -> ctypes.c_long | ctypes.c_char_p:
    return ctypes.c_char_p(value) if isinstance(value, bytes) or value is None else ctypes.c_long(value)


def number(name: str) -> int:
    """The number of the system call ``name`` on this machine."""
    return _COMMON.get(name) or _NUMBERS[MACHINE][name]


def call(name: str, *arguments: int | bytes | None) -> int:
    """Make the system call ``name``. Raises ``OSError`` where it fails."""
    result = _syscall(ctypes.c_long(number(name)), *map(_long, arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def _checked(name: str, *arguments: int | bytes | None) -> None:
    if getattr(_libc, name)(*map(_long, arguments)) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def unshare(flags: int) -> None:
    """Move this process into new namespaces."""
    _checked("unshare", flags)


def setns(descriptor: int, kind: int) -> None:
    """Move this process into the namespace of that ``kind`` that ``descriptor`` stands for."""
    _checked("setns", descriptor, kind)


def prctl(option: int, argument: int = 0) -> None:
    """Set one property of this process."""
    _checked("prctl", option, argument, 0, 0, 0)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount ``source`` at ``target``."""
    _checked("mount", source.encode(), target.encode(), kind.encode(), flags, options.encode())


def umount(target: str) -> None:
    """Detach the mount at ``target``, now or when it is no longer used."""
    _checked("umount2", target.encode(), MNT_DETACH)


def signal_descriptor(number: int) -> int:
    """Return a descriptor that can be read when the blocked signal ``number`` is there."""
    mask = (1 << (number - 1)).to_bytes(8, sys.byteorder)
    return call("signalfd4", -1, mask, len(mask), os.O_NONBLOCK | os.O_CLOEXEC)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make ``new_root`` the root of this mount namespace."""
    call("pivot_root", new_root.encode(), put_old.encode())


def clone_tree(path: str, attributes: int) -> int:
    """Return a descriptor of a detached copy of the mounts at ``path``, with ``attributes`` set.

    Setting attributes can only add restrictions, so this works on mounts whose flags are locked.
    """
    descriptor = call(
        "open_tree", AT_FDCWD, os.fsencode(path), _OPEN_TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC
    )
    # struct mount_attr: attr_set, attr_clr, propagation, userns_fd, 64 bits each.
    change = (ctypes.c_uint64 * 4)(attributes, 0, MS_PRIVATE, 0)
    call(
        "mount_setattr", descriptor, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, ctypes.addressof(change),
        ctypes.sizeof(change),
    )  # fmt: skip
    return descriptor


def attach_tree(descriptor: int, target: str) -> None:
    """Attach what ``clone_tree`` returned at ``target``, and close the descriptor."""
    call("move_mount", descriptor, b"", AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    os.close(descriptor)


def _tid_address() -> int:
    address = ctypes.c_ulong()
    _libc.prctl(PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0)
    return address.value


class Cloner:
    """Forks this single-threaded process into new namespaces.

    The raw system call skips the C library's and Python's at-fork handlers. They cost half of a
    fork (they touch hundreds of pages), and nothing they do is needed here: there is one thread,
    and the child never forks again. Letting the kernel write the child's thread id where the C
    library caches it keeps ``raise()`` and thread creation right.
    """

    def __init__(self, namespaces: int) -> None:
        flags = namespaces | signal.SIGCHLD | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
        tid, zero = ctypes.c_ulong(_tid_address()), ctypes.c_long(0)
        tail = (tid, zero) if MACHINE == "x86_64" else (zero, tid)
        self._arguments = (
            ctypes.c_long(_NUMBERS[MACHINE]["clone"]), ctypes.c_long(flags), zero, zero, *tail,
        )  # fmt: skip

    def __call__(self) -> int:
        """Return the child's process id, and 0 in the child. Raises ``OSError``."""
        process = _syscall(*self._arguments)
        if process < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"clone: {os.strerror(error)}")
        return process


def step(name: str, *arguments: int | bytes | None) -> Callable[[], int]:
    """Return a function that makes one system call, with everything converted beforehand.

    It returns -1 where the call fails, so it is for ``do``. In a forked child each Python object that
    is touched for the first time costs a copied page, and this touches little but its arguments.
    """
    return partial(_syscall, ctypes.c_long(number(name)), *map(_long, arguments))


def do(steps: Iterable[Callable[[], Any]]) -> None:
    """Take each step. Raises ``OSError`` where one returns -1."""
    for each in steps:
        if each() == -1:
            error = ctypes.get_errno()
            raise OSError(error, f"{each}: {os.strerror(error)}")


class Path:
    """A path for prepared calls that becomes known only after they are made."""

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(_PATH_MAX)
        self.address = ctypes.addressof(self._buffer)

    def set(self, path: str) -> None:
        """Raises ``ValueError`` where it is too long."""
        self._buffer.value = path.encode()


class Execution:
    """A prepared ``execve``: its arguments stand where they are from the start, so a filter can name them."""

    def __init__(self, path: str, arguments: Iterable[str], environment: Mapping[str, str]) -> None:
        # Kept, for the kernel reads their memory.
        self._path = ctypes.create_string_buffer(path.encode())
        self._arguments = _strings(arguments)
        self._environment = _strings(f"{name}={value}" for name, value in environment.items())
        self.path = ctypes.addressof(self._path)
        """The address of the path."""
        self.step = step(
            "execve", self.path, ctypes.addressof(self._arguments), ctypes.addressof(self._environment)
        )


def _strings(values: Iterable[str]) -> ctypes.Array[ctypes.c_char_p]:
    encoded = [value.encode() for value in values]
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None)


def bind_mount(source: int | bytes, target: bytes) -> Callable[[], int]:
    """Return the step that mounts the folder ``source``, a path or the address of one, at ``target``."""
    return step("mount", source, target, None, MS_BIND, None)


CAPABILITY_HEADER: Final = (0x20080522).to_bytes(4, "little") + bytes(4)
"""``struct __user_cap_header_struct``: version 3, this process."""
NO_CAPABILITIES: Final = bytes(24)
"""Two empty sets of data."""


def capability_drop() -> Callable[[], int]:
    """Return the step that gives up every capability of this process."""
    return step("capset", CAPABILITY_HEADER, NO_CAPABILITIES)


def keep_capability(capability: int) -> None:
    """Keep one capability, below 32, and no other, over the execution of a program."""
    # Effective, permitted and inheritable; then the upper halves.
    call("capset", CAPABILITY_HEADER, (1 << capability).to_bytes(4, "little") * 3 + bytes(12))
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
