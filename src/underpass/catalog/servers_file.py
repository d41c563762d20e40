"""The files that name servers, in the shapes of all the programs that have such files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

from underpass.catalog.dialects import Section, servers_section
from underpass.catalog.document import json_type, read_document
from underpass.catalog.inputs import read_inputs
from underpass.catalog.spec import ServerSpec, read_entry
from underpass.catalog.upstream import Upstream
from underpass.errors import ConfigError

if TYPE_CHECKING:
    from mcp.server import MCPServer, Server

    ServerSource: TypeAlias = ServerSpec | Upstream | MCPServer | Server[Any]
    """A server as a catalog takes it: configured, or an object of this process."""


def load_servers(
    source: Path | str | Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, ServerSource]:
    """Read servers from a file, or from a mapping in the same shape.

    The file may be the one of Claude Code or Desktop, Cursor, Gemini, VS Code, Goose or Codex: JSON (also
    with comments), YAML or TOML, told apart by its content. A mapping may leave out the ``mcpServers``
    key. Its values may also be ``ServerSpec``, ``Upstream``, ``mcp.server.MCPServer`` or
    ``mcp.server.Server`` objects.

    Parameters:
        environ: what ``${VAR}`` in the entries refers to.

    Raises:
        ConfigError: the file is missing or malformed (``path``, ``line``, ``column``), or a value has the
            wrong shape (``json_path``).
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        content = read_document(path)
        section = servers_section(content, Path.cwd())
        if section is None:
            raise ConfigError(
                f'{path.absolute()} names no servers: it has no "mcpServers"',
                hint='an empty list of servers is {"mcpServers": {}}',
                path=str(path.absolute()),
            )
        return _read(section, environ, path.absolute())
    section = servers_section(source)
    if section is None or section.key == "extensions":  # Goose has files only: here a server is named so
        section = Section("", source)
    return _read(section, environ, None)


def is_in_process(value: object) -> TypeGuard[MCPServer | Server[Any]]:
    """Whether ``value`` is a server object of the official SDK."""
    # Whoever holds such an object has imported the SDK; nobody else should wait for it.
    sdk = sys.modules.get("mcp.server")
    return sdk is not None and isinstance(value, (sdk.MCPServer, sdk.Server))


def _read(section: Section, environ: Mapping[str, str], path: Path | None) -> dict[str, ServerSource]:
    key, entries, inputs = section.key, section.entries, read_inputs(section.inputs)
    if not isinstance(entries, Mapping):
        where, data = (f"{path}: ", {"path": str(path)}) if path else ("", {})
        raise ConfigError(
            f"{where}{key} must be an object, but is {json_type(entries)}", json_path=key, **data
        )
    prefix = f"{key}." if key else ""
    return {
        name: entry
        if path is None and _is_source(entry)
        else read_entry(name, entry, environ, at=f"{prefix}{name}", source=path, inputs=inputs)
        for name, entry in cast("Mapping[str, object]", entries).items()
    }


def _is_source(entry: object) -> TypeGuard[ServerSource]:
    """Whether a mapping's value is a server already, and no entry to be read."""
    if isinstance(entry, Mapping):
        return False
    if isinstance(entry, ServerSpec) or is_in_process(entry):
        return True
    return callable(getattr(entry, "list_tools", None)) and callable(getattr(entry, "call_tool", None))
