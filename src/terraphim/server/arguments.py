"""The arguments of a call, checked as terraphim's own server checks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from terraphim.errors import ArgumentInvalid
from terraphim.server.definitions import Definition


class Arguments:
    """Gives each argument its type, and its default where it is absent or null.

    A required argument that is absent or of another type is an error of the protocol, which says
    that it is missing.
    """

    def __init__(self, definition: Definition, given: Mapping[str, Any]) -> None:
        self._definition = definition
        self._given = given

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self._given.get(name)
        if not isinstance(value, str):
            raise MCPError(code=INVALID_PARAMS, message=f"Missing '{name}' parameter")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None."""
        value = self._given.get(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(name, "a string")
        return value or None

    def count(self, name: str) -> int:
        """A whole number of 0 or more. Raises ``ArgumentInvalid`` for one below."""
        value = self._value(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JavaScript knows no other numbers
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(name, "an integer")
        if value < 0:
            raise ArgumentInvalid(f"'{name}' must be 0 or more, not {value}")
        return value

    def optional_count(self, name: str) -> int | None:
        """A whole number of 0 or more, or None."""
        return None if self._value(name) is None else self.count(name)

    def number(self, name: str) -> float:
        """A number."""
        value = self._value(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _wrong(name, "a number")
        return float(value)

    def truth(self, name: str) -> bool:
        """True or false."""
        value = self._value(name)
        if not isinstance(value, bool):
            raise _wrong(name, "a boolean")
        return value

    def _value(self, name: str) -> Any:
        value = self._given.get(name)
        return self._definition.parameters[name].get("default") if value is None else value


def _wrong(name: str, kind: str) -> MCPError:
    return MCPError(code=INVALID_PARAMS, message=f"Invalid '{name}' parameter: it must be {kind}")
