"""One configured server, and how an entry of a configuration file is read."""

from __future__ import annotations

import os
import re
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from underpass.catalog.document import json_type
from underpass.catalog.inputs import Input
from underpass.catalog.oauth_settings import OAuthSettings, read_oauth
from underpass.errors import ConfigError, did_you_mean

Transport = Literal["stdio", "http", "sse"]


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """How to reach one server: a command to start (``stdio``), or a ``url`` (``http``, ``sse``).

    ``${VAR}`` and references to secrets stand in ``command``, ``args``, ``env``, ``url``, ``headers``
    and ``oauth`` as they are written; ``references.resolve`` looks them up when the server starts.
    """

    name: str
    transport: Transport
    command: str | None = None
    args: tuple[str, ...] = ()
    # Secrets stand in both: they stay out of what is logged or shown.
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What the server's environment has beside the few variables that every server inherits."""
    cwd: Path | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    """How to log in, beyond what the server tells."""
    disabled: bool = False
    source: Path | None = None
    """The file that names the server."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False, compare=False)
    """What ``${VAR}`` refers to."""
    inputs: Mapping[str, Input] = field(default_factory=dict[str, Input], repr=False, compare=False)
    """What ``${input:id}`` refers to; one that is not here counts as a secret."""
    env_file: str | None = None
    """A file of further environment variables, as it is written; those of ``env`` stand before them."""


_TRANSPORTS: dict[str, Transport] = {
    "stdio": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamableHttp": "http",
    "streamable_http": "http",
    "sse": "sse",
}
_VARIABLE = re.compile(r"\$\{(env:)?([A-Za-z_][A-Za-z0-9_]*|/)(?::-([^}]*))?\}")
_PROGRAM_FOLDERS = (".vscode", ".cursor", ".gemini", ".codex")


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace ``${VAR}``, ``${VAR:-default}`` and ``${env:VAR}``.

    A default stands in for an unset or empty variable, as in a shell. An unset variable without a
    default stays as it is written, and so does a bare ``$VAR``; but ``${env:VAR}`` is empty then, as in
    VS Code and Cursor.
    """

    def value(match: re.Match[str]) -> str:
        prefix, name, default = match[1], match[2], match[3]
        if default is None:
            return environ.get(name, "" if prefix else match[0])
        return environ.get(name) or default

    return _VARIABLE.sub(value, text)


def workspace_folder(source: Path | None) -> Path:
    """Return the folder that relative paths of a configuration count from.

    It is the file's own folder; the project's for a file in ``.vscode`` and the like; and the current
    one for a person's own such file, which belongs to no project.
    """
    if source is None:
        return Path.cwd()
    folder = source.absolute().parent
    if folder.name in _PROGRAM_FOLDERS:
        return Path.cwd() if folder.parent == Path.home() else folder.parent
    return folder


def _with_places(environ: Mapping[str, str], source: Path | None) -> Mapping[str, str]:
    """Add the variables that VS Code and Cursor define themselves."""
    # The user's own file of VS Code is no project's either.
    mine = source is not None and source.absolute().parent.name == "User"
    folder = workspace_folder(None if mine else source)
    places = {
        "workspaceFolder": str(folder),
        "workspaceFolderBasename": folder.name,
        "userHome": str(Path.home()),
        "pathSeparator": os.sep,
        "/": os.sep,
    }
    return ChainMap(cast("dict[str, str]", environ), places)


