"""The servers that the checked programs use, as a catalog that is listed and never called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.errors import ServerUnavailable

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
WHOLE = {"type": "integer"}


def record(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    """The schema of an object."""
    return {"type": "object", "properties": properties, "required": list(required)}


_DOCUMENT = record(
    ("id", "title", "score"),
    id=TEXT,
    title=TEXT,
    score=NUMBER,
    url={"type": ["string", "null"]},
    tags={"type": "array", "items": TEXT},
)

SERVERS: dict[str, list[ToolDefinition]] = {
    "docs": [
        ToolDefinition(
            "docs",
            "search",
            "Find documents",
            input_schema=record(
                ("query",),
                query=TEXT,
                limit={"type": "integer", "default": 10},
                order={"enum": ["score", "date"]},
                tags={"type": "array", "items": TEXT},
                options=record((), fuzzy={"type": "boolean"}),
            ),
            output_schema=record(("result",), result={"type": "array", "items": _DOCUMENT}),
        ),
        ToolDefinition(
            "docs", "get_document", input_schema=record(("id",), id=TEXT), output_schema=_DOCUMENT
        ),
        ToolDefinition(
            "docs",
            "statistics",
            input_schema=record(()),
            output_schema=record(
                ("total", "by_tag"), total=WHOLE, by_tag={"type": "object", "additionalProperties": WHOLE}
            ),
        ),
    ],
    "git": [
        ToolDefinition(
            "git", "git_log", input_schema=record(("repo_path",), repo_path=TEXT, max_count=WHOLE)
        ),
        ToolDefinition("git", "git_status", input_schema=record(("repo_path",), repo_path=TEXT)),
    ],
    "file-store": [
        ToolDefinition(
            "file-store",
            "write",
            input_schema=record(("path", "content"), path=TEXT, content=TEXT, mode={"enum": ["w", "a"]}),
        ),
        ToolDefinition("file-store", "read", input_schema=record(("path",), path=TEXT)),
    ],
}


class Listed:
    """A catalog of servers that nobody has to start; ``asked`` notes which were listed."""

    def __init__(self, servers: Mapping[str, list[ToolDefinition]] = SERVERS, *, down: str = "") -> None:
        self._listings = {name: Listing(tuple(tools)) for name, tools in servers.items()}
        self._down = down
        self.asked: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._listings, *filter(None, [self._down]))

    async def listing(self, server: str) -> Listing:
        self.asked.append(server)
        if server == self._down:
            raise ServerUnavailable(f"{server} is down")
        return self._listings[server]

    async def listings(self) -> Mapping[str, Listing | ServerUnavailable]:
        return dict(self._listings)

    def relist(self, server: str, tools: list[ToolDefinition]) -> None:
        """Let a server have other tools from now on."""
        self._listings[server] = Listing(tuple(tools))
