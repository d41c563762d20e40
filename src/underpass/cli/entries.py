"""How an entry of a configuration file is shown to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from underpass.catalog.references import shown_line
from underpass.catalog.spec import read_entry, starts_underpass


def shown_command(entry: Mapping[str, Any]) -> str:
    """Return exactly what an entry starts or reaches.

    Names of variables and headers are shown, their values are not: they are often secrets. Arguments and
    parts of addresses that look like secrets are not shown either.
    """
    spec = read_entry("", dict(entry), {}, at="entry", source=None)
    line = shown_line(spec)
    if spec.command is not None:
        names = [f"{name}=…" for name in spec.env] + ([f"(envFile {spec.env_file})"] if spec.env_file else [])
        return " ".join([*names, line])
    headers = ", ".join(f"{name}: …" for name in spec.headers)
    return f"{line} ({headers})" if headers else line


def is_underpass(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is this program's own server: it must not connect to itself."""
    args: object = entry.get("args")
    words = [str(item) for item in cast("list[object]", args)] if isinstance(args, list) else []
    return starts_underpass(str(entry.get("command") or ""), words)
