"""The folders of built environments, named for what is in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from underpass.config import EnvironmentSettings, Settings
from underpass.environments.lock import Lock, read_lock
from underpass.errors import ConfigError, did_you_mean
from underpass.sandbox.environment import SandboxEnvironment

PACKAGES: Final = "packages"
_PARTIAL: Final = "partial-"
"""Begins the names of folders that are being built or removed."""

State = Literal["built", "outdated", "not built"]


@dataclass(frozen=True, slots=True)
class Status:
    """What there is of one configured environment."""

    name: str
    packages: tuple[str, ...]
    preload: tuple[str, ...]
    state: State
    path: Path | None
    """The folder of installed packages, where one is built from the lock as it is now."""
    size: int
    """Bytes on disk."""


def find(name: str, settings: Settings, state: Path) -> SandboxEnvironment:
    """Return a built environment by its name in the settings.

    Parameters:
        settings: where it is declared.
        state: the folder that holds state, ``.underpass``.

    Raises:
        ConfigError: there is no such environment, or it is not built as it is declared.
    """
    wanted = declared(name, settings)
    lock = read_lock(wanted.lock)
    condition = _state(wanted, lock, state)
    if lock is None or condition != "built":
        why = "its packages changed since it was built" if condition == "outdated" else "it is not built"
        raise ConfigError(
            f"the environment {name!r} cannot be used: {why}",
            hint=f"underpass env build {name}",
            environment=name,
        )
    return SandboxEnvironment(name, folder(state, lock) / PACKAGES, wanted.preload)


def declared(name: str, settings: Settings) -> EnvironmentSettings:
    """Return the settings of one environment. Raises ``ConfigError``."""
    known = settings.sandbox.environments
    if name in known:
        return known[name]
    hint = f'configure it in underpass.toml: [sandbox.environments.{name}] packages = ["pandas"]'
    if close := did_you_mean(name, known):
        hint = f"did you mean {' or '.join(map(repr, close))}?"
    elif known:
        hint = f"there are: {', '.join(sorted(known))}"
    raise ConfigError(f"no environment is named {name!r}", hint=hint, environment=name, known=sorted(known))


def statuses(settings: Settings, state: Path) -> list[Status]:
    """Return what there is of every configured environment. Raises ``ConfigError`` for a bad lock."""
    return [_status(name, wanted, state) for name, wanted in sorted(settings.sandbox.environments.items())]


def folder(state: Path, lock: Lock) -> Path:
    """Where the packages of a lock are, or would be."""
    return root(state) / lock.digest


def root(state: Path) -> Path:
    """Where all environments are."""
    return state / "environments"


def partial(parent: Path) -> Path:
    """Make a folder that ``clear_partial`` removes if nobody finishes it."""
    return Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=parent))


def clear_partial(parent: Path) -> None:
    """Remove what interrupted builds and removals left; the caller holds the store's lock."""
    for left in parent.glob(f"{_PARTIAL}*"):
        shutil.rmtree(left)


def remove(name: str, settings: Settings, state: Path, *, owned: bool) -> int:
    """Remove the built folder of an environment and return how many bytes that freed.

    The lock stays: the next build installs the same again. The caller holds the store's lock.

    Parameters:
        owned: whether all folders there belong to these settings; then those that no environment of
            theirs names go, too.

    Raises:
        ConfigError: there is no such environment.
    """
    wanted = declared(name, settings)
    lock = read_lock(wanted.lock)
    doomed = {folder(state, lock)} if lock is not None else set[Path]()
    if owned:
        named = {folder(state, lock) for lock in _locks(settings.sandbox.environments)}
        doomed |= {found for found in root(state).glob("[0-9a-f]*") if found.is_dir()} - named
    freed = 0
    for path in filter(Path.is_dir, doomed):
        freed += _size(path)
        # Renamed first: nobody shall find half of it.
        shutil.rmtree(path.replace(partial(root(state)) / path.name).parent)
    return freed


def _status(name: str, wanted: EnvironmentSettings, state: Path) -> Status:
    lock = read_lock(wanted.lock)
    condition = _state(wanted, lock, state)
    path = folder(state, lock) if lock is not None and condition == "built" else None
    size = 0 if path is None else _size(path)
    return Status(
        name, wanted.packages, wanted.preload, condition, None if path is None else path / PACKAGES, size
    )


def _state(wanted: EnvironmentSettings, lock: Lock | None, state: Path) -> State:
    if lock is None:
        return "not built"
    if not lock.is_for(wanted.packages):
        return "outdated"
    return "built" if folder(state, lock).is_dir() else "not built"


def _locks(environments: Mapping[str, EnvironmentSettings]) -> Iterator[Lock]:
    for wanted in environments.values():
        if (lock := read_lock(wanted.lock)) is not None:
            yield lock


def _size(path: Path) -> int:
    return sum((Path(where) / file).lstat().st_size for where, _, files in os.walk(path) for file in files)