def read_entry(
    name: str,
    entry: object,
    environ: Mapping[str, str],
    *,
    at: str,
    source: Path | None,
    inputs: Mapping[str, Input] | None = None,
) -> ServerSpec:
    """Read one server's entry: Claude's, Cursor's, Gemini's (``httpUrl``) or VS Code's.

    Unknown keys are left alone: other programs have their own.

    Parameters:
        environ: what ``${VAR}`` in the entry refers to.
        at: where the entry stands, for messages: ``mcpServers.git``.
        source: the file, for messages; a relative ``cwd`` counts from its ``workspace_folder``.
        inputs: what ``${input:id}`` refers to.

    Raises:
        ConfigError: a value has the wrong shape, or the entry names neither a command nor a URL.
    """
    read = EntryReader(at, source)
    environ = _with_places(environ, source)
    fields = read.mapping("", entry)
    http_url = read.text("httpUrl", fields.get("httpUrl"))
    url = http_url or read.text("url", fields.get("url"))
    command = read.text("command", fields.get("command"))
    cwd = read.text("cwd", fields.get("cwd"))
    cwd = None if cwd is None else expand(cwd, environ)
    transport = read.transport(fields.get("type"), command=command, url=url)
    if transport == "stdio" and not command:
        raise read.error("", "names no command to start", hint='add "command", or a "url"')
    if transport != "stdio" and not url:
        raise read.error("", f"is of type {transport!r} but has no url", hint='add "url"')
    args = read.texts("args", fields.get("args"))
    return ServerSpec(
        name=name,
        transport=transport,
        command=command,
        args=args,
        env=read.table("env", fields.get("env")),
        cwd=None if cwd is None else workspace_folder(source) / Path(cwd).expanduser(),
        url=url,
        headers=read.table("headers", fields.get("headers")),
        oauth=read_oauth(read, fields.get("oauth")),
        # One file often serves us and names us to another client: we must not connect to ourselves.
        disabled=read.flag("disabled", fields.get("disabled"))
        or starts_underpass(expand(command or "", environ), (expand(word, environ) for word in args)),
        source=source,
        environ=environ,
        inputs=inputs or {},
        env_file=read.text("envFile", fields.get("envFile")),
    )


def starts_underpass(command: str, args: Iterable[str]) -> bool:
    """Whether a command is this program's own ``underpass serve``."""
    words = [command, *args]
    return "serve" in words and any(
        word.replace("\\", "/").rpartition("/")[2] == "underpass" for word in words
    )


@dataclass(frozen=True, slots=True)
class EntryReader:
    """Checks the shape of each value, and names the place of a wrong one."""

    at: str
    source: Path | None

    def error(self, key: str, what: str, *, hint: str = "") -> ConfigError:
        place = f"{self.at}.{key}" if key else self.at
        where = f"{self.source}: " if self.source else ""
        data = {"path": str(self.source)} if self.source else {}
        return ConfigError(f"{where}{place} {what}", hint=hint, json_path=place, **data)

    def mapping(self, key: str, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(key, f"must be an object, but is {json_type(value)}")
        return cast("dict[str, Any]", value)

    def text(self, key: str, value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, but is {json_type(value)}")
        return value

    def texts(self, key: str, value: object) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            raise self.error(key, f"must be an array, but is {json_type(value)}")
        items = cast("list[object]", value)
        return tuple(self.scalar(f"{key}[{index}]", item) for index, item in enumerate(items))

    def table(self, key: str, value: object) -> dict[str, str]:
        if value is None:
            return {}
        # In VS Code a variable of null is one that the server is not given.
        return {
            name: self.scalar(f"{key}.{name}", item)
            for name, item in self.mapping(key, value).items()
            if item is not None
        }

    def scalar(self, key: str, value: object) -> str:
        # A port or a flag is often written bare where a process can only be given text.
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return str(value)
        if not isinstance(value, str):
            raise self.error(key, f"must be a string, but is {json_type(value)}")
        return value

    def flag(self, key: str, value: object) -> bool:
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, but is {json_type(value)}")
        return value

    def transport(self, value: object, *, command: str | None, url: str | None) -> Transport:
        if value is None:
            if not url or command:
                return "stdio"
            # Programs that try both transports leave the type out; this is how such servers are addressed.
            return "sse" if url.partition("?")[0].rstrip("/").endswith("/sse") else "http"
        name = self.text("type", value) or ""
        if name not in _TRANSPORTS:
            close = did_you_mean(name, _TRANSPORTS)
            hint = f"did you mean {close[0]!r}?" if close else 'there are "stdio", "http" and "sse"'
            raise self.error("type", f"names an unknown transport, {name!r}", hint=hint)
        return _TRANSPORTS[name]
