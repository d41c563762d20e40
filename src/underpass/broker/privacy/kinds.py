"""The kinds of personal data, and the tokens that stand for them.

A token is the kind and eight characters: ``EMAIL_k3f9q2xz``. It has letters, digits and an underscore only,
so that it goes through JSON, CSV, addresses of pages and a model's retelling; its characters have no ``i``,
``l``, ``o`` and ``u``, which are misread. It is known again in any case of letters, and inside of any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["email", "phone", "card", "iban", "name", "value"]

SEARCHED: Final[tuple[Kind, ...]] = ("email", "phone", "card", "iban", "name")
"""What can be found in a text."""
KINDS: Final[tuple[Kind, ...]] = (*SEARCHED, "value")
"""All, with what stands in a field that is named in the settings and is none of the others."""

_ALPHABET: Final = "abcdefghjkmnpqrstvwxyz0123456789"
_LETTERS: Final = 22
"""A token begins with a letter, so that none is a number."""
_SIZE: Final = 8
_PATTERN: Final = f"(?:{'|'.join(KINDS)})_[{_ALPHABET[:_LETTERS]}][{_ALPHABET}]{{{_SIZE - 1}}}"
TOKEN: Final = re.compile(_PATTERN, re.IGNORECASE | re.ASCII)
TOKEN_BYTES: Final = re.compile(_PATTERN.encode(), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A personal value: tokens are the same for those that are equal."""

    kind: Kind
    normal: str
    """What is the same for all spellings."""

    def __hash__(self) -> int:
        """Hash the text alone: there are few kinds."""
        return hash(self.normal)


@dataclass(frozen=True, slots=True)
class Value:
    """A personal value as it was written."""

    found: Found
    raw: Any
    """A text, a number or a truth value."""


def token_of(kind: Kind, digest: bytes) -> str:
    """Return the token that a digest of 6 bytes or more gives."""
    number = int.from_bytes(digest[:6], "big")
    number, first = divmod(number, _LETTERS)
    letters = [_ALPHABET[first]]
    for _ in range(_SIZE - 1):
        number, next_ = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[next_])
    return f"{kind.upper()}_{''.join(letters)}"


def canonical(token: str) -> str:
    """Return a token as it was made, whatever the case of its letters is now."""
    kind, _, letters = token.partition("_")
    return f"{kind.upper()}_{letters.lower()}"
