"""Several texts in one: the standard's metadata has texts only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote

_LEFT: Final = "/:._-+@()'*!~$&[]{}|;?#"
"""What stays readable; a blank, ``=``, ``,``, ``%`` and all that is no ASCII are escaped as in addresses."""


def join(texts: Iterable[str]) -> str:
    """Return texts with blanks between them."""
    return " ".join(quote(text, safe=_LEFT) or "%" for text in texts)


def split(joined: str) -> tuple[str, ...]:
    """Return the texts again. What people write with commas is understood as well."""
    return tuple("" if part == "%" else unquote(part) for part in joined.replace(",", " ").split())


def join_pairs(pairs: Mapping[str, str]) -> str:
    """Return names and texts as ``name=text`` with blanks between them."""
    return " ".join(f"{quote(name, safe=_LEFT)}={quote(text, safe=_LEFT)}" for name, text in pairs.items())


def split_pairs(joined: str) -> dict[str, str]:
    """Return the names and texts again; what is no pair is left out."""
    parts = (part.partition("=") for part in joined.split())
    return {unquote(name): unquote(text) for name, equals, text in parts if equals and name}
