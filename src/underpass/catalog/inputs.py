"""What VS Code asks its user for (``${input:id}``): here it comes from the environment or a kept secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

INPUT: Final = re.compile(r"\$\{input:([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Input:
    """One value that a configuration leaves to its user."""

    id: str
    description: str = ""
    default: str | None = None
    secret: bool = True
    """Whether it is never shown: so unless the configuration says that it is no password."""

    @property
    def variable(self) -> str:
        """The environment variable that may hold it: ``INPUT_API_KEY`` for ``api-key``."""
        return "INPUT_" + re.sub(r"[^A-Z0-9]", "_", self.id.upper())


def read_inputs(declared: object) -> dict[str, Input]:
    """Read the ``inputs`` of a configuration by their ids. One that is malformed counts as not declared."""
    items = cast("list[object]", declared) if isinstance(declared, list) else []
    found = (_read(cast("Mapping[str, Any]", item)) for item in items if isinstance(item, dict))
    return {each.id: each for each in found if each is not None}


def _read(item: Mapping[str, Any]) -> Input | None:
    name, description, default = item.get("id"), item.get("description"), item.get("default")
    if not isinstance(name, str):
        return None
    return Input(
        name,
        description if isinstance(description, str) else "",
        default if isinstance(default, str) else None,
        item.get("type") != "pickString" and item.get("password", False) is not False,
    )
