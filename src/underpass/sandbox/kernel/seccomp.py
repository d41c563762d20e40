"""Turns the table of system calls into a seccomp filter, and installs it.

The filter is a binary search over ranges of numbers with the same verdict. A call costs about eight
instructions instead of the hundred and fifty that a list costs, and installing it, which the kernel
does by checking and compiling the whole, costs a quarter of a search over single numbers.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from underpass.sandbox.kernel import syscalls
from underpass.sandbox.kernel.seccomp_table import ArgumentIs, Rule

# linux/bpf_common.h
_LOAD_WORD: Final = 0x20
_AND: Final = 0x54
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER_EQUAL: Final = 0x35
_RETURN: Final = 0x06

# linux/seccomp.h
_KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000
_ALLOW: Final = 0x7FFF0000
SET_MODE_FILTER: Final = 1

# struct seccomp_data: nr, arch, instruction_pointer, args[6]; little endian.
_OFFSET_NUMBER: Final = 0
_OFFSET_ARCH: Final = 4
_OFFSET_ARGUMENTS: Final = 16

_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT: Final = 0x40000000

_DENY: Final = f"error {errno.EPERM}"
_NEXT: Final = ""
"""A jump's target that is the instruction after it."""


class _Program:
    """Instructions whose jumps name their targets. Every target stands after its jumps."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, str, str, int]] = []
        self._labels: dict[str, list[int]] = {}

    def label(self, name: str) -> None:
        """Name the next instruction; a jump goes to the next of that name."""
        self._labels.setdefault(name, []).append(len(self._lines))

    def add(self, code: int, operand: int, true: str = _NEXT, false: str = _NEXT) -> int:
        """Add one instruction; returns its place."""
        self._lines.append((code, true, false, operand))
        return len(self._lines) - 1

    def retarget(self, place: int, true: str, false: str) -> None:
        """Set the targets of a jump that was added before they were known."""
        code, _, _, operand = self._lines[place]
        self._lines[place] = (code, true, false, operand)

    def assemble(self) -> bytes:
        """Return an array of ``struct sock_filter``; a jump reaches 255 instructions."""

        def distance(place: int, target: str) -> int:
            if target == _NEXT:
                return 0
            return next(at for at in self._labels[target] if at > place) - place - 1

        return b"".join(
            struct.pack("<HBBI", code, distance(place, true), distance(place, false), operand)
            for place, (code, true, false, operand) in enumerate(self._lines)
        )


def _verdict(number: int, rule: Rule | None) -> str:
    """The label of what to do with a call."""
    if rule is None:
        return _DENY
    if rule.error is not None:
        return f"error {rule.error}"
    return "allow" if rule.only_if is None else f"rule {number}"


def _ranges(rules: Mapping[int, Rule]) -> list[tuple[int, str]]:
    """Where the verdict changes: the first number of each range, and its label."""
    found: list[tuple[int, str]] = []
    for number in range(max(rules) + 2):
        label = _verdict(number, rules.get(number))
        if not found or found[-1][1] != label:
            found.append((number, label))
    return found


def _search(program: _Program, ranges: list[tuple[int, str]]) -> str:
    """Add a binary search over the ranges; the number is loaded. Returns its label."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    start = ranges[middle][0]
    label = f"from {start}"
    program.label(label)
    place = program.add(_JUMP_GREATER_EQUAL, start)
    above = _search(program, ranges[middle:])
    program.retarget(place, above, _search(program, ranges[:middle]))
    return label


def _condition(program: _Program, number: int, rule: Rule) -> None:
    """Add the check of one call's arguments."""
    condition = rule.only_if
    assert condition is not None
    program.label(f"rule {number}")
    if not isinstance(condition, ArgumentIs):
        program.add(_LOAD_WORD, _OFFSET_ARGUMENTS + 8 * condition.index)
        program.add(_AND, condition.mask)
        program.add(_JUMP_EQUAL, condition.value, "allow", _DENY)
    elif rule.and_if is None:
        _argument(program, condition, "allow")
    else:
        second = f"rule {number}, second argument"
        _argument(program, condition, second)
        program.label(second)
        _argument(program, rule.and_if, "allow")


