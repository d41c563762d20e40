"""``[privacy]``: what may stand there, and the names that it names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, cast

from underpass.broker.privacy.kinds import SEARCHED
from underpass.config import PrivacySettings
from underpass.errors import ConfigError, did_you_mean

_TOOL: Final = re.compile(r"[^\s,]+")
_REGION: Final = re.compile(r"[A-Z]{2}")
_LEAST_LETTERS: Final = 2
"""One letter alone is in every text."""
_MOST_NAMES: Final = 1_000_000


def read_setting(key: str, value: object, folder: Path, origin: str) -> object:
    """Check one setting of ``[privacy]``.

    Parameters:
        folder: where a file of names is looked for: beside ``underpass.toml``.
        origin: where the setting stands, for errors.

    Raises:
        ConfigError: the value is no good.
    """
    setting = f"privacy.{key}"
    where = f"{origin}: " if origin else ""
    if origin.startswith("$") and isinstance(value, str) and key in {"servers", "restore", "kinds"}:
        value = [part.strip() for part in value.split(",") if part.strip()]
    match key:
        case "fields":
            return _fields(value, setting, where)
        case "names":
            return folder / value if isinstance(value, str) and value else _texts(value, setting, where)
        case "region":
            return _region(value, setting, where)
        case "kinds":
            return _kinds(_texts(value, setting, where), setting, where)
        case _:
            return _tools(_texts(value, setting, where), setting, where)


def server_of(tool: str, known: Collection[str]) -> str | None:
    """Return which of the ``known`` servers a setting's ``server`` or ``server.tool`` is about, if one."""
    return next((name for name in known if tool == name or tool.startswith(f"{name}.")), None)


def check_servers(settings: PrivacySettings, known: Collection[str]) -> None:
    """Refuse settings about a server that there is not: a misspelt name would protect nothing.

    Raises:
        ConfigError: there is no server of that name.
    """
    for key, tools in (
        ("servers", settings.servers),
        ("fields", settings.fields),
        ("restore", settings.restore),
    ):
        for tool in tools:
            # A pattern may be about any server.
            if server_of(tool, known) is None and not any(sign in tool.partition(".")[0] for sign in "*?["):
                name = tool.partition(".")[0]
                close = did_you_mean(name, known)
                there = f"there are: {', '.join(sorted(known))}" if known else "there are none"
                raise ConfigError(
                    f"privacy.{key}: {tool!r} is about no server that there is",
                    hint=f"did you mean {close[0]}?" if close else there,
                    setting=f"privacy.{key}",
                )


def read_names(names: Path | tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of people to be found.

    Parameters:
        names: they themselves, or a file with one in each line; empty lines, and those that begin with
            ``#``, are none.

    Raises:
        ConfigError: the file cannot be read, has no names, or one of them is too short.
    """
    if not isinstance(names, Path):
        return _checked((name, "privacy.names") for name in names)
    try:
        lines = names.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ConfigError(
            f"privacy.names: {names} cannot be read: {reason}", setting="privacy.names", path=str(names)
        ) from error
    numbered = ((line.strip(), f"{names}: line {number}") for number, line in enumerate(lines, 1))
    found = _checked((name, where) for name, where in numbered if name and not name.startswith("#"))
    if not found:
        raise ConfigError(
            f"privacy.names: {names} has no names",
            hint="write one into each line",
            setting="privacy.names",
            path=str(names),
        )
    return found


def _checked(names: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    found: list[str] = []
    for name, where in names:
        if sum(map(str.isalnum, name)) < _LEAST_LETTERS:
            raise ConfigError(
                f"{where}: {name!r} is too short to be looked for",
                hint="a name has two letters or more",
                setting="privacy.names",
            )
        found.append(name)
        if len(found) > _MOST_NAMES:
            raise ConfigError(f"{where}: more than {_MOST_NAMES:,} names", setting="privacy.names")
    return tuple(found)


def _texts(value: object, setting: str, where: str) -> tuple[str, ...]:
    items = cast("list[object] | tuple[object, ...]", value) if isinstance(value, list | tuple) else None
    if items is None or not all(isinstance(item, str) and item.strip() for item in items):
        raise ConfigError(f"{where}{setting} must be a list of texts, but is {value!r}", setting=setting)
    return tuple(str(item).strip() for item in items)


def _tools(tools: tuple[str, ...], setting: str, where: str) -> tuple[str, ...]:
    for tool in tools:
        if not _TOOL.fullmatch(tool):
            raise ConfigError(
                f"{where}{setting}: {tool!r} is no name of a tool",
                hint='name tools as "server", "server.tool" or "server.get_*"',
                setting=setting,
            )
    return tools


def _fields(value: object, setting: str, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{where}{setting} must be a table, but is {value!r}",
            hint='write [privacy.fields] and below it "crm.get_contact" = ["email", "owner.name"]',
            setting=setting,
        )
    table = cast("Mapping[str, object]", value)
    _tools(tuple(table), setting, where)
    found = {tool: _texts(names, f"{setting}.{tool}", where) for tool, names in table.items()}
    for tool, names in found.items():
        for name in names:
            if not all(name.split(".")):
                raise ConfigError(
                    f"{where}{setting}.{tool}: {name!r} is no path of a field",
                    hint="a path is names with dots between them, such as owner.name",
                    setting=setting,
                )
    return found


def _region(value: object, setting: str, where: str) -> str:
    if isinstance(value, str) and (not value or _REGION.fullmatch(value)):
        return value
    raise ConfigError(
        f"{where}{setting} must be a country's two capital letters, but is {value!r}",
        hint='such as "DE" or "US"',
        setting=setting,
    )


def _kinds(kinds: tuple[str, ...], setting: str, where: str) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in SEARCHED:
            close = did_you_mean(kind, SEARCHED)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(SEARCHED)}"
            raise ConfigError(f"{where}{setting}: there is no kind {kind!r}", hint=hint, setting=setting)
    return kinds
