"""A mailbox; messages are read as text, the way they look."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from underpass.bench.servers.paging import Page, PerPage, paged
from underpass.bench.servers.store import given

MessageId = Annotated[str, Field(description="Message id, e.g. 'm0042'")]


def serve(made: list[dict[str, Any]]) -> MCPServer:
    """The server."""
    server = MCPServer("mail")
    messages = {message["id"]: message for message in made}

    def found(message_id: str) -> dict[str, Any]:
        if message_id not in messages:
            raise ToolError(f"Message not found: {message_id}")
        return messages[message_id]

    @server.tool(structured_output=False)
    def search_messages(
        sender: Annotated[str | None, Field(description="Part of the sender's address")] = None,
        subject: Annotated[str | None, Field(description="Part of the subject, in any case")] = None,
        unread: Annotated[bool | None, Field(description="Only unread, or only read messages")] = None,
        since: Annotated[str | None, Field(description="First day in ISO 8601")] = None,
        page: Page = 1,
        per_page: PerPage = 25,
    ) -> dict[str, Any]:
        """Search the inbox, the newest message first.

        Returns `messages` (id, from, to, subject, date, unread, answered, snippet), `page`, `pages` and `total`.
        """
        rows = [
            {key: one[key] for key in ("id", "from", "to", "subject", "date", "unread", "answered")}
            | {"snippet": one["body"][:120]}
            for one in messages.values()
            if (sender or "") in one["from"]
            and (subject or "").casefold() in one["subject"].casefold()
            and unread in {None, one["unread"]}
            and (since or "") <= one["date"]
        ]
        return paged("messages", rows, page, per_page)

    @server.tool(structured_output=False)
    def get_message(message_id: MessageId) -> str:
        """Read a message: its headers, an empty line, and its text."""
        one = found(message_id)
        return f"From: {one['from']}\nTo: {one['to']}\nDate: {one['date']}\nSubject: {one['subject']}\n\n{one['body']}"

    @server.tool(structured_output=False)
    def send_message(
        to: Annotated[list[str], Field(description="E-mail addresses")],
        subject: Annotated[str, Field(description="Subject")],
        body: Annotated[str, Field(description="Plain text")],
        in_reply_to: Annotated[
            str | None, Field(description="Id of the message that this one answers")
        ] = None,
    ) -> dict[str, Any]:
        """Send a message. Returns its `id` and `recipients`, the number of addresses."""
        if in_reply_to is not None:
            found(in_reply_to)
        name = hashlib.sha256(f"{to}/{subject}/{body}".encode()).hexdigest()[:8]
        return {"id": f"sent-{name}", "recipients": len(to)}

    @server.tool(structured_output=False)
    def mark_as_read(message_ids: Annotated[list[str], Field(description="Message ids")]) -> str:
        """Mark messages as read."""
        return f"Marked {len([found(each) for each in message_ids])} messages as read"

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
