"""Changing one member of a configuration file without disturbing the rest of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from underpass.catalog.dialects import servers_section
from underpass.catalog.document import json_type, parse_document, read_text
from underpass.catalog.json_text import put_member
from underpass.catalog.spec import read_entry
from underpass.errors import ConfigError


def add_server(
    path: Path,
    name: str,
    entry: Mapping[str, Any],
    *,
    replace: bool = False,
    inputs: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write one server's entry into a JSON configuration, which is made when there is none.

    Everything else in the file stays as it is, comments included. The new file takes the place of the
    old one in one step, so nobody ever reads half of it.

    Parameters:
        replace: overwrite an entry of the same name instead of refusing.
        inputs: what the entry's ``${input:id}`` refers to; those whose id the file has are left out.

    Raises:
        ConfigError: the file is malformed or no JSON, the entry is, or the name is taken.
    """
    read_entry(name, dict(entry), {}, at=name, source=None)
    text, content = _read(path)
    section = servers_section(content)
    key = section.key if section else "mcpServers"
    if key not in ("mcpServers", "servers"):
        raise ConfigError(f"{path} is another program's: nothing is added to it", path=str(path))
    servers = content.get(key, {})
    if not isinstance(servers, dict):
        raise ConfigError(f"{path}: {key} must be an object, but is {json_type(servers)}", path=str(path))
    if name in servers and not replace:
        raise ConfigError(
            f"{path} already names a server {name!r}",
            hint="choose another name, or replace it on purpose",
            path=str(path),
            server=name,
        )
    text = set_member(text, (key, name), dict(entry), path)
    declared = content.get("inputs", [])
    if isinstance(declared, list):
        items = cast("list[object]", declared)
        ids = [cast("Mapping[str, Any]", each).get("id") for each in items if isinstance(each, dict)]
        if fresh := [dict(each) for each in inputs if each.get("id") not in ids]:
            text = set_member(text, ("inputs",), [*items, *fresh], path)
    write_atomically(path, text)


def set_member(text: str, keys: tuple[str, ...], value: Any, path: Path) -> str:
    """Return the JSON ``text`` of the file ``path`` with one member set; the rest of it stays as it is.

    Raises:
        ConfigError: it is malformed, or something along ``keys`` is no object.
    """
    wanted = parse_document(text, path) if text.strip() else {}
    holder = wanted
    for key in keys[:-1]:
        inner: object = holder.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{path}: {key} must be an object, but is {json_type(inner)}", path=str(path))
        holder = cast("dict[str, Any]", inner)
    holder[keys[-1]] = value
    changed = put_member(text, keys, value)
    # The edit is textual: what it made of the file is proven before anybody reads it.
    assert parse_document(changed, path) == wanted
    return changed


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    text = read_text(path) if path.exists() else ""
    return text, parse_document(text, path) if text.strip() else {}


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put ``text`` into the file in one step. ``mode`` is that of a new file; an old one keeps its own."""
    # A link stays a link: what it points to is replaced.
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(target.stat().st_mode & 0o7777 if target.exists() else mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
