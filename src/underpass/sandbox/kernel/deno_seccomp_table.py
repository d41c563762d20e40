from __future__ import annotations
from underpass.sandbox.kernel import seccomp_table
from underpass.sandbox.kernel.seccomp_table import MaskedArgumentIs, Rule


def rules(machine: str, path: int) -> dict[int, Rule]:
    extra = (
        Rule("execve", 59, 221, only_if=MaskedArgumentIs(0, 0xFFFFFFFF, path & 0xFFFFFFFF)),
        Rule("arch_prctl", 158, None),
    )
    table = dict(seccomp_table.rules(machine))
    for rule in extra:
        n = getattr(rule, machine)
        if n is not None:
            table[n] = rule
    return table
