"""Every system call does in a sandbox what the table says, and no other exists."""

from __future__ import annotations

import errno
import platform
import sys
from collections.abc import Mapping
from typing import Any, cast

import pytest
from tests.escape.system_calls import LAST, LEFT_OUT

from underpass.sandbox.kernel import seccomp_shared, seccomp_table
from underpass.sandbox.kernel.seccomp_table import ArgumentIs, MaskedArgumentIs, Rule

pytestmark = [
    pytest.mark.requirement("R11", "R15", "R43"),
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64",
        reason="the attempts use numbers of x86-64",
    ),
]


def _denied_with(rule: Rule | None) -> int | None:
    """The error that the table gives a call whose arguments are all 0; None where it is let through."""
    if rule is None:
        return errno.EPERM
    match rule.only_if:
        case None:
            return rule.error
        case ArgumentIs(values=values):
            second = rule.and_if is None or 0 in rule.and_if.values
            return None if 0 in values and second else errno.EPERM
        case MaskedArgumentIs(value=value):
            return None if value == 0 else errno.EPERM


def _differences(found: Any, table: Mapping[int, Rule]) -> list[str]:
    assert isinstance(found, list), found
    differences: list[str] = []
    for number, error in enumerate(cast("list[int | None]", found)):
        expected = _denied_with(table.get(number))
        if number in LEFT_OUT or error == expected:
            continue
        if expected is None and error not in {errno.EPERM, errno.ENOSYS}:
            continue
        name = rule.name if (rule := table.get(number)) else "a call that the table does not name"
        differences.append(f"{number} ({name}): expected {expected}, got {error}")
    return differences


def test_a_sweep_over_all_numbers_finds_what_the_table_says(as_ourselves: dict[str, Any]) -> None:
    assert len(as_ourselves["system calls"]) == LAST + 1
    assert _differences(as_ourselves["system calls"], seccomp_table.rules("x86_64")) == []


def test_a_sweep_finds_the_same_when_an_ordinary_user_started_it(as_ordinary_user: dict[str, Any]) -> None:
    assert _differences(as_ordinary_user["system calls"], seccomp_table.rules("x86_64")) == []


def test_a_sweep_finds_the_narrower_table_where_namespaces_are_forbidden(
    without_namespaces: dict[str, Any],
) -> None:
    assert _differences(without_namespaces["system calls"], seccomp_shared.rules("x86_64")) == []


def test_what_the_sweep_leaves_out_has_a_reason() -> None:
    assert all(LEFT_OUT.values())
