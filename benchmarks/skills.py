# ruff: noqa: E501 - tables of programs, a statement a line
"""How many skills come of 500 sessions of 40 recurring and 200 one-off tasks: ``python -m benchmarks.skills``.

A fourth of the tasks is written in TypeScript. Whenever a task recurs it is written anew: with other literals,
names, quotes, comments, blanks and indentation, independent statements in another order, and texts put
together by a template or by ``+``.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import anyio
import anyio.to_thread

from underpass import Underpass
from underpass.bench.servers import configuration
from underpass.metrics import tokens
from underpass.skills.promotion.generalise import shape_of
from underpass.skills.promotion.table import Candidate

Language = Literal["python", "typescript"]
_GIVEN: Final = {
    "account": ("crm", ("customer", "prospect", "negotiation"), ("owner", "city", "name", "stage", "domain", "renewal", "id")),
    "issue": ("tracker", ("WEB",), ("title", "state", "priority", "created", "key", "body", "labels")),
    "message": ("mail", ("a", "e", "in"), ("from", "subject", "date", "id", "snippet", "to")),
    "found": ("crm", ("a", "e", "o"), ("name", "stage", "owner", "id")),
}  # fmt: skip
"""Of each source: its server, what it may be asked for, and the fields of its rows."""
_CALLS: Final[dict[Language, dict[str, str]]] = {
    "python": {
        "account": 'await crm.list_accounts(stage="$a")',
        "issue": '(await tracker.list_issues(project="$a", per_page=$n))["issues"]',
        "message": '(await mail.search_messages(subject="$a"))["messages"]',
        "found": 'await crm.search_accounts(query="$a")',
    },
    "typescript": {
        "account": 'await crm.listAccounts({ stage: "$a" })',
        "issue": '(await tracker.listIssues({ project: "$a", per_page: $n })).issues',
        "message": '(await mail.searchMessages({ subject: "$a" })).messages',
        "found": 'await crm.searchAccounts({ query: "$a" })',
    },
}
_Statement = str | tuple[str, ...]
"""One, or several whose order makes no difference."""
_OPERATIONS: Final[dict[Language, tuple[tuple[_Statement, ...], ...]]] = {
    "python": (
        (("@counts = {}", "@size = len(@rows)"),
         'for @row in @rows:\n    @key = str(@row["$f"])\n    @counts[@key] = @counts.get(@key, 0) + 1',
         'return {"counts": @counts, "of": @size}'),
        (('@values = sorted({str(@row["$f"]) for @row in @rows})', "@size = len(@rows)"),
         'return {"values": @values[:$n], "total": @size}'),
        (('@chosen = [@row for @row in @rows if str(@row["$f"]) > "$b"]', "@size = len(@rows)"),
         'return {"later": len(@chosen), "of": @size}'),
        (('@lengths = [len(str(@row["$f"])) for @row in @rows]', '@blank = [@row for @row in @rows if not @row["$f"]]'),
         'return {"longest": max(@lengths, default=0), "blank": len(@blank)}'),
        ('@hits = [str(@row["$f"]) for @row in @rows if "$b" in str(@row["$f"]).lower()]', "return @hits[:$n]"),
        (("@groups = {}", "@seen = 0"),
         'for @row in @rows:\n    @groups.setdefault(str(@row["$f"])[:1].upper(), []).append(@row["$g"])\n    @seen += 1',
         'return {"groups": {@key: len(@groups[@key]) for @key in sorted(@groups)}, "rows": @seen}'),
        ('@best = sorted(@rows, key=lambda @row: str(@row["$f"]), reverse=True)[:$n]', "@lines = []",
         'for @row in @best:\n    @left = str(@row["$f"])\n    @right = str(@row["$g"])\n    @lines.append(JOIN(@left~: ~@right))',
         "return @lines"),
        ('@words = " ".join(str(@row["$f"]) for @row in @rows).lower().split()',
         ("@long = [@word for @word in @words if len(@word) > $n]", "@size = len(@words)"),
         'return {"words": @size, "long": len(@long)}'),
        ("@seen = []", 'for @row in @rows:\n    if @row["$f"] not in @seen:\n        @seen.append(@row["$f"])', 'return {"first": @seen[:$n]}'),
        (('@left = str(len({str(@row["$f"]) for @row in @rows}))', '@right = str(len({str(@row["$g"]) for @row in @rows}))'),
         'return {"different": JOIN(@left~ and ~@right)}'),
    ),
    "typescript": (
        (("const @counts: Record<string, number> = {};", "const @size = @rows.length;"),
         "for (const @row of @rows) {\n    const @key = String(@row.$f);\n    @counts[@key] = (@counts[@key] ?? 0) + 1;\n}",
         "return { counts: @counts, of: @size };"),
        (("const @values = @rows.map((@row) => String(@row.$f));", "const @size = @rows.length;"),
         "return { values: @values.slice(0, $n), of: @size };"),
        (('const @hits = @rows.filter((@row) => String(@row.$f).includes("$b"));', "const @size = @rows.length;"),
         "return { hits: @hits.length, of: @size };"),
        ("const @lines = @rows.map((@row) => {\n    const @left = String(@row.$f);\n    const @right = String(@row.$g);\n    return JOIN(@left~: ~@right);\n});",
         "return @lines.slice(0, $n);"),
    ),
}  # fmt: skip
_NAMES: Final = {
    "rows": ("rows", "items", "found", "all_of_them"), "row": ("row", "one", "each", "entry"),
    "counts": ("counts", "tally", "by_key"), "size": ("total", "size", "how_many"), "key": ("key", "label"),
    "values": ("values", "distinct"), "chosen": ("chosen", "kept"), "lengths": ("lengths", "sizes"),
    "blank": ("blank", "empty"), "hits": ("hits", "matches"), "groups": ("groups", "by_letter"),
    "seen": ("seen", "known"), "best": ("best", "top"), "lines": ("lines", "shown"), "left": ("left", "first"),
    "right": ("right", "second"), "words": ("words", "tokens"), "long": ("long", "longer"), "word": ("word", "w"),
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A task that is written in another way each time."""

    language: Language
    source: str
    operation: int
    field: str
    other: str

    def program(self, dice: random.Random) -> str:
        """Write it once more."""
        server, given, _ = _GIVEN[self.source]
        body = [f"@rows = {_CALLS[self.language][self.source]}"]
        if self.language == "typescript":
            body = [f"const {body[0]};"]
        for each in _OPERATIONS[self.language][self.operation]:
            body += [each] if isinstance(each, str) else dice.sample(each, len(each))
        text = _with_comments(body, self.language, dice)
        template = dice.random() < 0.5
        text = re.sub(
            r"JOIN\((.*?)~(.*?)~(.*?)\)", lambda found: self._joined(found, template=template), text
        )
        names = {name: dice.choice(choices) for name, choices in _NAMES.items()}
        text = re.sub(r"@(\w+)", lambda found: names[found[1]], text)
        literals = {"a": dice.choice(given), "b": dice.choice("abcmst"), "n": str(dice.randint(3, 30))}
        literals |= {"f": self.field, "g": self.other}
        text = re.sub(r"\$([abnfg])\b", lambda found: literals[found[1]], text)
        if dice.random() < 0.3:
            text = text.replace(", ", ",  ")
        if dice.random() < 0.3:
            text = text.replace("    ", "  ")
        start = f"from mcp_servers import {server}\n\n"
        if self.language == "typescript":
            start = f'import {{ {server} }} from "mcp-servers";\n'
        text = start + text
        return text.replace('"', "'") if dice.random() < 0.4 else text

    def _joined(self, found: re.Match[str], *, template: bool) -> str:
        left, between, right = found.groups()
        if not template:
            return f'{left} + "{between}" + {right}'
        if self.language == "python":
            return f'f"{{{left}}}{between}{{{right}}}"'
        return f"`${{{left}}}{between}${{{right}}}`"


