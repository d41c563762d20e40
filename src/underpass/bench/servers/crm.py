"""A customer relationship system: accounts, their contacts, and notes on them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers.json_text import json_text
from underpass.bench.servers.store import given

AccountId = Annotated[str, Field(description="Account id, e.g. 'ACC-007'")]


def serve(made: list[dict[str, Any]]) -> MCPServer:
    """The server."""
    server = MCPServer("crm")
    accounts = {account["id"]: account for account in made}

    def found(account_id: str) -> dict[str, Any]:
        if account_id not in accounts:
            raise ToolError(f"NOT_FOUND: no account {account_id}")
        return accounts[account_id]

    @server.tool(structured_output=False)
    def search_accounts(
        query: Annotated[str, Field(description="Part of the account's name, in any case")],
    ) -> str:
        """Search accounts by name. Returns a JSON array of `id`, `name`, `stage` and `owner`."""
        return json_text(
            [
                {key: account[key] for key in ("id", "name", "stage", "owner")}
                for account in accounts.values()
                if query.casefold() in account["name"].casefold()
            ]
        )

    @server.tool(structured_output=False)
    def get_account(account_id: AccountId) -> dict[str, Any]:
        """Get an account with its contacts.

        Returns `id`, `name`, `domain`, `city`, `owner`, `stage`, `annual_value_eur`, `renewal` (ISO day) and
        `contacts` (name, email, role).
        """
        return found(account_id)

    @server.tool(structured_output=False)
    def list_accounts(
        stage: Annotated[
            str | None, Field(description="prospect, negotiation, customer or churn risk")
        ] = None,
        owner: Annotated[str | None, Field(description="Full name of the account's owner")] = None,
    ) -> str:
        """List accounts. Returns a JSON array of all fields but the contacts."""
        return json_text(
            [
                {key: value for key, value in account.items() if key != "contacts"}
                for account in accounts.values()
                if stage in {None, account["stage"]} and owner in {None, account["owner"]}
            ]
        )

    @server.tool(structured_output=False)
    def add_note(
        account_id: AccountId,
        subject: Annotated[str, Field(description="One line")],
        body: Annotated[str, Field(description="The note itself; no limit of length")],
    ) -> dict[str, Any]:
        """Attach a note to an account, or replace the one of the same subject. Returns `note_id` and `characters`."""
        name = hashlib.sha256(f"{found(account_id)['id']}/{subject}".encode()).hexdigest()[:8]
        return {"note_id": f"NOTE-{name}", "characters": len(body)}

    @server.tool(structured_output=False)
    def update_account(
        account_id: AccountId,
        fields: Annotated[dict[str, Any], Field(description="New values by field name")],
    ) -> dict[str, Any]:
        """Change fields of an account. Returns the account as it is then."""
        return {**found(account_id), **fields}

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
