"""Taking servers over from other programs' configurations: names, places and secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from underpass.catalog.discover import FoundConfig
from underpass.catalog.inputs import INPUT
from underpass.catalog.redaction import looks_secret
from underpass.catalog.references import flagged, mentions_reference
from underpass.catalog.spec import read_entry
from underpass.errors import ConfigError

_BARE_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_SCHEME = re.compile(r"(?:Bearer|Basic|Token) ", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that another program uses."""

    name: str
    """Its name here: the one it has there, with the program's after it where another has the same."""
    program: str
    path: Path
    entry: Mapping[str, Any]
    inputs: tuple[Mapping[str, Any], ...] = ()
    """What ``${input:id}`` in the entry refers to."""
    also: tuple[tuple[str, Path], ...] = ()
    """Other programs and files with the very same entry."""


def candidates(configs: Iterable[FoundConfig]) -> tuple[list[Candidate], list[str]]:
    """Return the servers of all configurations, each with a name of its own, and what cannot be used.

    Of entries that are equal there is one. Of different servers with one name, the first keeps it, and
    the others are called ``name-cursor``, ``name-cursor-2``: the same ones whenever this is asked.
    """
    chosen: dict[str, Candidate] = {}
    unusable: list[str] = []
    for config in configs:
        if config.error:
            unusable.append(config.error)
        for name, found in config.servers.items():
            entry = _in_our_words(config.program, found)
            try:
                read_entry(name, entry, {}, at=f"{config.path}: {name}", source=None)
            except ConfigError as error:
                unusable.append(error.message)
                continue
            _choose(chosen, Candidate(name, config.program, config.path, entry, _used(entry, config.inputs)))
    return list(chosen.values()), unusable


def _choose(chosen: dict[str, Candidate], candidate: Candidate) -> None:
    name, suffix = candidate.name, candidate.program.lower().replace(" ", "-")
    number = 1
    while (other := chosen.get(name)) is not None:
        if _same(other, candidate):
            also = (*other.also, (candidate.program, candidate.path))
            chosen[name] = replace(other, also=also)
            return
        name = f"{candidate.name}-{suffix}" + (f"-{number}" if number > 1 else "")
        number += 1
    chosen[name] = replace(candidate, name=name)


def _same(one: Candidate, other: Candidate) -> bool:
    return _essence(one.entry) == _essence(other.entry) and one.inputs == other.inputs


def _essence(entry: Mapping[str, Any]) -> object:
    spec = read_entry("", dict(entry), {}, at="", source=None)
    return spec, dict(spec.env), dict(spec.headers)


def _in_our_words(program: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    if program != "Gemini":
        return dict(entry)
    # Gemini alone expands a bare `$NAME`, and in these places only.
    return {
        key: {name: _braced(text) for name, text in cast("dict[str, Any]", value).items()}
        if key in ("env", "headers") and isinstance(value, dict)
        else value
        for key, value in entry.items()
    }


def _braced(text: object) -> object:
    return _BARE_VARIABLE.sub(r"${\1}", text) if isinstance(text, str) else text


def _used(entry: object, inputs: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    names = {match[1] for text in _texts(entry) for match in INPUT.finditer(text)}
    return tuple(each for each in inputs if each.get("id") in names)


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(cast("dict[str, object]", value).values()))
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts(item)


def moved(entry: Mapping[str, Any], workspace: Path) -> dict[str, Any]:
    """Return an entry that means the same in a file of another folder.

    Parameters:
        workspace: the project's folder, from which the entry's relative paths counted.
    """
    fixed = _replaced(dict(entry), lambda text: text.replace("${workspaceFolder}", str(workspace)))
    entry = cast("dict[str, Any]", fixed)
    for key in ("cwd", "envFile"):
        if isinstance(path := entry.get(key), str) and not path.startswith(("~", "$")):
            entry[key] = str(workspace / path)
    return entry


def _replaced(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _replaced(item, change) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_replaced(item, change) for item in cast("list[object]", value)]
    return value


@dataclass(slots=True)
class _Apart:
    server: str
    taken: Callable[[str, str], bool]
    secrets: dict[str, str] = field(default_factory=dict[str, str])

    def put(self, name: str, value: str) -> str:
        """Note a secret, and return the reference that takes its place."""
        label = _NOT_IN_NAMES.sub("-", f"{self.server}.{name.lstrip('-')}").lstrip("-._")[:90]
        unused, number = label, 2
        while self.secrets.get(unused, value) != value or self.taken(unused, value):
            unused, number = f"{label}-{number}", number + 1
        self.secrets[unused] = value
        return f"keyring://{unused}"

    def text(self, name: str, value: object) -> object:
        if not isinstance(value, str) or mentions_reference(value) or not looks_secret(name, value):
            return value
        scheme = found[0] if (found := _SCHEME.match(value)) else ""
        return scheme + self.put(name, value[len(scheme) :])

    def argument(self, flag: str, value: object) -> object:
        if isinstance(value, str) and value.startswith("-") and "=" in value:
            name, _, rest = value.partition("=")
            return f"{name}={self.text(name, rest)}"
        return self.text(flag, value)

    def url(self, url: str) -> str:
        if mentions_reference(url):
            return url
        try:
            address = urlsplit(url)
        except ValueError:
            return url
        for name, value in parse_qsl(address.query):
            if looks_secret(f"url-{name}", value):
                url = url.replace(f"{name}={value}", f"{name}={self.put(name, value)}")
        if address.password:
            url = url.replace(f":{address.password}@", f":{self.put('password', address.password)}@", 1)
        return url


def without_secrets(
    server: str, entry: Mapping[str, Any], taken: Callable[[str, str], bool]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return an entry with ``keyring://`` references for the secrets in it, and those secrets by name.

    Parameters:
        taken: whether a name stands for another value than the one given.
    """
    apart = _Apart(server, taken)
    kept = dict(entry)
    for key in ("env", "headers"):
        if isinstance(table := entry.get(key), dict):
            kept[key] = {
                name: apart.text(name, value) for name, value in cast("dict[str, object]", table).items()
            }
    if isinstance(args := entry.get("args"), list):
        kept["args"] = [apart.argument(flag, value) for flag, value in flagged(cast("list[object]", args))]
    for key in ("url", "httpUrl"):
        if isinstance(url := entry.get(key), str):
            kept[key] = apart.url(url)
    return kept, apart.secrets
