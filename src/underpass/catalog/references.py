"""``${VAR}``, ``${input:id}``, ``keyring://``, ``file://``, ``command://``: looked up at a server's start."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import anyio
import anyio.to_thread

from underpass.catalog.env_file import read_env_file
from underpass.catalog.inputs import INPUT, Input
from underpass.catalog.redaction import SHORTEST, Redactor, looks_secret
from underpass.catalog.secret_store import NAME, SecretStore
from underpass.catalog.spec import ServerSpec, expand, workspace_folder
from underpass.errors import ConfigError

_KEYRING = re.compile(r"(?<![A-Za-z0-9+.-])keyring://([A-Za-z0-9_.-]*)")
# To the end of the text: paths and commands hold any character.
_REST = re.compile(r"(?:^|(?<=[\s=]))(file|command)://(.*)$", re.DOTALL)
T = TypeVar("T")
_LARGEST = 64 * 1024
_SHOWN = 200


async def resolve(spec: ServerSpec, store: SecretStore) -> tuple[ServerSpec, Redactor]:
    """Return an entry with all references looked up, and what takes the secrets out of texts.

    The names of environment variables and headers are not looked at, their values are.

    Raises:
        ConfigError: a secret is not to be had; the message names the reference, never a value.
    """
    look = _Lookup(spec, store)
    more = {} if spec.env_file is None else await look.env_file(spec.env_file)
    resolved = replace(
        spec,
        command=None if spec.command is None else await look.up("command", spec.command),
        args=tuple([await look.up(flag, text) for flag, text in flagged(spec.args)]),
        env={**more, **{name: await look.up(name, text) for name, text in spec.env.items()}},
        headers={name: await look.up(name, text) for name, text in spec.headers.items()},
        url=None if spec.url is None else await look.up("url", spec.url, encoded=True),
        oauth=replace(
            spec.oauth,
            client_id=await look.up("client-id", spec.oauth.client_id or "") or None,
            client_secret=await look.up("oauth-secret", spec.oauth.client_secret or "") or None,
        ),
    )
    return resolved, Redactor({**open_secrets(spec), **look.secrets})


def shown_line(spec: ServerSpec) -> str:
    """Return what an entry starts or reaches, as it is written, without what looks like a secret."""
    line = shlex.join([spec.command, *spec.args]) if spec.command is not None else spec.url or ""
    return Redactor(open_secrets(spec)).text(line)


def open_secrets(spec: ServerSpec) -> dict[str, str]:
    """Return the secrets that stand openly in an entry, as far as one can tell."""
    named = [*spec.env.items(), *spec.headers.items(), ("oauth-secret", spec.oauth.client_secret or "")]
    for flag, text in flagged(spec.args):
        name, separator, value = text.partition("=")
        named.append((name, value) if separator and text.startswith("-") else (flag, text))
    try:
        address = urlsplit(spec.url or "")
        named += [(f"url-{name}", value) for name, value in parse_qsl(address.query)]
        named.append(("url-password", address.password or ""))
    except ValueError:
        pass  # whoever connects to it says what is wrong
    return {
        name: value
        for name, value in named
        if value and not mentions_reference(value) and looks_secret(name, value)
    }


def flagged(args: Sequence[T]) -> Iterator[tuple[str, T]]:
    """Yield each argument after the flag before it: ``--token`` says what comes next."""
    flag = "args"
    for item in args:
        yield flag, item
        flag = item if isinstance(item, str) and item.startswith("-") and "=" not in item else "args"


def mentions_reference(text: str) -> bool:
    """Whether a text names a secret or variable instead of holding it."""
    return "${" in text or bool(_KEYRING.search(text) or _REST.search(text))


@dataclass(slots=True)
class _Lookup:
    spec: ServerSpec
    store: SecretStore
    secrets: dict[str, str] = field(default_factory=dict[str, str])

    async def up(self, key: str, text: str, *, encoded: bool = False) -> str:
        parts = INPUT.split(text)
        if len(parts) == 1:
            return await self._written(key, text, encoded=encoded)
        # Each part by itself: an input's value is not looked through again, it may hold `${`.
        alone = parts[0] == parts[2] == "" and len(parts) == 3
        for index, part in enumerate(parts):
            if index % 2 == 0:
                parts[index] = await self._written(key, part, encoded=encoded)
                continue
            value = await anyio.to_thread.run_sync(self._input, part, abandon_on_cancel=True)
            parts[index] = quote(value, safe="") if encoded and not alone else value
        return "".join(parts)

    async def env_file(self, written: str) -> dict[str, str]:
        """Return the variables of an ``envFile``; those that look secret are secrets."""
        path = await self.up("envFile", written)
        variables = read_env_file(await self._content("envFile", path, "it names the server's variables"))
        for name, value in variables.items():
            if len(value) >= SHORTEST and looks_secret(name, value):
                self._note(name, value)
        return variables

    async def _written(self, key: str, text: str, *, encoded: bool) -> str:
        expanded = expand(text, _Noticing(self.spec.environ, key, self.secrets))
        return await self._references(expanded, encoded=encoded)

    async def _references(self, text: str, *, encoded: bool) -> str:
        if match := _REST.search(text):
            kind, place = match[1], match[2]
            read = self._file if kind == "file" else self._command
            return text[: match.start()] + self._put(
                match[0], kind, await read(match[0], place), text, encoded
            )
        parts: list[str] = []
        end = 0
        for match in _KEYRING.finditer(text):
            value = await anyio.to_thread.run_sync(self._keyring, match[0], match[1], abandon_on_cancel=True)
            parts += (text[end : match.start()], self._put(match[0], match[1], value, text, encoded))
            end = match.end()
        return "".join(parts) + text[end:]

    def _put(self, reference: str, label: str, value: str, text: str, encoded: bool) -> str:
        if "\0" in value:
            raise self._error(reference, "holds a NUL character")
        if not value:
            raise self._error(reference, "is empty")
        self._note(label, value)
        return quote(value, safe="") if encoded and text != reference else value

    def _note(self, label: str, value: str) -> None:
        number, unused = 1, label
        while self.secrets.get(unused, value) != value:
            unused, number = f"{label}-{number + 1}", number + 1
        self.secrets[unused] = value

    def _keyring(self, reference: str, name: str) -> str:
        value = self.store.get(name)
        if value is None:
            raise self._error(reference, "is not set", hint=f"`underpass secret set {name}` sets it")
        return value

    def _input(self, name: str) -> str:
        known = self.spec.inputs.get(name, Input(name))
        value = self.spec.environ.get(known.variable)
        if value is None:
            value = self.store.get(name)
        if value is None:
            value = known.default
        if value is None:
            described = f" ({known.description})" if known.description else ""
            ways = [f"`underpass secret set {name}`"] if NAME.fullmatch(name) else []
            raise ConfigError(
                f"the input {name}{described} has no value",
                hint=f"set it: {' or '.join([*ways, f'the variable {known.variable}'])}",
                server=self.spec.name,
                input=name,
            )
        if "\0" in value:
            raise self._error(f"input {name}", "holds a NUL character")
        if len(value) >= SHORTEST and (known.secret or looks_secret(name, value)):
            self._note(name, value)
        return value

    async def _file(self, reference: str, place: str) -> str:
        return await self._content(
            reference, place, "it stands for the file's content; to pass a file's address, write file:/path"
        )

    async def _content(self, reference: str, place: str, hint: str) -> str:
        path = anyio.Path(workspace_folder(self.spec.source) / Path(place).expanduser())  # noqa: ASYNC240 - no file is touched
        try:
            async with await path.open("rb") as file:
                content = await file.read(_LARGEST + 1)
        except (OSError, ValueError) as error:
            what = getattr(error, "strerror", None) or type(error).__name__
            raise self._error(reference, f"cannot be read: {what}", hint=hint) from None
        return self._text(reference, content)

    async def _command(self, reference: str, line: str) -> str:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise self._error(reference, f"is no command: {error}") from None
        if not words:
            raise self._error(reference, "names no command")
        try:
            done = await anyio.run_process(
                words,
                stdin=subprocess.DEVNULL,
                check=False,
                cwd=workspace_folder(self.spec.source),
            )
        except (OSError, ValueError) as error:
            what = getattr(error, "strerror", None) or type(error).__name__
            raise self._error(reference, f"cannot be run: {what}") from None
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:_SHOWN]
            printed = done.stdout.decode("utf-8", "replace").strip()
            said = Redactor({"output": printed}).text(said)
            ended = f"ended with status {done.returncode}"
            raise self._error(reference, ended + (f"; it said: {said}" if said else ""))
        return self._text(reference, done.stdout)

    def _text(self, reference: str, content: bytes) -> str:
        if len(content) > _LARGEST:
            raise self._error(reference, f"is larger than {_LARGEST:,} bytes")
        try:
            return content.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise self._error(reference, "is not UTF-8 text") from None

    def _error(self, reference: str, what: str, *, hint: str = "") -> ConfigError:
        shown = Redactor(self.secrets).text(reference)
        what = (
            f"the envFile {self.spec.env_file} {what}"
            if reference == "envFile"
            else f"the secret {shown} {what}"
        )
        return ConfigError(what, hint=hint or "see `underpass secret --help`", server=self.spec.name)


class _Noticing(Mapping[str, str]):
    """Variables that note, when they are asked for, those of their values that look secret."""

    def __init__(self, environ: Mapping[str, str], key: str, secrets: dict[str, str]) -> None:
        self._environ = environ
        self._key = key
        self._secrets = secrets

    def __getitem__(self, name: str) -> str:
        value = self._environ[name]
        if len(value) >= SHORTEST and (looks_secret(name, value) or looks_secret(self._key, value)):
            self._secrets[name] = value
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
