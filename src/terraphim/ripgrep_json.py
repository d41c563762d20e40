"""Read the messages that ``rg --json`` prints."""

from __future__ import annotations

from typing import Any


def decode(text: str) -> list[dict[str, Any]]:
    """One message per non-empty line: ``{"type": begin|match|context|end|summary, "data": {…}}``.

    Raises MessagesInvalid, which names the line.
    """
    raise NotImplementedError
