"""The configurations that other programs have left on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from underpass.catalog.servers_file import read_json, servers_section
from underpass.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FoundConfig:
    """A program's configuration file, and the entries of the servers it names.

    ``error`` says why a file that exists could not be read; it has no servers then.
    """

    program: str
    path: Path
    servers: Mapping[str, Mapping[str, Any]]
    error: str | None = None


def discover_configs(home: Path, cwd: Path) -> list[FoundConfig]:
    """Return the configurations found for a person's ``home`` and a project's folder ``cwd``.

    Files that do not exist or name no servers are left out.
    """
    found = (_read(program, path, cwd) for program, path in _places(home, cwd) if path.is_file())
    return [config for config in found if config.servers or config.error]


def _places(home: Path, cwd: Path) -> Iterator[tuple[str, Path]]:
    yield "Claude Code", cwd / ".mcp.json"
    yield "Claude Code", home / ".claude.json"
    for settings in (".config", "Library/Application Support", "AppData/Roaming"):
        yield "Claude Desktop", home / settings / "Claude" / "claude_desktop_config.json"
        yield "VS Code", home / settings / "Code" / "User" / "mcp.json"
    for folder in dict.fromkeys((cwd, home)):
        yield "Cursor", folder / ".cursor" / "mcp.json"
        yield "Gemini", folder / ".gemini" / "settings.json"
    yield "VS Code", cwd / ".vscode" / "mcp.json"


def _read(program: str, path: Path, cwd: Path) -> FoundConfig:
    try:
        content = read_json(path)
    except ConfigError as error:
        return FoundConfig(program, path, {}, error.message)
    servers = _section(content)
    # Claude Code keeps the servers of one person in one project inside the person's own file.
    projects = content.get("projects")
    if path.name == ".claude.json" and isinstance(projects, dict):
        project = cast("dict[str, Any]", projects).get(str(cwd))
        if isinstance(project, dict):
            servers |= _section(cast("dict[str, Any]", project))
    return FoundConfig(program, path, servers)


def _section(content: dict[str, Any]) -> dict[str, Mapping[str, Any]]:
    key = servers_section(content)
    entries = content.get(key) if key else None
    if not isinstance(entries, dict):
        return {}
    named = cast("dict[str, object]", entries)
    return {
        name: cast("Mapping[str, Any]", entry) for name, entry in named.items() if isinstance(entry, dict)
    }
