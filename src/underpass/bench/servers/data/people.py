"""The employees of a company, in three levels below the chief executive."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data.words import CITIES, address, names

TEAMS = ("Platform", "Payments", "Mobile", "Data", "Design", "Support", "Sales", "Legal")
_MEMBERS = 12
_TITLES = ("Engineer", "Senior Engineer", "Analyst", "Specialist", "Coordinator")


@cache
def made() -> list[dict[str, Any]]:
    """The people, the chief executive first: their ``manager_id`` is another's ``id``."""
    random = Random(606)
    every = iter(names(random, 1 + len(TEAMS) * (1 + _MEMBERS)))
    chief = _person(random, 1, next(every), "Chief Executive", "Management", None)
    people = [chief]
    for team in TEAMS:
        head = _person(random, len(people) + 1, next(every), f"Head of {team}", team, chief["id"])
        people.append(head)
        leads: list[str] = []
        for number in range(_MEMBERS):
            manager = head["id"] if number < 3 else random.choice(leads)
            title = "Team Lead" if number < 3 else random.choice(_TITLES)
            person = _person(random, len(people) + 1, next(every), title, team, manager)
            people.append(person)
            if number < 3:
                leads.append(person["id"])
    return people


def _person(
    random: Random, number: int, name: str, title: str, team: str, manager: str | None
) -> dict[str, Any]:
    return {
        "id": f"P{number:03}",
        "name": name,
        "email": address(name, "corp.example"),
        "title": title,
        "team": team,
        "manager_id": manager,
        "city": random.choice(CITIES),
        "phone": f"+49 30 5550{random.randint(100, 999)}",
    }
