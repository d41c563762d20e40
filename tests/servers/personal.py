"""A server of the official SDK with personal data: ``python personal.py FILE`` writes what is sent."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ImageContent, TextContent
from pydantic import Field

EMAIL, PHONE, NAME, OWNER = "Ada.Berg@example.org", "+49 170 1234567", "Ada Berg", "Grace Q. Hopper"
CARD, IBAN, NUMBER = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", 491701234567
VALUES = (EMAIL, PHONE, NAME, OWNER, CARD, IBAN, str(NUMBER))


def main(path: str) -> None:
    server = MCPServer("personal")

    @server.tool()
    def get_contact() -> dict[str, Any]:
        """Read a contact."""
        return {
            "id": 7,
            "email": EMAIL,
            "phone": NUMBER,
            "owner": {"name": OWNER, "since": 2019},
            "note": f"{NAME} pays {CARD} or {IBAN}; call {PHONE}, write to <{EMAIL}>.",
            "orders": {EMAIL.lower(): 3},
        }

    @server.tool()
    def notes() -> str:
        """Read notes as text."""
        return f"Called {NAME} on {PHONE}."

    @server.tool()
    def fail(to: str) -> CallToolResult:
        """Fail, and say why."""
        text = TextContent(type="text", text=f"no mailbox {to} for {NAME}: ask {EMAIL}")
        return CallToolResult(content=[text], is_error=True)

    @server.tool()
    async def slowly(context: Context[Any, Any]) -> str:
        """Say how far it is."""
        await context.report_progress(1, 2, f"reading {EMAIL}")
        return "done"

    @server.tool()
    def picture() -> ImageContent:
        """Draw."""
        return ImageContent(
            type="image",
            data=base64.b64encode(f"no picture of {EMAIL}".encode()).decode(),
            mime_type="image/png",
        )

    @server.tool()
    def die() -> str:
        """End the server."""
        print(f"cannot go on with {EMAIL}", file=sys.stderr, flush=True)
        sys.exit(1)

    @server.tool()
    def send(
        to: Annotated[str, Field(pattern=r"^\S+@\S+\.\w+$")], text: str, number: int | str = 0
    ) -> dict[str, Any]:
        """Send a message."""
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([to, text, number]) + "\n")
        return {"sent_to": to, "number": number, "preview": f"To {to}: {text}"}

    @server.tool()
    def publish(text: str) -> str:
        """Make a text public."""
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(["published", text]) + "\n")
        return text

    @server.resource("contact://7")
    def contact() -> str:
        return f"{NAME} <{EMAIL}>"

    server.run("stdio")


if __name__ == "__main__":
    main(sys.argv[1])
