"""Calendars: one for each person, named by the address."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from typing_extensions import TypedDict

from underpass.bench.servers.store import given

CalendarId = Annotated[str, Field(description="The e-mail address of the calendar's owner")]
Day = Annotated[str, Field(description="Day in ISO 8601, e.g. '2026-03-02'")]
Moment = Annotated[str, Field(description="Local time in ISO 8601, e.g. '2026-03-02T09:00'")]


class Event(TypedDict):
    """Something that takes place."""

    id: str
    calendar: str
    title: str
    start: str
    end: str
    location: str
    outdoors: bool
    attendees: int


class Created(TypedDict):
    """What became of a new event."""

    id: str
    status: Literal["confirmed"]
    start: str
    invited: list[str]


def serve(made: list[Any]) -> MCPServer:
    """The server."""
    server = MCPServer("calendar")
    events: list[Event] = made

    @server.tool()
    def list_calendars() -> list[str]:
        """List the calendars that you can read, by their owners' addresses."""
        return list(dict.fromkeys(event["calendar"] for event in events))

    @server.tool()
    def list_events(calendar: CalendarId, from_day: Day, to_day: Day) -> list[Event]:
        """List the events of a calendar between two days, both included, in order of time."""
        return [
            event
            for event in events
            if event["calendar"] == calendar and from_day <= event["start"][:10] <= to_day
        ]

    @server.tool()
    def get_event(event_id: Annotated[str, Field(description="Event id, e.g. 'ev-0042'")]) -> Event:
        """Get one event."""
        for event in events:
            if event["id"] == event_id:
                return event
        raise ToolError(f"Event not found: {event_id}")

    @server.tool()
    def create_event(
        calendar: CalendarId,
        title: Annotated[str, Field(description="Title of the event")],
        start: Moment,
        end: Moment,
        attendees: Annotated[list[str], Field(description="E-mail addresses of the people to invite")],
        location: Annotated[str | None, Field(description="Room or city")] = None,
    ) -> Created:
        """Create an event and send invitations."""
        if start >= end:
            raise ToolError("The event must end after it starts")
        name = hashlib.sha256(f"{calendar}/{title}/{start}/{location}".encode()).hexdigest()[:8]
        return {"id": f"ev-{name}", "status": "confirmed", "start": start, "invited": attendees}

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
