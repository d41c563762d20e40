"""Rates of exchange by day's end."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from typing_extensions import TypedDict

from underpass.bench.servers.store import given

Currency = Annotated[str, Field(description="Three-letter currency code, e.g. 'USD'")]


class Conversion(TypedDict):
    """An amount in two currencies."""

    base: str
    quote: str
    rate: float
    amount: float
    converted: float
    day: str


class Rates(TypedDict):
    """What one unit of a currency is worth."""

    base: str
    day: str
    rates: dict[str, float]


def serve(data: dict[str, Any]) -> MCPServer:
    """The server."""
    server = MCPServer("exchange")

    def rate(base: str, quote: str) -> float:
        for currency in (base, quote):
            if currency not in data["rates"]:
                raise ToolError(f"Unsupported currency: {currency}")
        return round(data["rates"][quote] / data["rates"][base], 6)

    @server.tool()
    def convert(
        amount: Annotated[float, Field(description="Amount in the base currency")],
        base: Currency,
        quote: Currency,
    ) -> Conversion:
        """Convert an amount from one currency to another at the latest rate."""
        used = rate(base, quote)
        return {
            "base": base, "quote": quote, "rate": used, "amount": amount,
            "converted": round(amount * used, 2), "day": data["day"],
        }  # fmt: skip

    @server.tool()
    def get_rates(base: Currency = "EUR") -> Rates:
        """Get the latest rates of all currencies for one unit of the base currency."""
        return {
            "base": base,
            "day": data["day"],
            "rates": {quote: rate(base, quote) for quote in data["rates"]},
        }

    @server.tool()
    def list_currencies() -> list[str]:
        """List the supported currency codes."""
        return sorted(data["rates"])

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
