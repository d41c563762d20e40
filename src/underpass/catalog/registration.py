"""Writing the entry for ``underpass serve`` into a client's configuration."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any, cast

from underpass.catalog.clients import Client
from underpass.catalog.dialects import servers_section
from underpass.catalog.document import json_type, parse_document, read_text
from underpass.catalog.edit import set_member, write_atomically
from underpass.catalog.redaction import Redactor, looks_secret
from underpass.catalog.references import mentions_reference, open_secrets
from underpass.catalog.spec import read_entry
from underpass.catalog.toml_text import put_table
from underpass.errors import ConfigError

NAME = "underpass"
"""The name of the entry."""
_REMOTE = ("url", "httpUrl", "headers", "http_headers", "env_http_headers", "bearer_token_env_var")
"""What an entry that starts a command must not have."""
_SETTING = re.compile(r'^([ +-]\s*"?([\w.-]+)"?\s*[:=]\s*")((?:[^"\\]|\\.)*)(")')


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client's file is, and what it is to be."""

    path: Path
    before: str | None
    """None where there is no file."""
    after: str
    others: tuple[str, ...]
    """The client's other servers."""

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    def diff(self) -> str:
        """The change as a unified diff; secrets in the lines around it are not shown."""
        before = (self.before or "").splitlines()
        lines = unified_diff(
            before, self.after.splitlines(), str(self.path), str(self.path), n=2, lineterm=""
        )
        shown = "\n".join(_SETTING.sub(_masked, line) for line in lines)
        return Redactor(_secrets(self.before, self.path)).text(shown)

    def write(self) -> Path | None:
        """Write the file; return the copy of the old one that was made beside it, if there was one.

        Raises:
            ConfigError: the folder or the file cannot be written.
        """
        try:
            backup = _backup(self.path) if self.before is not None else None
            write_atomically(self.path, self.after)
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be written: {error.strerror}", path=str(self.path)
            ) from error
        return backup


def plan_registration(client: Client, path: Path, command: str, args: list[str]) -> Registration:
    """Work out what a client's file must become; nothing is written.

    What else the entry has, if there is one, is kept; so is everything else in the file.

    Raises:
        ConfigError: the file is malformed (``path``, ``line``, ``column``), or cannot be changed safely.
    """
    before = read_text(path) if path.exists() else None
    content = parse_document(before, path) if before and before.strip() else {}
    servers: object = content.get(client.section, {})
    if not isinstance(servers, dict):
        raise ConfigError(
            f"{path}: {client.section} must be an object, but is {json_type(servers)}", path=str(path)
        )
    named = cast("dict[str, Any]", servers)
    old: object = named.get(NAME, {})
    if not isinstance(old, dict):
        raise ConfigError(
            f"{path}: {client.section}.{NAME} must be an object, but is {json_type(old)}", path=str(path)
        )
    known = cast("dict[str, Any]", old)
    entry = {key: value for key, value in known.items() if key not in _REMOTE}
    entry |= client.entry(command, args)
    if entry == known:
        after = before or ""
    elif path.suffix == ".toml":
        after = _toml(before or "", (client.section, NAME), entry, path)
    else:
        after = set_member(before or "", (client.section, NAME), entry, path)
    return Registration(path, before, after, tuple(name for name in named if name != NAME))


def _toml(before: str, keys: tuple[str, str], entry: dict[str, Any], path: Path) -> str:
    wanted = parse_document(before, path)
    servers = wanted[keys[0]] = {**wanted.get(keys[0], {})}
    values = {key: "" for key in _REMOTE if key in servers.get(keys[1], {})}
    start = {"command": entry["command"], "args": entry["args"]}
    after = put_table(before, keys, values | start)
    servers[keys[1]] = entry
    try:
        right = parse_document(after, path) == wanted
    except ConfigError:
        right = False
    if not right:
        raise ConfigError(
            f"{path} has {keys[0]} in a form that cannot be changed without rewriting it",
            hint=f"write it yourself:\n{put_table('', keys, start)}",
            path=str(path),
        )
    return after


def _backup(path: Path) -> Path:
    number = 1
    while True:
        copy = path.with_name(f"{path.name}.bak{'' if number == 1 else number}")
        try:
            copy.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            number += 1
            continue
        shutil.copy2(path, copy)
        return copy


def _masked(setting: re.Match[str]) -> str:
    head, name, value, quote = setting.groups()
    secret = looks_secret(name, value) and not mentions_reference(value)
    return f"{head}[secret {name}]{quote}" if secret else setting[0]


def _secrets(text: str | None, path: Path) -> dict[str, str]:
    """Return the secrets that stand in the servers' entries of a file, as far as one can tell."""
    section = servers_section(parse_document(text, path)) if text and text.strip() else None
    entries = section.entries if section else None
    found: dict[str, str] = {}
    for name, entry in cast("dict[str, object]", entries).items() if isinstance(entries, dict) else ():
        try:
            found |= open_secrets(read_entry(name, entry, {}, at=name, source=None))
        except ConfigError:
            continue  # it is the client's to complain about
    return found
