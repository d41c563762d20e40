"""A database, with tools to look at its tables and to read from them in SQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers.json_text import json_text
from underpass.bench.servers.store import given_path


def serve(path: Path) -> MCPServer:
    """The server."""
    server = MCPServer("warehouse")

    def rows(query: str, *parameters: str) -> list[dict[str, Any]]:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, parameters)]
        except sqlite3.Error as error:
            raise ToolError(f"Database error: {error}") from error
        finally:
            connection.close()

    @server.tool(structured_output=False)
    def list_tables() -> str:
        """List the tables of the warehouse's SQLite database. Returns a JSON array of names."""
        return json_text([row["name"] for row in rows("SELECT name FROM sqlite_master WHERE type = 'table'")])

    @server.tool(structured_output=False)
    def describe_table(table: Annotated[str, Field(description="Name of the table")]) -> str:
        """Describe a table. Returns a JSON array of its columns: `name` and `type`."""
        columns = rows("SELECT name, type FROM pragma_table_info(?)", table)
        if not columns:
            raise ToolError(f"No such table: {table}")
        return json_text(columns)

    @server.tool(structured_output=False)
    def read_query(query: Annotated[str, Field(description="A SELECT statement of SQLite")]) -> str:
        """Execute a SELECT query. Returns a JSON array with an object for each row."""
        if not query.lstrip().upper().startswith(("SELECT", "WITH")):
            raise ToolError("Only SELECT queries are allowed for read_query")
        return json_text(rows(query))

    return server


if __name__ == "__main__":
    serve(given_path()).run("stdio")
