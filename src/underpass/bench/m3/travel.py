"""M3ToolEval's tasks of travel: flights and hotels for one leg or several, and what the trip costs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from underpass.bench.m3.texts import SERVER, call, expected, instruction, kebab
from underpass.bench.task import Task, Turn

Choice = Literal["cheapest", "best rated", "cheapest without a pool", "best rated in D"]
_QUERIES = ("find flights", "find a hotel with preferences", "total budget of a trip")
_CHOICES_PYTHON: dict[Choice, str] = {
    "cheapest": 'min(hotel["price_per_night"] for hotel in hotels)',
    "best rated": 'max(hotels, key=lambda hotel: hotel["rating"])["price_per_night"]',
    "cheapest without a pool": (
        'min(\n    hotel["price_per_night"] for hotel in hotels if "pool" not in hotel["preferences"]\n)'
    ),
    "best rated in D": (
        'max(\n    hotels, key=lambda hotel: hotel["rating"] if end == "D" else -hotel["price_per_night"]\n'
        ')["price_per_night"]'
    ),
}
_BEST = "hotels.toSorted((a, b) => b.rating - a.rating)[0].price_per_night"
_CHEAPEST = "Math.min(...hotels.map((hotel) => hotel.price_per_night))"
_CHOICES_TYPESCRIPT: dict[Choice, str] = {
    "cheapest": _CHEAPEST,
    "best rated": _BEST,
    "cheapest without a pool": (
        'Math.min(...hotels\n  .filter((hotel) => !hotel.preferences.includes("pool"))\n'
        "  .map((hotel) => hotel.price_per_night))"
    ),
    "best rated in D": f'end === "D"\n  ? {_BEST}\n  : {_CHEAPEST}',
}


@dataclass(frozen=True)
class _Leg:
    start: str
    end: str
    date: str
    nights: int
    preferences: tuple[str, ...] = ()

    def row(self) -> str:
        return f'"{self.start}", "{self.end}", "{self.date}", {self.nights}, {self.wanted()}'

    def wanted(self) -> str:
        return json.dumps(self.preferences)


@dataclass(frozen=True)
class _Trip:
    name: str
    legs: tuple[_Leg, ...]
    choice: Choice = "cheapest"

    async def direct(self, turn: Turn) -> Any:
        found = await turn(
            *(
                call("find_flights", from_location=leg.start, to_location=leg.end, date=leg.date)
                for leg in self.legs
            ),
            *(call("book_hotel", location=leg.end, preferences=list(leg.preferences)) for leg in self.legs),
        )
        count = len(self.legs)
        flights = [min(flight["price"] for flight in listed) for listed in found[:count]]
        hotels = [self._chosen(leg, listed) for leg, listed in zip(self.legs, found[count:], strict=True)]
        budgets = await turn(
            *(
                call(
                    "budget_calculator",
                    flight_price=flight,
                    hotel_price_per_night=hotel,
                    num_nights=leg.nights,
                )
                for leg, flight, hotel in zip(self.legs, flights, hotels, strict=True)
            )
        )
        return sum(budgets)

    def _chosen(self, leg: _Leg, hotels: list[Any]) -> int:
        if self.choice == "best rated" or (self.choice == "best rated in D" and leg.end == "D"):
            return max(hotels, key=lambda hotel: hotel["rating"])["price_per_night"]
        if self.choice == "cheapest without a pool":
            hotels = [hotel for hotel in hotels if "pool" not in hotel["preferences"]]
        return min(hotel["price_per_night"] for hotel in hotels)

    def python(self) -> str:
        choice = _CHOICES_PYTHON[self.choice]
        if len(self.legs) == 1:
            [leg] = self.legs
            return f"""\
from mcp_servers import m3tooleval

flights = await m3tooleval.find_flights(
    from_location="{leg.start}", to_location="{leg.end}", date="{leg.date}"
)
hotels = await m3tooleval.book_hotel(location="{leg.end}", preferences={leg.wanted()})
night = {choice}
return await m3tooleval.budget_calculator(
    flight_price=min(flight["price"] for flight in flights),
    hotel_price_per_night=night,
    num_nights={leg.nights},
)
"""
        return f"""\
from mcp_servers import m3tooleval

legs = [
{self._rows("(", "),")}
]
total = 0
for start, end, date, nights, preferences in legs:
    flights = await m3tooleval.find_flights(from_location=start, to_location=end, date=date)
    hotels = await m3tooleval.book_hotel(location=end, preferences=preferences)
    night = {_indented(choice, 4)}
    total += await m3tooleval.budget_calculator(
        flight_price=min(flight["price"] for flight in flights),
        hotel_price_per_night=night,
        num_nights=nights,
    )
return total
"""

    def typescript(self) -> str:
        choice = _CHOICES_TYPESCRIPT[self.choice]
        if len(self.legs) == 1:
            [leg] = self.legs
            return f"""\
import {{ m3tooleval }} from "mcp-servers";

const flights = await m3tooleval.findFlights({{
  from_location: "{leg.start}", to_location: "{leg.end}", date: "{leg.date}",
}});
const hotels = await m3tooleval.bookHotel({{ location: "{leg.end}", preferences: {leg.wanted()} }});
const night = {choice};
return await m3tooleval.budgetCalculator({{
  flight_price: Math.min(...flights.map((flight) => flight.price)),
  hotel_price_per_night: night,
  num_nights: {leg.nights},
}});
"""
        return f"""\
