"""Times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from underpass.errors import ValidationFailed

SINCE: Final = "Not before: 90s, 30m, 2h or 7d ago, or a time such as 2026-11-23T09:00 (UTC)."
"""The help of an option that takes one."""
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def time_of_words(written: str) -> datetime:
    """Return the time that ``7d`` or ``2026-11-23`` means. Raises ``ValidationFailed``."""
    if match := re.fullmatch(r"(\d{1,5})([smhd])", written):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        at = datetime.fromisoformat(written)
    except ValueError as error:
        hint = "such as 30m, 2h, 7d, 2026-11-23 or 2026-11-23T09:00"
        raise ValidationFailed(f"{written!r:.60} is no time", hint=hint) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
