"""A small project's files: Python modules with notes of what is to be done, and configurations."""

from __future__ import annotations

from functools import cache
from random import Random

from underpass.bench.servers.data.words import FIRST, SUBJECTS, paragraph

PACKAGES = {"billing": 14, "catalog": 12, "identity": 9, "shipping": 8}
ENVIRONMENTS = ("development", "staging", "production")
_OWNERS = tuple(name.lower() for name in FIRST[:8])


@cache
def made() -> dict[str, str]:
    """The files' texts by path."""
    random = Random(1212)
    made: dict[str, str] = {"README.md": f"# Storefront\n\n{paragraph(random, 6)}\n"}
    for package, modules in PACKAGES.items():
        for number in range(1, modules + 1):
            made[f"src/{package}/step_{number:02}.py"] = _module(random, package, number)
    for environment in ENVIRONMENTS:
        made[f"config/{environment}.ini"] = _configuration(random, environment)
    return made


def _module(random: Random, package: str, number: int) -> str:
    parts = [
        f'"""Step {number} of {package}: {paragraph(random, 1)}"""',
        "from __future__ import annotations\n",
    ]
    for function in range(random.randint(4, 10)):
        note = ""
        if random.random() < 0.3:
            note = f"    # TODO({random.choice(_OWNERS)}): look at {random.choice(SUBJECTS)} again\n"
        parts.append(
            f"def handle_{function}(request: dict[str, str], limit: int = {random.randint(5, 90)}) -> list[str]:\n"
            f'    """{paragraph(random, 1)}"""\n{note}'
            f"    rows = [value for key, value in request.items() if key.startswith('{package}')]\n"
            f"    return sorted(rows)[:limit]\n"
        )
    return "\n\n".join(parts)


def _configuration(random: Random, environment: str) -> str:
    return (
        f"[database]\nhost = db.{environment}.example\npool_size = {random.randint(4, 64)}\n\n"
        f"[cache]\nttl_seconds = {random.randrange(30, 900, 30)}\n\n"
        f"[limits]\nrequests_per_minute = {random.randrange(100, 5_000, 100)}\n"
    )
