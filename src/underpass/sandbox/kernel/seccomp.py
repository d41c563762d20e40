"""Turns the table of system calls into a seccomp filter, and installs it.

The filter is a binary search over the numbers: a call costs about eight instructions instead of
the hundred and fifty that a list costs.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Mapping
from typing import Final

from underpass.sandbox.kernel import syscalls
from underpass.sandbox.kernel.seccomp_table import ArgumentIs, Rule

# linux/bpf_common.h
_LOAD_WORD: Final = 0x20
_AND: Final = 0x54
_JUMP: Final = 0x05
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER_EQUAL: Final = 0x35
_RETURN: Final = 0x06

# linux/seccomp.h
_KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000
_ALLOW: Final = 0x7FFF0000
_SET_MODE_FILTER: Final = 1

# struct seccomp_data: nr, arch, instruction_pointer, args[6]; little endian.
_OFFSET_NUMBER: Final = 0
_OFFSET_ARCH: Final = 4
_OFFSET_ARGUMENTS: Final = 16

_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT: Final = 0x40000000
_LONGEST_JUMP: Final = 255

_Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, operand"""


def _statement(code: int, operand: int) -> _Instruction:
    return code, 0, 0, operand


def _deny(number: int = errno.EPERM) -> list[_Instruction]:
    return [_statement(_RETURN, _ERRNO | number)]


def _allow_if_equal(values: tuple[int, ...]) -> list[_Instruction]:
    """Allow when the loaded word is one of ``values``."""
    compare = [(_JUMP_EQUAL, len(values) - position, 0, value) for position, value in enumerate(values)]
    return [*compare, *_deny(), _statement(_RETURN, _ALLOW)]


def _verdict(rule: Rule) -> list[_Instruction]:
    """What to do once the number is known to be this rule's."""
    if rule.error is not None:
        return _deny(rule.error)
    condition = rule.only_if
    if condition is None:
        return [_statement(_RETURN, _ALLOW)]
    low = _OFFSET_ARGUMENTS + 8 * condition.index
    if isinstance(condition, ArgumentIs):
        # The upper half must be empty, or a pointer could pass for a small number.
        upper = [_statement(_LOAD_WORD, low + 4), (_JUMP_EQUAL, 1, 0, 0), *_deny()]
        return [*upper, _statement(_LOAD_WORD, low), *_allow_if_equal(condition.values)]
    masked = [_statement(_LOAD_WORD, low), _statement(_AND, condition.mask)]
    return [*masked, *_allow_if_equal((condition.value,))]


def _search(numbered: list[tuple[int, Rule]]) -> list[_Instruction]:
    """A binary search over the rules, sorted by number; the number is loaded."""
    if len(numbered) == 1:
        number, rule = numbered[0]
        return [(_JUMP_EQUAL, 1, 0, number), *_deny(), *_verdict(rule)]
    middle = len(numbered) // 2
    below, above = _search(numbered[:middle]), _search(numbered[middle:])
    if len(below) <= _LONGEST_JUMP:
        return [(_JUMP_GREATER_EQUAL, len(below), 0, numbered[middle][0]), *below, *above]
    # A conditional jump reaches 255 instructions; an unconditional one any distance.
    far = _statement(_JUMP, len(below))
    return [(_JUMP_GREATER_EQUAL, 0, 1, numbered[middle][0]), far, *below, *above]


def assemble(rules: Mapping[int, Rule], machine: str) -> bytes:
    """Return the filter as an array of ``struct sock_filter``.

    Calls of another architecture (i386 through ``int 0x80``) and of x32 end the process: their
    numbers mean other calls, and nothing honest makes them.
    """
    kill = _statement(_RETURN, _KILL_PROCESS)
    program = [
        _statement(_LOAD_WORD, _OFFSET_ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        kill,
        _statement(_LOAD_WORD, _OFFSET_NUMBER),
        (_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT),
        kill,
        *_search(sorted(rules.items())),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


class Filter:
    """A filter, prepared once, that a process then puts itself under."""

    def __init__(self, program: bytes) -> None:
        self._program = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: the number of instructions, padding, and a pointer to them.
        header = struct.pack("@HP", len(program) // 8, ctypes.addressof(self._program))
        self._header = ctypes.create_string_buffer(header, len(header))
        self._install = syscalls.prepared("seccomp", _SET_MODE_FILTER, 0, ctypes.addressof(self._header))

    def install(self) -> None:
        """Put this process under the filter, for ever; ``no_new_privs`` must be set."""
        self._install()
