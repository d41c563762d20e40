"""The tools of M3ToolEval that its tasks of sequences, trade and travel need, as an MCP server.

The tools do what M3ToolEval's do; a variable number of arguments is a list here, as a schema has no other.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from typing_extensions import TypedDict

from underpass.bench.m3.travel_data import FLIGHTS, HOTELS

_TO_MRNA = str.maketrans("ACGT", "UGCA")
_TO_DNA = str.maketrans("UCAG", "AGTC")
_AMINO_ACIDS = {"AUG": "Methionine", "UUU": "Phenylalanine", "UUC": "Phenylalanine"}
_PLACES = sorted({hotel[0] for hotel in HOTELS})

Sequence = Annotated[str, Field(description="The sequence, e.g. 'AGCT'")]
Place = Annotated[str, Field(description="A location: A, B, C, D, E or F")]
Values = Annotated[list[float], Field(description="The values to compare", min_length=1)]


class Most(TypedDict):
    """The commonest nucleotide."""

    nucleotide: str
    count: int


class Flight(TypedDict):
    """A flight."""

    from_location: str
    to_location: str
    date: str
    price: int


class Hotel(TypedDict):
    """A hotel."""

    location: str
    preferences: list[str]
    price_per_night: int
    rating: int


def serve() -> MCPServer:
    """The server."""
    server = MCPServer("m3tooleval")
    _sequences(server)
    _trade(server)
    _travel(server)
    return server


def _sequences(server: MCPServer) -> None:
    @server.tool()
    def count_nucleotides(dna_sequence: Sequence) -> dict[str, int]:
        """Counts the occurrences of each nucleotide in a DNA sequence."""
        return Counter(dna_sequence)

    @server.tool()
    def transcribe_dna_to_mrna(dna_sequence: Sequence) -> str:
        """Transcribes DNA sequence to mRNA."""
        return dna_sequence.translate(_TO_MRNA)

    @server.tool()
    def translate_mrna_to_amino_acid(mrna_sequence: Sequence) -> str:
        """Translates mRNA sequence to a chain of amino acids, joined by '-'; an unknown one is 'X'."""
        codons = (mrna_sequence[start : start + 3] for start in range(0, len(mrna_sequence), 3))
        return "-".join(_AMINO_ACIDS.get(codon, "X") for codon in codons)

    @server.tool()
    def find_max_nucleotide(
        nucleotide_counts: Annotated[dict[str, int], Field(description="Counts by nucleotide", min_length=1)],
    ) -> Most:
        """Return the nucleotide (str) with the maximum count (int)."""
        found = max(nucleotide_counts, key=nucleotide_counts.__getitem__)
        return {"nucleotide": found, "count": nucleotide_counts[found]}

    @server.tool()
    def is_valid_dna_sequence(dna_sequence: Sequence) -> bool:
        """Checks if the DNA sequence is valid."""
        return set(dna_sequence) <= set("ACGT")

    @server.tool()
    def reverse_transcribe_mrna_to_dna(mrna_sequence: Sequence) -> str:
        """Reverse transcribes mRNA sequence to DNA."""
        return mrna_sequence.translate(_TO_DNA)


def _trade(server: MCPServer) -> None:
    @server.tool()
    def convert_currency(base_price: float, conversion_rate: float) -> float:
        """Converts the commodity price to local currency."""
        return base_price * conversion_rate

    @server.tool()
    def calculate_tariff(
        price: float, tariff_rate: Annotated[float, Field(description="In per cent")]
    ) -> float:
        """Calculates the trade tariff based on the converted price."""
        return price * tariff_rate / 100

    @server.tool()
    def estimate_final_value(price: float, tariff: float) -> float:
        """Estimates the final trade value including the tariff."""
        return price + tariff

    @server.tool()
    def find_minimum(values: Values) -> float:
        """Finds the minimum value among the given arguments."""
        return min(values)

    @server.tool()
    def find_maximum(values: Values) -> float:
        """Finds the maximum value among the given arguments."""
        return max(values)


def _travel(server: MCPServer) -> None:
    def check(place: str) -> None:
        if place not in {*_PLACES, "F"}:
            raise ToolError(f"Location [{place}] is not supported. Supported locations: A, B, C, D, E, F")

    @server.tool()
    def find_flights(
        from_location: Place, to_location: Place, date: Annotated[str, Field(description="YYYY-MM-DD")]
    ) -> list[Flight]:
        """Finds flights based on source, destination and date."""
        check(from_location)
        check(to_location)
        return [
            {"from_location": start, "to_location": end, "date": day, "price": price}
            for start, end, day, price in FLIGHTS
            if (start, end, day) == (from_location, to_location, date)
        ]

    @server.tool()
    def book_hotel(
        location: Place,
        preferences: Annotated[list[str], Field(description="What it must have: wifi, pool, gym")] = [],  # noqa: B006 - shown in the schema, never changed
    ) -> list[Hotel]:
        """Finds the hotels of a location that have all preferences."""
        check(location)
        return [
            {"location": place, "preferences": list(has), "price_per_night": price, "rating": rating}
            for place, has, price, rating in HOTELS
            if place == location and set(preferences) <= set(has)
        ]

    @server.tool()
    def budget_calculator(flight_price: float, hotel_price_per_night: float, num_nights: int) -> float:
        """Calculates the total budget for a trip."""
        return flight_price + hotel_price_per_night * num_nights


if __name__ == "__main__":
    serve().run("stdio")
