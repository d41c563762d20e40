"""Documents: transcripts of meetings, one of them of more than fifty thousand tokens, and quarterly reports."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data.words import SUBJECTS, names, paragraph

REGIONS = ("Nordics", "Benelux", "Iberia", "Central Europe", "British Isles", "Italy")
QUARTERS = ("2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4")


@cache
def made() -> list[dict[str, Any]]:
    """The documents' ``id``, ``title``, ``folder``, ``modified``, ``owner`` and ``content``."""
    random = Random(303)
    documents = [
        _document(random, "Quarterly planning, full transcript", "meetings", _transcript(random, 900)),
        *(
            _document(
                random, f"Weekly sync {week}", "meetings", _transcript(random, random.randint(120, 260))
            )
            for week in range(1, 13)
        ),
        *(
            _document(random, f"Sales report {quarter} {region}", "reports", _report(random, quarter, region))
            for quarter in QUARTERS
            for region in REGIONS
        ),
    ]
    return [{"id": f"doc-{number:03}", **document} for number, document in enumerate(documents, start=1)]


def _document(random: Random, title: str, folder: str, content: str) -> dict[str, Any]:
    return {
        "title": title,
        "folder": folder,
        "modified": (date(2026, 3, 1) - timedelta(days=random.randrange(120))).isoformat(),
        "owner": names(random, 1)[0],
        "content": content,
    }


def _transcript(random: Random, turns: int) -> str:
    speakers = names(random, 6)
    lines: list[str] = []
    second = 0
    for _ in range(turns):
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        lines.append(f"[{clock}] {random.choice(speakers)}: {paragraph(random, random.randint(1, 4))}")
        if random.random() < 0.03:
            due = (date(2026, 3, 2) + timedelta(days=random.randrange(30))).isoformat()
            task = random.choice(SUBJECTS)
            lines.append(f"[{clock}] ACTION: {random.choice(speakers)} to follow up on {task} by {due}.")
        second += random.randint(8, 40)
    return "\n".join(lines)


def _report(random: Random, quarter: str, region: str) -> str:
    parts = [f"# Sales report {quarter}: {region}", paragraph(random, 40), "## Results by product line"]
    rows = ["| Line | Units | Revenue (EUR) | Returns |", "|---|---|---|---|"]
    for line in ("Lighting", "Seating", "Tables", "Storage", "Textiles", "Decoration"):
        units = random.randint(80, 2_400)
        rows.append(
            f"| {line} | {units} | {units * random.randint(9, 60)} | {random.randint(0, units // 12)} |"
        )
    parts += ["\n".join(rows), "## Discussion", *(paragraph(random, 12) for _ in range(8))]
    return "\n\n".join(parts)
