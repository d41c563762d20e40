"""Goes through a JSON value and puts other texts and values in the place of some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from underpass.broker.privacy.fields import Fields

_DEEPEST: Final = 255
"""What is nested deeper is left as it is: it cannot be written as JSON, and so goes nowhere."""

Rewrite = Callable[[Any], Any]


class Rewriter:
    """Makes a new value of an old one, which stays as it is.

    Parameters:
        text: is given each text.
        key: is given each key of an object.
        number: is given each number; None where they stay.
        field: is given each text, number and truth value in one of the ``fields``; null and the empty text
            hold nothing.
        fields: which these are.
    """

    def __init__(
        self,
        text: Rewrite | None,
        *,
        key: Callable[[str], str] | None = None,
        number: Rewrite | None = None,
        field: Rewrite | None = None,
        fields: Fields | None = None,
    ) -> None:
        self._text = text
        self._key = key
        self._number = number
        self._field = field
        self._fields = fields

    def of(self, value: Any) -> Any:
        """Return the new value."""
        return self._of(value, "", 0, inside=False)

    def _of(self, value: Any, path: str, depth: int, *, inside: bool) -> Any:
        if isinstance(value, dict):
            item = cast("dict[Any, Any]", value)
            return item if depth >= _DEEPEST else self._object(item, path, depth, inside=inside)
        if isinstance(value, list | tuple):
            if depth >= _DEEPEST:
                return cast("object", value)
            items = cast("list[object]", value)
            return [self._of(item, path, depth + 1, inside=inside) for item in items]
        if inside:
            return value if value is None or value == "" or self._field is None else self._field(value)
        if isinstance(value, str):
            return value if self._text is None else self._text(value)
        if self._number is not None and isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value)
        return value

    def _object(self, value: dict[Any, Any], path: str, depth: int, *, inside: bool) -> dict[Any, Any]:
        rename, fields = self._key, self._fields
        made: dict[Any, Any] = {}
        for key, item in value.items():
            below, listed = path, inside
            if fields is not None and not inside and isinstance(key, str):
                below = fields.below(path, key)
                listed = fields.named(below, key)
            new = rename(key) if rename is not None and isinstance(key, str) else key
            made[new] = self._of(item, below, depth + 1, inside=listed)
        return made
