"""Starts a program as a container engine's usual profile would: it can make no namespaces or mounts.

    python like_a_container.py [--without-landlock] PROGRAM [ARGUMENT...]

A filter like that of Docker's default profile (``profiles/seccomp/default.json`` without any
capability), of the calls that matter here.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_LOAD, _AND, _EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_NAMESPACES = 0x7E020080

_DENIED = {
    _EPERM: {
        "mount": 165,
        "umount2": 166,
        "pivot_root": 155,
        "chroot": 161,
        "unshare": 272,
        "setns": 308,
        "open_tree": 428,
        "move_mount": 429,
        "fsopen": 430,
        "fsconfig": 431,
        "fsmount": 432,
        "mount_setattr": 442,
    },
    _ENOSYS: {"clone3": 435},
}
_LANDLOCK = {"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446}
_CLONE = 56


def _filter(*, landlock: bool) -> bytes:
    lines = [(_LOAD, 0, 0, 0)]
    for error, calls in _DENIED.items():
        for number in (*calls.values(), *(_LANDLOCK.values() if error == _ENOSYS and not landlock else ())):
            lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | error)]
    # Clone with any flag of a namespace: the lower half of the first argument.
    lines += [
        (_EQUAL, 0, 4, _CLONE),
        (_LOAD, 0, 0, 16),
        (_AND, 0, 0, _NAMESPACES),
        (_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, _ERROR | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def main(arguments: list[str]) -> None:
    """Put this process under the filter, and become the program."""
    landlock = arguments[0] != "--without-landlock"
    program = arguments if landlock else arguments[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    code = _filter(landlock=landlock)
    held = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(held)))
    # No new privileges (38), and the filter (PR_SET_SECCOMP is 22, its mode 2).
    for option in ((38, 1, 0, 0, 0), (22, 2, ctypes.c_void_p(ctypes.addressof(header)), 0, 0)):
        if libc.prctl(*option) != 0:
            sys.exit(f"prctl {option[0]}: {os.strerror(ctypes.get_errno())}")
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
