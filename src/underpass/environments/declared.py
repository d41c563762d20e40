"""``[sandbox.environments.NAME]``: what may stand there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final, cast

from underpass.config import EnvironmentSettings, unknown_setting
from underpass.errors import ConfigError

_SECTION: Final = "sandbox.environments"
_KEYS: Final = tuple(known.name for known in fields(EnvironmentSettings) if known.name != "lock")
_NAME: Final = re.compile(r"[a-z0-9-]+", re.ASCII)
_MODULE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_VERSIONS: Final = r"(===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT: Final = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
    r"\s*(\[[A-Za-z0-9._,\s-]*\])?"
    rf"\s*({_VERSIONS}(\s*,\s*{_VERSIONS})*)?"
    r"\s*(;[^@/\\\n]+)?",
    re.ASCII,
)
_ARCHIVES: Final = (".whl", ".zip", ".gz", ".bz2", ".xz", ".tgz", ".tar")
"""pip takes a name that ends like this for a file of the current folder."""


def read_environments(value: object, folder: Path, origin: str) -> dict[str, EnvironmentSettings]:
    """Check the tables of ``[sandbox.environments]``.

    Parameters:
        folder: where the locks are: beside ``underpass.toml``.
        origin: where the tables stand, for errors.

    Raises:
        ConfigError: a name, a key or a value is no good.
    """
    where = f"{origin}: " if origin else ""
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{where}{_SECTION} must hold tables, but is {value!r}",
            hint='write [sandbox.environments.data] and below it packages = ["pandas"]',
            setting=_SECTION,
        )
    tables = cast("Mapping[str, object]", value)
    return {name: _environment(name, table, folder, origin, where) for name, table in tables.items()}


def _environment(name: str, table: object, folder: Path, origin: str, where: str) -> EnvironmentSettings:
    setting = f"{_SECTION}.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{where}{setting}: {name!r} is no name for an environment",
            hint="use lower-case letters, digits and hyphens",
            setting=setting,
        )
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"{where}{setting} must be a table, but is {table!r}",
            hint=f'write [{setting}] and below it packages = ["pandas"]',
            setting=setting,
        )
    values = cast("Mapping[str, object]", table)
    for key in values:
        if key not in _KEYS:
            raise unknown_setting(f"{setting}.{key}", [f"{setting}.{known}" for known in _KEYS], origin)
    packages = _texts(values.get("packages", []), f"{setting}.packages", where)
    if not packages:
        raise ConfigError(
            f"{where}{setting} names no packages", hint='such as packages = ["pandas"]', setting=setting
        )
    for package in packages:
        _check_requirement(package, f"{setting}.packages", where)
    preload = _texts(values.get("preload", []), f"{setting}.preload", where)
    for module in preload:
        if not _MODULE.fullmatch(module):
            raise ConfigError(
                f"{where}{setting}.preload: {module!r} is no module's name",
                hint="name modules as import statements do, such as pandas or xml.dom",
                setting=f"{setting}.preload",
            )
    return EnvironmentSettings(packages, preload, folder / f"underpass-env-{name}.txt")


def _texts(value: object, setting: str, where: str) -> tuple[str, ...]:
    items = cast("list[object] | tuple[object, ...]", value) if isinstance(value, list | tuple) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{where}{setting} must be a list of texts, but is {value!r}", setting=setting)
    return tuple(str(item).strip() for item in items)


def _check_requirement(package: str, setting: str, where: str) -> None:
    if _REQUIREMENT.fullmatch(package) and not package.lower().endswith(_ARCHIVES):
        return
    address = "@" in package or "/" in package or "\\" in package or package.lower().endswith(_ARCHIVES)
    raise ConfigError(
        f"{where}{setting}: {package!r} is {'an address or a path' if address else 'no requirement'}",
        hint="name packages of the registry, with versions if need be, such as pandas or pandas>=2,<3",
        setting=setting,
    )
