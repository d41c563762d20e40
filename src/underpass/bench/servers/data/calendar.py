"""The calendars of some people, in a week of March: whole hours between nine and five."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data import people
from underpass.bench.servers.data.words import CITIES

MONDAY = date(2026, 3, 2)
HOURS = range(9, 17)
CALENDARS = 24
_TITLES = (
    "1:1",
    "Stand-up",
    "Design review",
    "Interview",
    "Planning",
    "Vendor call",
    "Focus time",
    "Retrospective",
)
_OUTDOORS = ("Site visit", "Team run", "Customer picnic", "Photo shoot")


@cache
def made() -> list[dict[str, Any]]:
    """The events' ``id``, ``calendar`` (an address), ``title``, ``start``, ``end``, ``location``, ``outdoors``."""
    random = Random(707)
    owners = [person["email"] for person in people.made()[:CALENDARS]]
    slots = [
        (owner, day, hour)
        for owner in owners
        for day in range(5)
        for hour in sorted(random.sample(HOURS, random.randint(2, 6)))
    ]
    return [_event(random, number, *slot) for number, slot in enumerate(slots, start=1)]


def _event(random: Random, number: int, owner: str, day: int, hour: int) -> dict[str, Any]:
    outdoors = random.random() < 0.08
    begins = (MONDAY + timedelta(days=day)).isoformat()
    return {
        "id": f"ev-{number:04}",
        "calendar": owner,
        "title": random.choice(_OUTDOORS if outdoors else _TITLES),
        "start": f"{begins}T{hour:02}:00",
        "end": f"{begins}T{hour + 1:02}:00",
        "location": random.choice(CITIES)
        if outdoors
        else f"Room {random.randint(1, 5)}.{random.randint(10, 29)}",
        "outdoors": outdoors,
        "attendees": random.randint(1, 9),
    }
