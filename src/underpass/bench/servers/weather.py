"""A weather service that answers in words."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers.store import given

City = Annotated[str, Field(description="City name in English, e.g. 'Lisbon'")]


def serve(forecasts: dict[str, Any]) -> MCPServer:
    """The server."""
    server = MCPServer("weather")

    def days(city: str) -> list[dict[str, Any]]:
        if city not in forecasts:
            raise ToolError(f"Unknown city: {city}. Use list_cities to see what is covered.")
        return forecasts[city]

    @server.tool(structured_output=False)
    def get_forecast(
        city: City,
        number_of_days: Annotated[int, Field(description="How many days, from today", ge=1, le=5)] = 5,
    ) -> str:
        """Get the weather forecast for a city: sky, temperatures, rain and wind for each day."""
        blocks = [
            f"{day['date']}: {day['sky']}\n"
            f"Temperature: high {day['high']} °C, low {day['low']} °C\n"
            f"Precipitation: {day['rain']} mm\n"
            f"Wind: {day['wind']} km/h"
            for day in days(city)[:number_of_days]
        ]
        return f"Forecast for {city}\n\n" + "\n---\n".join(blocks)

    @server.tool(structured_output=False)
    def get_alerts(city: City) -> str:
        """Get active weather alerts for a city, one a line: storm (wind of 50 km/h or more) and frost."""
        alerts = [
            f"{day['date']}: {kind}"
            for day in days(city)
            for kind, there in (("storm", day["wind"] >= 50), ("frost", day["low"] < 0))
            if there
        ]
        return "\n".join(alerts) or f"No active alerts for {city}."

    @server.tool(structured_output=False)
    def list_cities() -> str:
        """List the cities that forecasts are available for, separated by commas."""
        return ", ".join(sorted(forecasts))

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
