"""Landlock: a second wall over the mounts. See Linux's Documentation/userspace-api/landlock.rst."""

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


def abi() -> int:
    """Return the kernel's Landlock version, 0 where there is none."""
    try:
        return syscalls.call("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def ruleset(read_only: Iterable[str], read_write: Iterable[str]) -> int:
    """Return a descriptor of rules that allow these trees and deny every other file and all TCP.

    A rule holds for what lies beneath a directory, through mounts, but not for a mount *at* that
    directory: name the parent of a mount point.
    """
    version = abi()
    handled = (1 << _FS_RIGHTS.get(version, 16)) - 1
    # struct landlock_ruleset_attr: handled_access_fs, handled_access_net (ABI 4), scoped (ABI 6).
    fields = [handled]
    if version >= 4:
        fields.append(0b11)
    if version >= 6:
        fields.append(_SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL)
    attributes = (ctypes.c_uint64 * len(fields))(*fields)
    descriptor = syscalls.call(
        "landlock_create_ruleset", ctypes.addressof(attributes), ctypes.sizeof(attributes), 0
    )
    reading = _READ_FILE | _READ_DIR
    # Links could lead the host astray when it reads the workspace; the rest makes no sense there.
    unwanted = _EXECUTE | _MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM | _IOCTL_DEV
    for paths, rights in ((read_only, reading), (read_write, handled & ~unwanted)):
        for path in paths:
            _allow(descriptor, path, rights)
    return descriptor


def _allow(ruleset_descriptor: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not os.path.isdir(path):
        rights &= _EXECUTE | _WRITE_FILE | _READ_FILE
    # struct landlock_path_beneath_attr is packed: allowed_access (64 bits), parent_fd (32 bits).
    rule = ctypes.create_string_buffer(rights.to_bytes(8, "little") + beneath.to_bytes(4, "little"), 12)
    try:
        syscalls.call("landlock_add_rule", ruleset_descriptor, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        os.close(beneath)
