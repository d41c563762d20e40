"""Forecasts: five days of weather for each city."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data.words import CITIES

FIRST_DAY = date(2026, 3, 2)
DAYS = 5
_SKIES = ("Sunny", "Partly cloudy", "Cloudy", "Light rain", "Heavy rain", "Fog", "Snow showers")


@cache
def made() -> dict[str, Any]:
    """The days' ``date``, ``sky``, ``high``, ``low``, ``rain`` (mm) and ``wind`` (km/h) by city."""
    random = Random(101)
    return {city: [_day(random, number) for number in range(DAYS)] for city in CITIES}


def _day(random: Random, number: int) -> dict[str, Any]:
    sky, low = random.choice(_SKIES), random.randint(-4, 11)
    return {
        "date": (FIRST_DAY + timedelta(days=number)).isoformat(),
        "sky": sky,
        "high": low + random.randint(3, 10),
        "low": low,
        "rain": round(random.uniform(1, 20), 1) if "rain" in sky or "Snow" in sky else 0.0,
        "wind": random.randint(4, 55),
    }
