"""``underpass.lock``: the definitions that were trusted, as a file to be committed."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from underpass.catalog.definition import ToolDefinition
from underpass.catalog.digest import definition, tool_digest
from underpass.catalog.edit import write_atomically
from underpass.catalog.stamp import Stamp, stamp_of
from underpass.errors import ConfigError

LOCK_NAME: Final = "underpass.lock"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Trusted:
    """A tool as it was when it was trusted."""

    digest: str
    definition: Mapping[str, Any] | None
    """None when it could not be written as JSON."""

    @classmethod
    def of(cls, tool: ToolDefinition) -> Trusted:
        """Trust a tool as it is."""
        kept = definition(tool)
        try:
            # As it will be read again, and shared with nobody.
            return cls(tool_digest(tool), json.loads(json.dumps(kept)))
        except (TypeError, ValueError, RecursionError):
            return cls(tool_digest(tool), None)


Servers = dict[str, dict[str, Trusted]]
"""By server and tool."""


class LockFile:
    """The file at ``path``. Whoever changes it holds it against all other processes meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Stamp | None:
        """What changes with each write; None while there is no file."""
        return stamp_of(self.path)

    def read(self) -> Servers | None:
        """Return what is trusted; None when there is no file.

        Raises:
            ConfigError: it cannot be read, or is no lock file (``path``, ``line``). It stays as it is.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return _servers(content)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        except json.JSONDecodeError as error:
            raise self._unusable(f"line {error.lineno}: {error.msg}", line=error.lineno) from None
        except (ValueError, RecursionError) as error:
            raise self._unusable(str(error)) from None

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep other processes and threads from writing. Raises ``OSError``."""
        # The folder itself is locked: the file is replaced, and another one would be left lying about.
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def write(self, servers: Servers) -> None:
        """Replace the file in one step. Raises ``OSError``."""
        content = {
            "version": _VERSION,
            "servers": {
                name: {
                    tool: {"digest": kept.digest, "definition": kept.definition}
                    for tool, kept in tools.items()
                }
                for name, tools in servers.items()
            },
        }
        write_atomically(self.path, json.dumps(content, indent=1, sort_keys=True) + "\n", mode=0o644)

    def _unusable(self, what: str, **data: Any) -> ConfigError:
        return ConfigError(
            f"{self.path}: {what}",
            hint="restore it (from version control), or move it away and accept all tools anew: "
            "`underpass trust --all`",
            path=str(self.path),
            **data,
        )


def _servers(content: object) -> Servers:
    document = _object(content, "it")
    if document.get("version") != _VERSION:
        raise ValueError(f"it is of version {document.get('version')!r}; this Underpass reads {_VERSION}")
    servers: Servers = {}
    for server, tools in _object(document.get("servers"), "servers").items():
        servers[server] = kept = {}
        for tool, entry in _object(tools, server).items():
            fields = _object(entry, f"{server}.{tool}")
            digest, found = fields.get("digest"), fields.get("definition")
            if not isinstance(digest, str):
                raise ValueError(f"{server}.{tool} has no digest")  # noqa: TRY004 - as in _object
            trusted = None if found is None else _object(found, f"{server}.{tool}.definition")
            # An edited definition would be shown to models as trusted.
            if trusted is not None and _digest(server, tool, trusted) != digest:
                raise ValueError(f"the definition of {server}.{tool} does not fit its digest")
            kept[tool] = Trusted(digest, trusted)
    return servers


def _digest(server: str, tool: str, trusted: Mapping[str, Any]) -> str:
    return tool_digest(ToolDefinition.from_json(server, {**trusted, "name": tool}))


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no object")  # noqa: TRY004 - read() tells it as a malformed file
    return cast("dict[str, Any]", value)