def _argument(program: _Program, condition: ArgumentIs, then: str) -> None:
    """Add the check of one argument: go to ``then`` where it has one of the values."""
    low = _OFFSET_ARGUMENTS + 8 * condition.index
    # The upper half must be empty, or a pointer could pass for a small number.
    program.add(_LOAD_WORD, low + 4)
    program.add(_JUMP_EQUAL, 0, _NEXT, _DENY)
    program.add(_LOAD_WORD, low)
    for value in condition.values[:-1]:
        program.add(_JUMP_EQUAL, value, then)
    program.add(_JUMP_EQUAL, condition.values[-1], then, _DENY)


def _return(program: _Program, errors: Iterable[int]) -> None:
    """Add what ends the filter."""
    for error in sorted(errors):
        program.label(f"error {error}")
        program.add(_RETURN, _ERRNO | error)
    for name, action in (("allow", _ALLOW), ("kill", _KILL_PROCESS)):
        program.label(name)
        program.add(_RETURN, action)


def assemble(rules: Mapping[int, Rule], machine: str) -> bytes:
    """Return the filter as an array of ``struct sock_filter``.

    Calls of another architecture (i386 through ``int 0x80``) and of x32 end the process: their
    numbers mean other calls, and nothing honest makes them.
    """
    program = _Program()
    conditions = [(number, rule) for number, rule in sorted(rules.items()) if rule.only_if is not None]
    program.add(_LOAD_WORD, _OFFSET_ARCH)
    program.add(_JUMP_EQUAL, _AUDIT_ARCH[machine], _NEXT, "kill")
    program.add(_LOAD_WORD, _OFFSET_NUMBER)
    place = program.add(_JUMP_GREATER_EQUAL, _X32_BIT)
    program.retarget(place, "kill", _search(program, _ranges(rules)))
    errors = {errno.EPERM, *(rule.error for rule in rules.values() if rule.error is not None)}
    if any(rule.and_if is not None for _, rule in conditions):
        # A longer filter: jumps do not reach from the search to its end.
        _return(program, errors)
    # In the order of the search, which has the highest numbers first.
    for number, rule in reversed(conditions):
        _condition(program, number, rule)
    _return(program, errors)
    return program.assemble()


def pretend(call: int, *, argument: int, value: int) -> bytes:
    """Return a filter that allows everything, but makes a call with this 32-bit argument succeed undone."""
    program = _Program()
    program.add(_LOAD_WORD, _OFFSET_NUMBER)
    program.add(_JUMP_EQUAL, call, _NEXT, "allow")
    program.add(_LOAD_WORD, _OFFSET_ARGUMENTS + 8 * argument)
    program.add(_JUMP_EQUAL, value, _NEXT, "allow")
    program.add(_RETURN, _ERRNO)
    program.label("allow")
    program.add(_RETURN, _ALLOW)
    return program.assemble()


class Filter:
    """A filter, prepared once, that a process then puts itself under."""

    def __init__(self, program: bytes) -> None:
        self._program = ctypes.create_string_buffer(program, len(program))
        # struct sock_fprog: the number of instructions, padding, and a pointer to them.
        header = struct.pack("@HP", len(program) // 8, ctypes.addressof(self._program))
        self._header = ctypes.create_string_buffer(header, len(header))
        self.installation = syscalls.step("seccomp", SET_MODE_FILTER, 0, ctypes.addressof(self._header))
        """The step that puts a process under the filter, for ever; ``no_new_privs`` must be set."""

    def fill_in(self, placeholder: int) -> Callable[[int], None]:
        """Return a function that writes a number where the filter compares with ``placeholder``."""
        program = self._program
        places = [
            at + 4
            for at in range(0, len(program), 8)
            if struct.unpack_from("<HBBI", program, at)[::3] == (_JUMP_EQUAL, placeholder)
        ]

        def fill(number: int) -> None:
            value = number.to_bytes(4, "little")
            for place in places:
                program[place : place + 4] = value

        return fill
