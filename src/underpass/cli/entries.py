"""How an entry of a configuration file is shown to a person."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, cast

from underpass.catalog.spec import starts_underpass


def shown_command(entry: Mapping[str, Any]) -> str:
    """Return exactly what an entry starts or reaches.

    Names of variables and headers are shown, their values are not: they are often secrets.
    """
    names = [f"{name}=…" for name in _items(entry, "env")]
    command = entry.get("command")
    if isinstance(command, str):
        return " ".join([*names, shlex.join([command, *_items(entry, "args")])])
    headers = [f"{name}: …" for name in _items(entry, "headers")]
    url = str(entry.get("httpUrl") or entry.get("url") or "")
    return f"{url} ({', '.join(headers)})" if headers else url


def is_underpass(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is this program's own server: it must not connect to itself."""
    return starts_underpass(str(entry.get("command") or ""), _items(entry, "args"))


def _items(entry: Mapping[str, Any], key: str) -> list[str]:
    """The items of a list or the keys of an object; other files may hold something else there."""
    value: object = entry.get(key)
    return [str(item) for item in cast("list[object]", value)] if isinstance(value, (list, dict)) else []
