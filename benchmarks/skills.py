# ruff: noqa: E501 - a table of programs, one a line
"""How many skills come of 500 sessions of 40 recurring and 200 one-off tasks: ``python -m benchmarks.skills``."""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread

from underpass import Underpass
from underpass.bench.servers import configuration
from underpass.metrics import tokens
from underpass.skills.promotion.generalise import shape_of
from underpass.skills.promotion.table import Candidate

SOURCES = {
    "account": ("crm", 'await crm.list_accounts(stage="{a}")', ("customer", "prospect", "negotiation"),
                ("owner", "city", "name", "stage", "domain", "renewal", "id")),
    "issue": ("tracker", '(await tracker.list_issues(project="{a}", per_page={n}))["issues"]', ("WEB",),
              ("title", "state", "priority", "created", "key", "body", "labels")),
    "message": ("mail", '(await mail.search_messages(subject="{a}"))["messages"]', ("a", "e", "in"),
                ("from", "subject", "date", "id", "snippet", "to")),
    "found": ("crm", 'await crm.search_accounts(query="{a}")', ("a", "e", "o"), ("name", "stage", "owner", "id")),
}  # fmt: skip
OPERATIONS = (
    'counts = {{}}\nfor row in rows:\n    key = str(row["{f}"])\n    counts[key] = counts.get(key, 0) + 1\nreturn counts',
    'values = sorted({{str(row["{f}"]) for row in rows}})\nreturn {{"values": values[:{n}], "total": len(values)}}',
    'chosen = [row for row in rows if str(row["{f}"]) > "{b}"]\nreturn {{"later": len(chosen), "of": len(rows)}}',
    'lengths = [len(str(row["{f}"])) for row in rows]\nreturn {{"longest": max(lengths, default=0), "mean": sum(lengths) / max(1, len(lengths))}}',
    'hits = [str(row["{f}"]) for row in rows if "{b}" in str(row["{f}"]).lower()]\nreturn hits[:{n}]',
    'groups = {{}}\nfor row in rows:\n    groups.setdefault(str(row["{f}"])[:1].upper(), []).append(row["{g}"])\nreturn {{key: len(groups[key]) for key in sorted(groups)}}',
    'best = sorted(rows, key=lambda row: str(row["{f}"]), reverse=True)[:{n}]\nreturn [row["{g}"] for row in best]',
    'words = " ".join(str(row["{f}"]) for row in rows).lower().split()\nlong = [word for word in words if len(word) > {n}]\nreturn {{"words": len(words), "long": len(long)}}',
    'seen = []\nfor row in rows:\n    if row["{f}"] not in seen:\n        seen.append(row["{f}"])\nreturn {{"first": seen[:{n}]}}',
    'pairs = [(str(row["{f}"]), str(row["{g}"])) for row in rows]\nreturn {{"equal": sum(a == b for a, b in pairs), "different": sum(a != b for a, b in pairs)}}',
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A task that comes with other literals, names and formatting each time."""

    source: str
    operation: int
    field: str
    other: str

    def program(self, dice: random.Random) -> str:
        """Write it once more."""
        server, call, given, _ = SOURCES[self.source]
        literals = {"a": dice.choice(given), "b": dice.choice("abcmst"), "n": dice.randint(3, 30)}
        body = OPERATIONS[self.operation].format(f=self.field, g=self.other, **literals)
        text = f"from mcp_servers import {server}\n\nrows = {call.format(**literals)}\n{body}\n"
        text = re.sub(r"\brows\b", dice.choice(("rows", "items", "found", "all_of_them")), text)
        text = re.sub(r"\brow\b", dice.choice(("row", "one", "each", "entry")), text)
        if dice.random() < 0.3:
            text = text.replace("\nreturn ", f"\n# step {dice.randint(1, 9)}\nreturn ").replace(", ", ",  ")
        return text


@dataclass
class Simulated:
    """What came of it."""

    skills: int = 0
    duplicates: int = 0
    one_offs: int = 0
    recurring: int = 0
    refused: list[str] = field(default_factory=list[str])
    saved: int = 0
    negative: int = 0
    """Runs whose program is shorter than the skill's call."""
    seconds: float = 0.0


def kinds() -> list[Kind]:
    """Return tasks whose programs differ in more than literals."""
    return [
        Kind(source, operation, one, fields[(fields.index(one) + 1) % len(fields)])
        for source, (_, _, _, fields) in SOURCES.items()
        for operation in range(len(OPERATIONS))
        for one in fields
    ]


async def simulate(folder: Path, recurring: int, one_off: int, sessions: int, seed: int = 7) -> Simulated:
    """Run the sessions on real servers, each by an agent of its own, and promote what recurs."""
    dice = random.Random(seed)
    every = kinds()
    dice.shuffle(every)
    again, once = every[:recurring], every[recurring : recurring + one_off]
    plan = [*once, *again, *(dice.choice(again) for _ in range(sessions - one_off - recurring))]
    dice.shuffle(plan)
    shape_kinds: dict[str, Kind] = {}
    begun = time.monotonic()
    settings = {"skills.promote": "auto", "run.check": False}
    async with Underpass.open(
        configuration(folder / "data", ["crm", "tracker", "mail"]), home=folder / "home", settings=settings
    ) as up:
        programs: list[tuple[Kind, str]] = []
        for number, kind in enumerate(plan):
            code = kind.program(dice)
            programs.append((kind, code))
            shape_kinds[shape_of("python", code).digest] = kind
            result = await up.run(code, agent=f"agent-{number}")
            assert result.ok, (result.error, code)
        await up.skills.promotion.consider()
        candidates = await anyio.to_thread.run_sync(up.skills.promotion.candidates)
        names = {entry.name for entry in up.skills.library.entries("default")} | {
            entry.name for entry in up.skills.library.waiting("default")
        }
    return _judged(candidates, names, programs, shape_kinds, again, time.monotonic() - begun)


def _judged(  # noqa: PLR0917 - of one simulation
    candidates: list[Candidate],
    names: set[str],
    programs: list[tuple[Kind, str]],
    shape_kinds: dict[str, Kind],
    again: list[Kind],
    seconds: float,
) -> Simulated:
    made = {
        each.skill: shape_kinds[each.shape] for each in candidates if each.state == "promoted" and each.skill
    }
    found = Simulated(skills=len(names), seconds=seconds)
    found.duplicates = len(names) - len(set(made.values()))
    found.recurring = len(set(made.values()) & set(again))
    found.one_offs = len(set(made.values()) - set(again))
    found.refused = [f"{each.gate}: {each.reason}" for each in candidates if each.state == "refused"]
    skill_of = {kind: name for name, kind in made.items()}
    used: set[Kind] = set()
    for kind, code in programs:
        if (name := skill_of.get(kind)) is None:
            continue
        if kind in used:
            module = name.replace("-", "_")
            call = f'from skills import {module}\nawait {module}.{module}("customer", 10)\n'
            gain = tokens.count(code) - tokens.count(call)
            found.saved += gain
            found.negative += gain < 0
        used.add(kind)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        report = anyio.run(simulate, Path(place), 40, 200, 500)
    sys.stdout.write(f"{report}\n")
