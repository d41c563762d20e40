"""The filter says what the table says, for every call and for every argument that matters."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from underpass.sandbox.kernel.seccomp import assemble
from underpass.sandbox.kernel.seccomp_table import GROUPS, ArgumentIs, MaskedArgumentIs, Rule, rules, stages

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
X32 = 0x40000000
MACHINES = ("x86_64", "aarch64")


def judge(program: bytes, number: int, arch: int, arguments: tuple[int, ...] = ()) -> int:
    """Run a filter as the kernel would: an interpreter of the few instructions it may use."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, arch, 0, *padded)
    instructions = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x05:
                at += operand
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


def expected(rule: Rule | None) -> int:
    if rule is None or rule.only_if is not None:
        return ERRNO | errno.EPERM
    return ALLOW if rule.error is None else ERRNO | rule.error


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_gets_the_tables_verdict_and_all_others_are_denied(machine: str) -> None:
    table = rules(machine)
    program = assemble(table, machine)
    for number in range(1024):
        rule = table.get(number)
        arguments = (0xDEAD,) * 6 if rule is not None and rule.only_if is not None else ()
        assert judge(program, number, ARCH[machine], arguments) == expected(rule), number


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("machine", MACHINES)
def test_the_two_stages_together_are_the_table(machine: str) -> None:
    table = rules(machine)
    program = assemble(table, machine)
    both = [assemble(stage, machine) for stage in stages(machine)]
    for number in range(max(table) + 1):
        rule = table.get(number)
        condition = None if rule is None else rule.only_if
        tried = {(0,) * 6, (0xDEAD,) * 6, (1,) * 6}
        if condition is not None:
            values = condition.values if isinstance(condition, ArgumentIs) else (condition.value,)
            tried |= {(*(0,) * condition.index, value, 0, 0, 0, 0, 0)[:6] for value in values}
        for arguments in tried:
            verdicts = [judge(stage, number, ARCH[machine], arguments) for stage in both]
            # The kernel takes the strictest verdict of all filters: here, the one that is not ALLOW.
            strictest = next((verdict for verdict in verdicts if verdict != ALLOW), ALLOW)
            assert strictest == judge(program, number, ARCH[machine], arguments), (number, arguments)


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("machine", MACHINES)
def test_conditions_hold_for_the_whole_argument(machine: str) -> None:
    table = rules(machine)
    program = assemble(table, machine)
    conditional = [(number, rule.only_if) for number, rule in table.items() if rule.only_if is not None]
    assert len(conditional) >= 7
    for number, condition in conditional:
        before = (0,) * condition.index
        match condition:
            case ArgumentIs(values=values):
                for value in values:
                    assert judge(program, number, ARCH[machine], (*before, value)) == ALLOW
                    above = (*before, value | 1 << 40)
                    assert judge(program, number, ARCH[machine], above) != ALLOW
            case MaskedArgumentIs(value=value, mask=mask):
                assert judge(program, number, ARCH[machine], (*before, value)) == ALLOW
                for bit in range(32):
                    flipped = judge(program, number, ARCH[machine], (*before, value ^ 1 << bit))
                    assert (flipped == ALLOW) is not bool(mask >> bit & 1)


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    program = assemble(rules(machine), machine)
    other = next(arch for name, arch in ARCH.items() if name != machine)
    for arch in (I386, other):
        assert judge(program, 0, arch) == KILL
    assert judge(program, X32 + 39, ARCH[machine]) == KILL


@pytest.mark.requirement("R15")
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    "name",
    [
        *("execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "pidfd_open"),
        *("socket", "connect", "bind", "setsockopt", "symlinkat", "linkat", "memfd_create"),
        *("mount", "unshare", "setns", "bpf", "perf_event_open", "io_uring_setup", "userfaultfd"),
        *("keyctl", "init_module", "kexec_load", "clock_settime"),
    ],
)
def test_what_must_never_be_allowed_is_not_in_the_table(machine: str, name: str) -> None:
    allowed = {rule.name for rule in rules(machine).values() if rule.error is None}
    assert name not in allowed


def test_each_group_gives_a_reason_and_no_call_stands_twice() -> None:
    assert all(reason for reason, _ in GROUPS)
    for machine in MACHINES:
        numbers = [getattr(rule, machine) for _, group in GROUPS for rule in group]
        present = [number for number in numbers if number is not None]
        assert len(present) == len(set(present))


@pytest.mark.parametrize(
    ("machine", "header", "pattern"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", r"#define __NR_(\w+) (\d+)"),
        ("aarch64", "/usr/include/asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+) (\d+)"),
    ],
)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str, header: str, pattern: str) -> None:
    if not Path(header).is_file():
        pytest.skip(f"{header} is not installed")
    known = {match[1]: int(match[2]) for match in re.finditer(pattern, Path(header).read_text())}
    known.setdefault("newfstatat", known.get("fstatat", 79))
    for _, group in GROUPS:
        for rule in group:
            number = getattr(rule, machine)
            if number is not None and rule.name in known:
                assert known[rule.name] == number, rule.name
