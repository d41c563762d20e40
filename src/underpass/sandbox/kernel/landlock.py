"""Landlock: a second wall over the mounts, or the only one where there are none.

See Linux's Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import Final

from underpass.sandbox.kernel import syscalls

_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_MAKE_CHAR: Final = 1 << 6
_MAKE_SOCK: Final = 1 << 9
_MAKE_FIFO: Final = 1 << 10
_MAKE_BLOCK: Final = 1 << 11
_MAKE_SYM: Final = 1 << 12
_IOCTL_DEV: Final = 1 << 15

# How many file-system rights each ABI version knows; version 1 came with Linux 5.13.
_FS_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_SCOPE_ABSTRACT_UNIX: Final = 1
_SCOPE_SIGNAL: Final = 2
_READING: Final = _READ_FILE | _READ_DIR

ALONE_SINCE: Final = 3
"""The first version that is enough without mounts: before it (Linux 6.2) any file can be truncated."""
_SCOPES_SINCE: Final = 6


def abi() -> int:
    """Return the kernel's Landlock version, 0 where there is none."""
    try:
        return syscalls.call("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def missing() -> str:
    """Say what this kernel's Landlock does not know yet; the filter of system calls denies it alone."""
    version = abi()
    return ", ".join(
        what
        for since, what in (
            (4, "TCP (since 4)"),
            (_SCOPES_SINCE, "signals and abstract sockets (since 6)"),
        )
        if version < since
    )


def ruleset(read_only: Iterable[str], read_write: Iterable[str], listed: Iterable[str] = ()) -> int:
    """Return a descriptor of rules that allow these trees and deny every other file and all TCP.

    Of the trees in ``listed`` only the names can be read. A rule holds for what lies beneath a
    directory, through mounts, but not for a mount *at* that directory: name the parent of a mount point.
    """
    attributes = _Attributes()
    descriptor = attributes.create()
    for paths, rights in (
        (read_only, _READING),
        (read_write, attributes.writing),
        (listed, _READ_DIR),
    ):
        for path in paths:
            beneath = _place(path)
            try:
                _add(descriptor, _rule(beneath, rights, is_directory=os.path.isdir(path)))
            finally:
                os.close(beneath)
    return descriptor


def allow_execution(descriptor: int, path: str) -> None:
    """Add the file ``path`` to a set, to read and execute."""
    beneath = _place(path)
    try:
        _add(descriptor, _rule(beneath, _EXECUTE | _READ_FILE, is_directory=False))
    finally:
        os.close(beneath)


class Template:
    """Rules for several trees to read, from which each child makes a set of its own and adds to it.

    What can be is prepared here: a child opens only the places that are its own.
    """

    def __init__(self, read_only: Iterable[str]) -> None:
        self._attributes = _Attributes()
        # The places stay open: children inherit them, and close them with all that is not theirs.
        self._rules = [_rule(_place(path), _READING, is_directory=os.path.isdir(path)) for path in read_only]

    def create(self) -> int:
        """Return the descriptor of a new set of the rules."""
        descriptor = self._attributes.create()
        for rule in self._rules:
            _add(descriptor, rule)
        return descriptor

    def allow_writing(self, descriptor: int, path: str) -> None:
        """Add the folder ``path`` to a set, to read and write."""
        beneath = _place(path)
        try:
            _add(descriptor, _rule(beneath, self._attributes.writing, is_directory=True))
        finally:
            os.close(beneath)


class _Attributes:
    """What a set of rules is about: everything that this kernel's Landlock knows."""

    def __init__(self) -> None:
        version = abi()
        handled = (1 << _FS_RIGHTS.get(version, 16)) - 1
        # struct landlock_ruleset_attr: handled_access_fs, handled_access_net (ABI 4), scoped (ABI 6).
        fields = [handled]
        if version >= 4:
            fields.append(0b11)
        if version >= _SCOPES_SINCE:
            fields.append(_SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL)
        self._fields = (ctypes.c_uint64 * len(fields))(*fields)
        # Links could lead the host astray when it reads the workspace; the rest makes no sense there.
        unwanted = _EXECUTE | _MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM | _IOCTL_DEV
        self.writing = handled & ~unwanted

    def create(self) -> int:
        """Return the descriptor of a set without rules: it denies everything."""
        return syscalls.call(
            "landlock_create_ruleset", ctypes.addressof(self._fields), ctypes.sizeof(self._fields), 0
        )


def _place(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _rule(beneath: int, rights: int, *, is_directory: bool) -> ctypes.Array[ctypes.c_char]:
    if not is_directory:
        rights &= _EXECUTE | _WRITE_FILE | _READ_FILE
    # struct landlock_path_beneath_attr is packed: allowed_access (64 bits), parent_fd (32 bits).
    return ctypes.create_string_buffer(rights.to_bytes(8, "little") + beneath.to_bytes(4, "little"), 12)


def _add(descriptor: int, rule: ctypes.Array[ctypes.c_char]) -> None:
    """Add one rule to a set."""
    syscalls.call("landlock_add_rule", descriptor, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
