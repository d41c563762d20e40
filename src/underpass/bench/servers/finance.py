"""Travel expenses: teams, their members, budgets by level, and expenses by quarter."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from typing_extensions import TypedDict

from underpass.bench.servers.json_text import json_text
from underpass.bench.servers.store import given

Quarter = Annotated[str, Field(description="Quarter, e.g. '2025-Q3'")]
EmployeeId = Annotated[str, Field(description="Employee id, e.g. 'E104'")]


class Member(TypedDict):
    """A member of a team."""

    id: str
    name: str
    team: str
    level: str


class Budget(TypedDict):
    """What a level may spend on travels in a quarter."""

    level: str
    travel_budget_eur: int


def serve(data: dict[str, Any]) -> MCPServer:
    """The server."""
    server = MCPServer("finance")

    @server.tool()
    def list_teams() -> list[str]:
        """List the names of all teams."""
        return sorted({member["team"] for member in data["members"]})

    @server.tool()
    def get_team_members(team: Annotated[str, Field(description="Team, e.g. 'engineering'")]) -> list[Member]:
        """Get the members of a team with their ids and levels."""
        members = [member for member in data["members"] if member["team"] == team]
        if not members:
            raise ToolError(f"Unknown team: {team}")
        return members

    @server.tool()
    def get_budget_by_level(level: Annotated[str, Field(description="Level, e.g. 'senior'")]) -> Budget:
        """Get the travel budget of a level: EUR in a quarter."""
        if level not in data["budgets"]:
            raise ToolError(f"Unknown level: {level}")
        return {"level": level, "travel_budget_eur": data["budgets"][level]}

    @server.tool(structured_output=False)
    def get_expenses(employee_id: EmployeeId, quarter: Quarter) -> str:
        """Get an employee's travel expenses in a quarter.

        Returns a JSON array of `id`, `employee_id`, `quarter`, `date`, `category`, `description`, `amount`,
        `currency`, `status` (approved, pending or rejected) and `receipt_url`.
        """
        return json_text(
            [
                expense
                for expense in data["expenses"]
                if expense["employee_id"] == employee_id and expense["quarter"] == quarter
            ]
        )

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