import {{ m3tooleval }} from "mcp-servers";

const legs: [string, string, string, number, string[]][] = [
{self._rows("[", "],")}
];
let total = 0;
for (const [start, end, date, nights, preferences] of legs) {{
  const flights = await m3tooleval.findFlights({{ from_location: start, to_location: end, date }});
  const hotels = await m3tooleval.bookHotel({{ location: end, preferences }});
  const night = {_indented(choice, 2)};
  total += await m3tooleval.budgetCalculator({{
    flight_price: Math.min(...flights.map((flight) => flight.price)),
    hotel_price_per_night: night,
    num_nights: nights,
  }});
}}
return total;
"""

    def code_mode(self) -> str:
        return f"""\
async def m3(tool, arguments):
    return (await call_tool("m3tooleval_" + tool, arguments))["result"]

legs = [
{self._rows("(", "),")}
]
total = 0
for start, end, date, nights, preferences in legs:
    flights = await m3(
        "find_flights", {{"from_location": start, "to_location": end, "date": date}}
    )
    hotels = await m3("book_hotel", {{"location": end, "preferences": preferences}})
    night = {_indented(_CHOICES_PYTHON[self.choice], 4)}
    total += await m3(
        "budget_calculator",
        {{
            "flight_price": min(flight["price"] for flight in flights),
            "hotel_price_per_night": night,
            "num_nights": nights,
        }},
    )
return total
"""

    def _rows(self, opening: str, closing: str) -> str:
        indent = "    " if opening == "(" else "  "
        return "\n".join(f"{indent}{opening}{leg.row()}{closing}" for leg in self.legs)

    def task(self) -> Task:
        name = f"travel_itinerary_planning/{self.name}"
        return Task(
            name=kebab(name),
            kind="chain",
            command=instruction(name),
            servers=(SERVER,),
            queries=_QUERIES,
            direct=self.direct,
            python=self.python(),
            typescript=self.typescript(),
            code_mode=self.code_mode(),
            expected=expected(name),
        )


def _indented(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)


_WIFI, _POOL, _GYM = ("wifi",), ("pool",), ("gym",)
_OFFICE = ("wifi", "gym")
_TRIPS = (
    _Trip("cheapest_new_york_trip", (_Leg("E", "B", "2023-11-10", 3),)),
    _Trip("luxury_tokyo_trip", (_Leg("E", "C", "2023-10-05", 7),), "best rated"),
    _Trip("budget_trip_to_paris", (_Leg("E", "A", "2023-12-25", 4),)),
    _Trip(
        "new_york_trip_with_specific_preferences",
        (_Leg("E", "B", "2023-11-10", 3, _GYM),),
        "cheapest without a pool",
    ),
    _Trip("london_business_trip", (_Leg("E", "D", "2023-08-15", 4, _WIFI),)),
    _Trip("last_minute_tokyo_trip", (_Leg("E", "C", "2023-12-01", 3),)),
    _Trip("new_york_holiday_season", (_Leg("E", "B", "2023-12-15", 7, ("gym", "pool")),)),
    _Trip(
        "multi_city_business_trip",
        (_Leg("E", "B", "2023-11-10", 2, _WIFI), _Leg("B", "C", "2023-11-13", 3, _WIFI)),
    ),
    _Trip("leisure_multi_city_trip", (_Leg("E", "A", "2023-12-25", 3), _Leg("A", "D", "2023-12-28", 2))),
    _Trip(
        "three_city_european_tour",
        (
            _Leg("E", "A", "2023-12-25", 3, _WIFI),
            _Leg("A", "D", "2023-12-29", 4, _WIFI),
            _Leg("D", "C", "2024-01-02", 3, _WIFI),
        ),
    ),
    _Trip(
        "adventure_trip",
        (
            _Leg("E", "C", "2023-12-01", 2, _POOL),
            _Leg("C", "B", "2023-12-03", 3),
            _Leg("B", "D", "2023-12-06", 2, _GYM),
        ),
    ),
    _Trip(
        "cultural_exploration_tour",
        (
            _Leg("E", "A", "2023-12-25", 4, _WIFI),
            _Leg("A", "B", "2023-12-29", 2, _WIFI),
            _Leg("B", "D", "2024-01-01", 3, _WIFI),
        ),
        "best rated in D",
    ),
    _Trip(
        "leisure_and_business_combo",
        (
            _Leg("E", "D", "2023-08-15", 3, _OFFICE),
            _Leg("D", "A", "2023-08-18", 2, _POOL),
            _Leg("A", "C", "2023-08-20", 2, _OFFICE),
        ),
    ),
    _Trip(
        "grand_tour_vacation",
        (
            _Leg("E", "C", "2023-12-01", 2),
            _Leg("C", "D", "2023-12-03", 3),
            _Leg("D", "B", "2023-12-06", 2),
            _Leg("B", "E", "2023-12-08", 3),
        ),
        "best rated",
    ),
)
TASKS = tuple(trip.task() for trip in _TRIPS)
