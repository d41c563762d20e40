"""Teams of a company, what their members spent on travels, and what each level may spend in a quarter."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data.words import CITIES, names

QUARTER_STARTS = {
    "2025-Q1": date(2025, 1, 1),
    "2025-Q2": date(2025, 4, 1),
    "2025-Q3": date(2025, 7, 1),
    "2025-Q4": date(2025, 10, 1),
}
_SIZES = {"engineering": 38, "design": 7, "sales": 24, "support": 12}
_BUDGETS = {"junior": 4_500, "mid": 5_500, "senior": 6_500, "lead": 7_500, "director": 12_000}
_CATEGORIES = {"flight": 420, "hotel": 190, "train": 75, "meal": 38, "taxi": 27, "conference fee": 610}


@cache
def made() -> dict[str, Any]:
    """``members``, ``budgets`` by level in EUR, and ``expenses``."""
    random = Random(505)
    levels = list(_BUDGETS)
    people = iter(names(random, sum(_SIZES.values())))
    members = [
        {
            "id": f"E{100 + number}",
            "name": next(people),
            "team": team,
            "level": random.choices(levels, (4, 5, 4, 2, 1))[0],
        }
        for number, team in enumerate(team for team, size in _SIZES.items() for _ in range(size))
    ]
    expenses = [
        _expense(random, member["id"], quarter, number)
        for member in members
        for quarter in QUARTER_STARTS
        for number in range(random.randint(8, 40))
    ]
    return {"members": members, "budgets": _BUDGETS, "expenses": expenses}


def _expense(random: Random, member: str, quarter: str, number: int) -> dict[str, Any]:
    category, usual = random.choice(list(_CATEGORIES.items()))
    return {
        "id": f"{member}-{quarter}-{number:02}",
        "employee_id": member,
        "quarter": quarter,
        "date": (QUARTER_STARTS[quarter] + timedelta(days=random.randrange(90))).isoformat(),
        "category": category,
        "description": f"{category.capitalize()}, {random.choice(CITIES)}",
        "amount": round(usual * random.uniform(0.4, 1.9), 2),
        "currency": "EUR",
        "status": random.choice(("approved", "approved", "approved", "approved", "pending", "rejected")),
        "receipt_url": f"https://receipts.example.com/{member}/{quarter}/{number:02}.pdf",
    }
