"""What is known of the uses of one skill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """The uses of one skill, or of one version of it."""

    uses: int = 0
    succeeded: int = 0
    milliseconds: float = 0.0
    """Of all uses together."""
    last: float | None = None
    """When it was used last, in seconds since 1970."""
    agents: int = 0
    """How many agents have used it."""

    @property
    def success(self) -> float | None:
        """The share of uses that went well, 0 to 1; None where there are none."""
        return self.succeeded / self.uses if self.uses else None

    @property
    def average_ms(self) -> float | None:
        """Milliseconds that a use took on average; None where there are none."""
        return self.milliseconds / self.uses if self.uses else None

    @property
    def last_used(self) -> str | None:
        """When it was used last, ISO 8601 in UTC."""
        if self.last is None:
            return None
        return datetime.fromtimestamp(self.last, UTC).isoformat(timespec="seconds")

    def to_dict(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {
            "uses": self.uses,
            "success": None if self.success is None else round(self.success, 4),
            "average_ms": None if self.average_ms is None else round(self.average_ms, 3),
            "last_used": self.last_used,
            "agents": self.agents,
        }
