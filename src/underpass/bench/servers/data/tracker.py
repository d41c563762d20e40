"""Issues of three projects, with comments."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data import people
from underpass.bench.servers.data.words import SUBJECTS, paragraph

PROJECTS = {"WEB": 1_600, "API": 260, "APP": 180}
TODAY = date(2026, 3, 2)
_LABELS = (
    "bug",
    "feature",
    "performance",
    "security",
    "documentation",
    "accessibility",
    "regression",
    "customer",
)
_VERBS = ("Fix", "Rework", "Document", "Speed up", "Test", "Simplify", "Monitor")
MILESTONES = ("2026.1", "2026.2", "2026.3")


@cache
def made() -> dict[str, Any]:
    """``issues`` and ``comments``."""
    random = Random(808)
    staff = [person["email"] for person in people.made()[1:40]]
    issues = [
        _issue(random, project, number, staff)
        for project, count in PROJECTS.items()
        for number in range(1, count + 1)
    ]
    comments = [
        {
            "issue": issue["key"],
            "author": random.choice(staff),
            "body": paragraph(random, random.randint(1, 3)),
        }
        for issue in issues
        for _ in range(random.randint(0, 4))
    ]
    return {"issues": issues, "comments": comments}


def _issue(random: Random, project: str, number: int, staff: list[str]) -> dict[str, Any]:
    created = TODAY - timedelta(days=random.randrange(2, 400))
    closed = random.random() < 0.55
    others = random.sample(range(1, number), min(number - 1, random.choice((0, 0, 1, 3))))
    return {
        "key": f"{project}-{number}",
        "title": f"{random.choice(_VERBS)} {random.choice(SUBJECTS)}",
        "state": "closed" if closed else "open",
        "priority": random.choice(("low", "medium", "medium", "high", "urgent")),
        "labels": random.sample(_LABELS, random.randint(1, 3)),
        "assignee": random.choice(staff) if random.random() < 0.85 else None,
        "milestone": random.choice((None, *MILESTONES)),
        "created": created.isoformat(),
        "closed": (created + timedelta(days=random.randrange((TODAY - created).days))).isoformat()
        if closed
        else None,
        "blocked_by": [f"{project}-{other}" for other in sorted(others)],
        "body": paragraph(random, random.randint(2, 5)),
    }
