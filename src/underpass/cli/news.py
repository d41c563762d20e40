"""How a server's tools changed the last time, in words."""

from __future__ import annotations

from datetime import UTC, datetime

from underpass.catalog.catalog import ServerState
from underpass.catalog.server_tools import in_words


def news(state: ServerState) -> str:
    """Return ``changed`` with the time and the tools; empty when no change was ever seen."""
    if not state.news or state.news_at is None:
        return ""
    at = datetime.fromtimestamp(state.news_at, UTC)
    return f"changed {at:%Y-%m-%d %H:%M} UTC: {in_words(state.news)}"
