"""Pages of a list, as web services have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

Page = Annotated[int, Field(description="Page number, starting at 1", ge=1)]
PerPage = Annotated[int, Field(description="Rows per page, at most 100", ge=1, le=100)]


def paged(name: str, rows: Sequence[Any], page: int, per_page: int) -> dict[str, Any]:
    """One page of ``rows`` under ``name``, with where it stands."""
    pages = max(1, -(-len(rows) // per_page))
    if page > pages:
        raise ToolError(f"There is no page {page}: the last one is {pages}")
    shown = list(rows[(page - 1) * per_page : page * per_page])
    return {name: shown, "page": page, "pages": pages, "total": len(rows)}