def _with_comments(statements: list[str], language: Language, dice: random.Random) -> str:
    lines: list[str] = []
    for statement in statements:
        if dice.random() < 0.2:
            lines.append(f"{'#' if language == 'python' else '//'} step {dice.randint(1, 9)}")
        lines.append(statement + ("\n" if dice.random() < 0.2 else ""))
    return "\n".join(lines) + "\n"


@dataclass
class Simulated:
    """What came of it."""

    skills: int = 0
    duplicates: int = 0
    one_offs: int = 0
    recurring: int = 0
    shapes: int = 0
    """Of the recurring tasks, whose every way of being written should have one."""
    typescript: int = 0
    """Recurring tasks in TypeScript that were found."""
    refused: list[str] = field(default_factory=list[str])
    saved: int = 0
    negative: int = 0
    """Runs whose program is shorter than the skill's call."""
    seconds: float = 0.0


def kinds(language: Language) -> list[Kind]:
    """Return tasks whose programs differ in more than the way they are written."""
    return [
        Kind(language, source, operation, one, fields[(fields.index(one) + 1) % len(fields)])
        for source, (_, _, fields) in _GIVEN.items()
        for operation in range(len(_OPERATIONS[language]))
        for one in fields
    ]


async def simulate(folder: Path, recurring: int, one_off: int, sessions: int, seed: int = 7) -> Simulated:
    """Run the sessions on real servers, each by an agent of its own, and promote what recurs."""
    dice = random.Random(seed)
    again: list[Kind] = []
    once: list[Kind] = []
    parts: tuple[tuple[Language, float], ...] = (("python", 0.75), ("typescript", 0.25))
    for language, part in parts:
        every = kinds(language)
        dice.shuffle(every)
        first, rest = round(recurring * part), round(one_off * part)
        again += every[:first]
        once += every[first : first + rest]
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
            shape_kinds[shape_of(kind.language, code).digest] = kind
            result = await up.run(code, agent=f"agent-{number}", language=kind.language)
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
    found.shapes = sum(kind in set(again) for kind in shape_kinds.values())
    found.typescript = sum(kind.language == "typescript" for kind in set(made.values()) & set(again))
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
            if kind.language == "typescript":
                function = re.sub(r"_(\w)", lambda found: found[1].upper(), module)
                call = f'import {{ {function} }} from "skills/{name}";\nawait {function}("customer", 10);\n'
            gain = tokens.count(code) - tokens.count(call)
            found.saved += gain
            found.negative += gain < 0
        used.add(kind)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        report = anyio.run(simulate, Path(place), 40, 200, 500)
    sys.stdout.write(f"{report}\n")
