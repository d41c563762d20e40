"""Adding a server to a configuration file without disturbing the rest of it."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from underpass.catalog.servers_file import read_json, servers_section
from underpass.catalog.spec import json_type, read_entry
from underpass.errors import ConfigError


def add_server(path: Path, name: str, entry: Mapping[str, Any], *, replace: bool = False) -> None:
    """Write one server's entry into a configuration file, which is made when there is none.

    Everything else in the file keeps its value and its place. The new file takes the place of the old
    one in one step, so nobody ever reads half of it.

    Parameters:
        replace: overwrite an entry of the same name instead of refusing.

    Raises:
        ConfigError: the file is malformed, the entry is, or the name is taken.
    """
    read_entry(name, dict(entry), {}, at=name, source=None)
    content = read_json(path) if path.exists() else {}
    key = servers_section(content) or "mcpServers"
    servers = content.setdefault(key, {})
    if not isinstance(servers, dict):
        raise ConfigError(f"{path}: {key} must be an object, but is {json_type(servers)}", path=str(path))
    named = cast("dict[str, Any]", servers)
    if name in named and not replace:
        raise ConfigError(
            f"{path} already names a server {name!r}",
            hint="choose another name, or replace it on purpose",
            path=str(path),
            server=name,
        )
    named[name] = dict(entry)
    write_atomically(path, json.dumps(content, indent=_indentation(path), ensure_ascii=False) + "\n")


def _indentation(path: Path) -> int | str:
    if path.exists() and (found := re.search(r"\n([ \t]+)\S", path.read_text(encoding="utf-8-sig"))):
        return found[1]
    return 2


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put ``text`` into the file in one step. ``mode`` is that of a new file; an old one keeps its own."""
    # A link stays a link: what it points to is replaced.
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(target.stat().st_mode & 0o7777 if target.exists() else mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
