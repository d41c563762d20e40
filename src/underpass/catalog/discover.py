"""The configurations that other programs have left on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from underpass.catalog.dialects import Section, servers_section
from underpass.catalog.document import read_document
from underpass.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FoundConfig:
    """A program's configuration file, and the entries of the servers it names.

    ``error`` says why a file that exists could not be read; it has no servers then.
    """

    program: str
    path: Path
    servers: Mapping[str, Mapping[str, Any]]
    """In the words of ``.mcp.json``, whatever those of the file are."""
    error: str | None = None
    inputs: Sequence[Mapping[str, Any]] = ()
    """What ``${input:id}`` in the entries refers to."""


def discover_configs(home: Path, cwd: Path, environ: Mapping[str, str] = os.environ) -> list[FoundConfig]:
    """Return the configurations found for a person's ``home`` and a project's folder ``cwd``.

    Those of the project come before those of the person. Files that do not exist or name no servers are
    left out.

    Parameters:
        environ: ``CODEX_HOME`` and ``XDG_CONFIG_HOME`` say where programs have their files.
    """
    found = (
        _read(program, path, cwd)
        for program, path in dict.fromkeys((*_of_project(cwd), *_of_person(home, environ)))
        if path.is_file()
    )
    return [config for config in found if config.servers or config.error]


def settings_folders(home: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where programs have their settings on Linux, macOS and Windows."""
    linux = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return linux, home / "Library" / "Application Support", home / "AppData" / "Roaming"


def codex_home(home: Path, environ: Mapping[str, str]) -> Path:
    """Return the folder of Codex."""
    return Path(environ.get("CODEX_HOME") or home / ".codex")


def _of_project(cwd: Path) -> Iterator[tuple[str, Path]]:
    yield "Claude Code", cwd / ".mcp.json"
    yield "Cursor", cwd / ".cursor" / "mcp.json"
    yield "Gemini", cwd / ".gemini" / "settings.json"
    yield "VS Code", cwd / ".vscode" / "mcp.json"
    yield "Codex", cwd / ".codex" / "config.toml"


def _of_person(home: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    linux, mac, windows = settings_folders(home, environ)
    yield "Claude Code", home / ".claude.json"
    for settings in (linux, mac, windows):
        yield "Claude Desktop", settings / "Claude" / "claude_desktop_config.json"
    yield "Cursor", home / ".cursor" / "mcp.json"
    yield "Gemini", home / ".gemini" / "settings.json"
    for settings in (linux, mac, windows):
        for edition in ("Code", "Code - Insiders"):
            yield "VS Code", settings / edition / "User" / "mcp.json"
    yield "Codex", codex_home(home, environ) / "config.toml"
    yield "Goose", linux / "goose" / "config.yaml"
    yield "Goose", windows / "Block" / "goose" / "config" / "config.yaml"


def _read(program: str, path: Path, cwd: Path) -> FoundConfig:
    try:
        section = servers_section(read_document(path), cwd) or Section("", {})
    except ConfigError as error:
        return FoundConfig(program, path, {}, error.message)
    return FoundConfig(program, path, _objects(section.entries), inputs=_declared(section.inputs))


def _objects(entries: object) -> dict[str, Mapping[str, Any]]:
    named = cast("dict[str, object]", entries) if isinstance(entries, dict) else {}
    return {
        name: cast("Mapping[str, Any]", entry) for name, entry in named.items() if isinstance(entry, dict)
    }


def _declared(inputs: object) -> tuple[Mapping[str, Any], ...]:
    items = cast("list[object]", inputs) if isinstance(inputs, list) else []
    return tuple(cast("Mapping[str, Any]", item) for item in items if isinstance(item, dict))
