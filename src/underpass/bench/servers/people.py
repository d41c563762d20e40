"""A directory of a company's employees."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from typing_extensions import TypedDict

from underpass.bench.servers.store import given

PersonId = Annotated[str, Field(description="Person id, e.g. 'P017'")]


class Person(TypedDict):
    """An employee."""

    id: str
    name: str
    email: str
    title: str
    team: str
    manager_id: str | None
    city: str
    phone: str


def serve(made: list[dict[str, Any]]) -> MCPServer:
    """The server."""
    server = MCPServer("people")
    people: dict[str, Any] = {person["id"]: person for person in made}

    @server.tool()
    def find_people(
        name: Annotated[str | None, Field(description="Part of the name, in any case")] = None,
        email: Annotated[str | None, Field(description="Exact e-mail address")] = None,
        team: Annotated[str | None, Field(description="Exact name of a team, e.g. 'Payments'")] = None,
        title: Annotated[str | None, Field(description="Exact job title")] = None,
    ) -> list[Person]:
        """Find employees. All conditions given have to hold."""
        return [
            person
            for person in people.values()
            if (name or "").casefold() in person["name"].casefold()
            and email in {None, person["email"]}
            and team in {None, person["team"]}
            and title in {None, person["title"]}
        ]

    @server.tool()
    def get_person(person_id: PersonId) -> Person:
        """Get one employee."""
        if person_id not in people:
            raise ToolError(f"No person with id {person_id}")
        return people[person_id]

    @server.tool()
    def list_reports(person_id: PersonId) -> list[Person]:
        """List the people who report directly to somebody."""
        return [person for person in people.values() if person["manager_id"] == person_id]

    @server.tool()
    def list_teams() -> list[str]:
        """List the names of all teams."""
        return sorted({person["team"] for person in people.values()})

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
