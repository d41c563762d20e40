"""How an entry of a configuration file is shown to a person."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any


def shown_command(entry: Mapping[str, Any]) -> str:
    """Return exactly what an entry starts or reaches.

    Names of variables and headers are shown, their values are not: they are often secrets.
    """
    names = [f"{name}=…" for name in entry.get("env") or {}]
    command = entry.get("command")
    if isinstance(command, str):
        return " ".join([*names, shlex.join([command, *map(str, entry.get("args") or [])])])
    headers = [f"{name}: …" for name in entry.get("headers") or {}]
    url = str(entry.get("httpUrl") or entry.get("url") or "")
    return f"{url} ({', '.join(headers)})" if headers else url


def is_underpass(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is this program's own server: it must not connect to itself."""
    words = [str(entry.get("command") or ""), *map(str, entry.get("args") or [])]
    return "serve" in words and any(word.rpartition("/")[2] == "underpass" for word in words)
