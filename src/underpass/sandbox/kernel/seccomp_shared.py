"""The table of system calls where a sandbox shares process ids and files with the host.

Without namespaces of its own, a call that names a process can name any of the user's, and one that
changes what a file is (not what is in it) reaches every file of the user: Landlock does not look at
those. So what a namespace would have hidden is denied here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from underpass.sandbox.kernel import seccomp_table
from underpass.sandbox.kernel.seccomp_table import ArgumentIs, Rule

ITSELF: Final = 0x7FED_C0DE
"""Stands for the process's own number, which is known only in it. The kernel gives none this high."""

_ONLY_ITSELF: Final = ArgumentIs(0, (ITSELF,))
_ITSELF_OR_ZERO: Final = ArgumentIs(0, (0, ITSELF))

_NARROWED: Final[dict[str, tuple[ArgumentIs, ...]]] = {
    # No signal to another: not even where Landlock is too old to see to it (before version 6).
    "kill": (_ONLY_ITSELF,),
    "tgkill": (_ONLY_ITSELF,),
    # Nor by a descriptor's owner (F_SETOWN, F_SETSIG); and no lease that makes the host wait.
    "fcntl": (ArgumentIs(1, (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1031, 1032)),),
    # What the kernel would tell about others.
    "prlimit64": (_ITSELF_OR_ZERO, ArgumentIs(2, (0,))),
    "getpgid": (_ITSELF_OR_ZERO,),
    "getsid": (_ITSELF_OR_ZERO,),
    "sched_getaffinity": (_ITSELF_OR_ZERO,),
    "sched_getscheduler": (_ITSELF_OR_ZERO,),
    "sched_getparam": (_ITSELF_OR_ZERO,),
    "get_robust_list": (ArgumentIs(0, (0,)),),
    "getpriority": (ArgumentIs(0, (0,)), ArgumentIs(1, (0, ITSELF))),
    # Type, error, buffers, family and protocol of a socket; not the process at its other end.
    "getsockopt": (ArgumentIs(1, (1,)), ArgumentIs(2, (3, 4, 7, 8, 38, 39))),
}
_DENIED: Final = frozenset(
    # Rights and times of any file of the user; `capget` names a process behind a pointer.
    ("chmod", "fchmod", "fchmodat", "utimensat", "capget")
)


def rules(machine: str) -> dict[int, Rule]:
    """Return the table for one machine, by system call number; ``ITSELF`` is still to be filled in."""
    return {
        number: _narrowed(rule)
        for number, rule in seccomp_table.rules(machine).items()
        if rule.name not in _DENIED
    }


def _narrowed(rule: Rule) -> Rule:
    conditions = _NARROWED.get(rule.name)
    if conditions is None:
        return rule
    return replace(rule, only_if=conditions[0], and_if=conditions[1] if len(conditions) > 1 else None)
