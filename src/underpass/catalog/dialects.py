"""Where each program's configuration names its servers, and how its entries read in ``.mcp.json``'s words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

Entry = dict[str, Any]

_NO_SERVERS = ("builtin", "platform", "frontend", "inline_python")
"""Goose's extensions of these types are parts of Goose: there is nothing to start."""


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a configuration that names servers."""

    key: str
    """Where it stands: ``mcpServers``, ``servers``, ``mcp_servers`` or ``extensions``."""
    entries: object
    """The servers' entries by name, in the words of ``.mcp.json``; another value is a mistake of the file."""
    inputs: object = field(default=())
    """What VS Code asks its user for, as the file has it."""


def servers_section(content: Mapping[str, Any], project: Path | None = None) -> Section | None:
    """Find what names servers in a configuration; None if nothing does.

    Parameters:
        project: Claude Code keeps servers of single projects in one file; those of this folder count.
    """
    inputs = content.get("inputs", ())
    for key, read in _DIALECTS.items():
        if key in content:
            entries: object = _each(content[key], read)
            return Section(key, _with_projects(entries, content, project), inputs)
    if mine := _of_project(content, project):
        return Section("mcpServers", mine)
    return None


def _with_projects(entries: object, content: Mapping[str, Any], project: Path | None) -> object:
    mine = _of_project(content, project)
    # As in Claude Code, a project's own server stands before one of the same name for all projects.
    return {**cast("Entry", entries), **mine} if mine and isinstance(entries, dict) else entries


def _of_project(content: Mapping[str, Any], project: Path | None) -> Entry:
    found: Any = content
    for key in ("projects", str(project), "mcpServers"):
        found = cast("Entry", found).get(key) if isinstance(found, dict) else None
    return cast("Entry", found) if isinstance(found, dict) else {}


def _each(entries: object, read: Callable[[Entry], Entry | None]) -> object:
    if not isinstance(entries, dict):
        return entries
    named = {
        name: read(cast("Entry", entry)) if isinstance(entry, dict) else entry
        for name, entry in cast("Entry", entries).items()
        if isinstance(cast("object", name), str)  # in YAML a key may be a number
    }
    return {name: entry for name, entry in named.items() if entry is not None}


def _as_it_is(entry: Entry) -> Entry:
    return entry


def _codex(entry: Entry) -> Entry:
    listed = _items(entry.get("env_vars"))
    names = [cast("Entry", each).get("name") if isinstance(each, dict) else each for each in listed]
    # Of an unset variable Codex passes nothing; an empty one comes nearest.
    env = {name: f"${{{name}:-}}" for name in names if isinstance(name, str)}
    headers = {header: f"${{{name}:-}}" for header, name in _members(entry.get("env_http_headers")).items()}
    if isinstance(token := entry.get("bearer_token_env_var"), str):
        headers["Authorization"] = f"Bearer ${{{token}}}"
    return _portable(
        entry,
        env=_joined(env, entry.get("env")),
        headers=_joined(headers, entry.get("http_headers")),
    )


def _goose(entry: Entry) -> Entry | None:
    if isinstance(inner := entry.get("config"), dict):  # older releases of Goose nest it so
        entry = {**cast("Entry", inner), "enabled": entry.get("enabled", True)}
    if entry.get("type") in _NO_SERVERS:
        return None
    # Goose keeps the values of these in its own keyring, which is not ours to open.
    keys = {
        name: f"${{{name}:-keyring://{name}}}"
        for name in _items(entry.get("env_keys"))
        if isinstance(name, str)
    }
    renamed = {**entry, "command": entry.get("cmd"), "url": entry.get("uri")}
    return _portable(renamed, env=_joined(keys, entry.get("envs")), headers=entry.get("headers"))


_DIALECTS: dict[str, Callable[[Entry], Entry | None]] = {
    "mcpServers": _as_it_is,
    "servers": _as_it_is,
    "mcp_servers": _codex,
    "extensions": _goose,
}


def _portable(entry: Entry, *, env: object, headers: object) -> Entry:
    kept = {
        "type": entry.get("type"),
        "command": entry.get("command"),
        "args": entry.get("args"),
        "env": env,
        "cwd": entry.get("cwd"),
        "url": entry.get("url"),
        "headers": headers,
        "disabled": True if entry.get("enabled") is False else None,
    }
    return {key: value for key, value in kept.items() if value not in (None, {}, [])}


def _joined(more: Mapping[str, str], base: object) -> object:
    """Return ``base`` with ``more``; what is no table is left for the reader of entries to refuse."""
    return {**more, **cast("Entry", base)} if isinstance(base, dict) else (more if base is None else base)


def _items(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _members(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
