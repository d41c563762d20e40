"""The lock of an environment: exact versions with hashes, in a file to commit and to review.

It is a requirements file that pip could read. We read it strictly all the same: it may come with
someone else's repository, and a requirements file can also name indexes, folders and programs to build.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from underpass.errors import ConfigError

_PIN: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.+!_-]+)"
    r"(?P<hashes>(\s+--hash=sha256:[0-9a-f]{64})+)"
)
_PACKAGES: Final = "# packages: "
_RESOLVED: Final = "# resolved for: "


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """One release of one package, and the artefacts of it that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """SHA-256, as hexadecimal digits."""

    def __str__(self) -> str:
        return " \\\n    ".join(
            [f"{self.name}=={self.version}", *(f"--hash=sha256:{h}" for h in self.hashes)]
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """What an environment consists of."""

    packages: tuple[str, ...]
    """The requirements that were resolved."""
    resolved_for: str
    """The Python and the platform they were resolved for, for people."""
    pins: tuple[Pin, ...]

    @property
    def digest(self) -> str:
        """What tells this set of packages, built for this Python and platform, from any other."""
        built_for = f"{sys.implementation.cache_tag} {sysconfig.get_platform()}"
        return hashlib.sha256(f"{built_for}\n{self.pinned()}".encode()).hexdigest()

    def pinned(self) -> str:
        """Return the pins as pip reads them."""
        return "".join(f"{pin}\n" for pin in self.pins)

    def is_for(self, packages: Iterable[str]) -> bool:
        """Whether these requirements are the ones that were resolved, in whatever order."""
        return _normal(self.packages) == _normal(packages)

    def write(self, path: Path, name: str) -> None:
        """Write the lock so that nobody ever sees half of it."""
        text = (
            f"# Made by `underpass env build {name}`: commit it. For newer releases, remove it and build.\n"
            f"{_PACKAGES}{json.dumps(self.packages)}\n{_RESOLVED}{self.resolved_for}\n{self.pinned()}"
        )
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise


def new_lock(packages: Iterable[str], pins: Iterable[Pin]) -> Lock:
    """Return a lock of what was resolved just now."""
    version = ".".join(map(str, sys.version_info[:2]))
    built_for = f"{platform.python_implementation()} {version} on {sysconfig.get_platform()}"
    return Lock(tuple(packages), built_for, tuple(sorted(pins)))


def read_lock(path: Path) -> Lock | None:
    """Return the lock in a file; None where there is no file. Raises ``ConfigError``."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", path=str(path)) from error
    pins: list[Pin] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = _PIN.fullmatch(line.strip())
        if found is None:
            raise ConfigError(
                f"{path}: {line.strip()[:100]!r} is no pin with a SHA-256 hash",
                hint="a lock holds NAME==VERSION --hash=sha256:…; to make a new one, remove it and build",
                path=str(path),
            )
        hashes = tuple(part.rpartition(":")[2] for part in found["hashes"].split())
        pins.append(Pin(found["name"], found["version"], hashes))
    return Lock(_packages(text), _after(_RESOLVED, text), tuple(sorted(pins)))


def _packages(text: str) -> tuple[str, ...]:
    try:
        packages: Any = json.loads(_after(_PACKAGES, text))
    except ValueError:  # edited by hand: it is the lock of nothing that we know, so it is outdated
        return ()
    return tuple(map(str, cast("list[object]", packages))) if isinstance(packages, list) else ()


def _after(key: str, text: str) -> str:
    return next((line.removeprefix(key) for line in text.splitlines() if line.startswith(key)), "")


def _normal(packages: Iterable[str]) -> set[str]:
    return {re.sub(r"\s", "", package) for package in packages}
