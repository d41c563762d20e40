"""Logs and metrics of services."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers.data.monitoring import DAY
from underpass.bench.servers.store import given

Service = Annotated[str, Field(description="Service name, e.g. 'checkout'")]
Moment = Annotated[str | None, Field(description="UTC in ISO 8601, e.g. '2026-03-01T14:30:00Z'")]


def serve(data: dict[str, Any]) -> MCPServer:
    """The server."""
    server = MCPServer("monitoring")

    def of(kind: str, service: str) -> Any:
        if service not in data[kind]:
            raise ToolError(f"Unknown service: {service}")
        return data[kind][service]

    @server.tool()
    def list_services() -> list[str]:
        """List the services that are monitored."""
        return list(data["logs"])

    @server.tool(structured_output=False)
    def get_logs(
        service: Service,
        level: Annotated[
            Literal["INFO", "ERROR"] | None, Field(description="Only lines of this level")
        ] = None,
        since: Moment = None,
        until: Moment = None,
        limit: Annotated[int, Field(description="Maximum number of lines", ge=1, le=5_000)] = 1_000,
    ) -> str:
        """Get log lines of a service, the oldest first, as text.

        A line is a time, a level, and pairs of key=value: endpoint, status, ms, trace; for errors message
        (quoted) and trace.
        """
        lines = [
            _line(entry)
            for entry in of("logs", service)
            if level in {None, entry["level"]} and (since or "") <= entry["at"] <= (until or "9")
        ]
        return "\n".join(lines[:limit]) or "No log lines."

    @server.tool(structured_output=False)
    def get_metric(
        service: Service,
        metric: Annotated[Literal["latency_ms", "memory_mb"], Field(description="Which metric")],
    ) -> dict[str, Any]:
        """Get a metric of a service for each minute of the last day.

        Returns `service`, `metric` and `points`, pairs of a UTC time and a value.
        """
        values = of("metrics", service)[metric]
        points = [
            [f"{DAY}T{minute // 60:02}:{minute % 60:02}Z", value] for minute, value in enumerate(values)
        ]
        return {"service": service, "metric": metric, "points": points}

    return server


def _line(entry: dict[str, Any]) -> str:
    if entry["level"] == "ERROR":
        return f'{entry["at"]} ERROR message="{entry["message"]}" trace={entry["trace"]}'
    return (
        f"{entry['at']} INFO endpoint={entry['endpoint']} status={entry['status']} ms={entry['ms']} "
        f"trace={entry['trace']}"
    )


if __name__ == "__main__":
    serve(given()).run("stdio")
