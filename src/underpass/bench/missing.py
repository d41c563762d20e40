"""What an agent asks when a search has not found a tool: a second time, in the words of its name."""

from __future__ import annotations

import re
from typing import Final

_BREAK: Final = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])")


def words(tool: str) -> str:
    """Return a tool's name in plain words."""
    return " ".join(filter(None, _BREAK.split(tool))).lower()
