"""The files that name servers: ``mcpServers`` as most programs write it, ``servers`` as VS Code does."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

from underpass.catalog.spec import ServerSpec, json_type, read_entry
from underpass.catalog.upstream import Upstream
from underpass.errors import ConfigError

if TYPE_CHECKING:
    from mcp.server import MCPServer, Server

    ServerSource: TypeAlias = ServerSpec | Upstream | MCPServer | Server[Any]
    """A server as a catalog takes it: configured, or an object of this process."""

CONFIG_NAME = ".mcp.json"
_SECTIONS = ("mcpServers", "servers")


def find_config(start: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the configuration in use: ``$UNDERPASS_CONFIG``, or the nearest ``.mcp.json``.

    The nearest is the one in ``start`` or in the closest of its parents. The file that the variable
    names is returned without looking whether it exists, so that a wrong name is not passed over.
    """
    if named := environ.get("UNDERPASS_CONFIG"):
        return Path(named).expanduser()
    folder = start.absolute()
    candidates = (directory / CONFIG_NAME for directory in (folder, *folder.parents))
    return next((path for path in candidates if path.is_file()), None)


def load_servers(
    source: Path | str | Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> dict[str, ServerSource]:
    """Read servers from a file, or from a mapping in the same shape.

    A mapping may leave out the ``mcpServers`` key. Its values may also be ``ServerSpec``, ``Upstream``,
    ``mcp.server.MCPServer`` or ``mcp.server.Server`` objects.

    Parameters:
        environ: what ``${VAR}`` in the entries refers to.

    Raises:
        ConfigError: the file is missing or no JSON (``path``, ``line``, ``column``), or a value has the
            wrong shape (``json_path``).
    """
    if isinstance(source, (str, Path)):
        path = Path(source)
        return _read(read_json(path), environ, path.absolute())
    return _read(source, environ, None)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that must hold one JSON object. Raises ``ConfigError``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no file {path}", hint="`underpass init` writes one", path=str(path)
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", path=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error.reason}", path=str(path)) from error
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}",
            hint="the file must be plain JSON: no comments, no commas before a closing bracket",
            path=str(path),
            line=error.lineno,
            column=error.colno,
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply", path=str(path)) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold an object, but holds {json_type(content)}", path=str(path))
    return cast("dict[str, Any]", content)


def servers_section(content: Mapping[str, Any]) -> str | None:
    """The key under which ``content`` names servers, or None if it names none."""
    return next((key for key in _SECTIONS if key in content), None)


def is_in_process(value: object) -> TypeGuard[MCPServer | Server[Any]]:
    """Whether ``value`` is a server object of the official SDK."""
    # Whoever holds such an object has imported the SDK; nobody else should wait for it.
    sdk = sys.modules.get("mcp.server")
    return sdk is not None and isinstance(value, (sdk.MCPServer, sdk.Server))


def _read(
    content: Mapping[str, Any], environ: Mapping[str, str], path: Path | None
) -> dict[str, ServerSource]:
    key = servers_section(content)
    where, data = (f"{path}: ", {"path": str(path)}) if path else ("", {})
    if key is None and path is not None:
        raise ConfigError(
            f'{path} names no servers: it has no "mcpServers"',
            hint='an empty list of servers is {"mcpServers": {}}',
            **data,
        )
    entries = content if key is None else content[key]
    if not isinstance(entries, Mapping):
        raise ConfigError(
            f"{where}{key} must be an object, but is {json_type(entries)}", json_path=key, **data
        )
    prefix = f"{key}." if key else ""
    return {
        name: _source(name, entry, environ, f"{prefix}{name}", path)
        for name, entry in cast("Mapping[str, object]", entries).items()
    }


def _source(name: str, entry: object, environ: Mapping[str, str], at: str, path: Path | None) -> ServerSource:
    if not isinstance(entry, Mapping) and path is None:
        if isinstance(entry, ServerSpec) or is_in_process(entry):
            return entry
        if callable(getattr(entry, "list_tools", None)) and callable(getattr(entry, "call_tool", None)):
            return cast("Upstream", entry)
    return read_entry(name, cast("object", entry), environ, at=at, source=path)
