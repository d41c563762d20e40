"""Building an environment: a lock from its packages, and a folder of packages from its lock."""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

import anyio

from underpass.config import Settings
from underpass.environments import pip
from underpass.environments.lock import Lock, new_lock, read_lock
from underpass.environments.store import PACKAGES, clear_partial, declared, folder, partial, root
from underpass.errors import ConfigError, SandboxUnavailable, did_you_mean

_POLL: Final = 0.1
"""Seconds between looks whether another builder has finished."""

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """An environment that is ready."""

    name: str
    path: Path
    """The folder of installed packages."""
    lock: Path
    lock_change: Literal["unchanged", "made", "refreshed"]
    """``refreshed``: the packages in the settings were no longer the locked ones."""
    pins: tuple[str, ...]
    """What is installed, as ``NAME==VERSION``."""
    fresh: bool
    """Whether it was installed just now, and not there already."""


async def build(name: str, settings: Settings, state: Path, report: Report = lambda _: None) -> Built:
    """Make an environment as it is declared; at once where it is there already.

    The lock decides what is installed. It is made when it is absent, and again when the packages in the
    settings have changed. Concurrent builders wait for each other; an interrupted one leaves
    nothing that counts as built.

    Parameters:
        state: the folder that holds state, ``.underpass``.
        report: told what is going on, in a few words.

    Raises:
        ConfigError: there is no such environment, or its packages cannot be had.
        SandboxUnavailable: pip, the registry or the folder cannot be used.
    """
    wanted = declared(name, settings)
    async with exclusive(state, report):
        scratch = partial(root(state))
        try:
            lock, change = await _lock(name, wanted.packages, wanted.lock, scratch, report)
            target = folder(state, lock)
            fresh = not target.is_dir()
            if fresh:
                await _install(name, lock, target, scratch, report)
        finally:
            shutil.rmtree(scratch)
    for module in wanted.preload:
        _check_preload(name, module, target / PACKAGES)
    pins = tuple(f"{pin.name}=={pin.version}" for pin in lock.pins)
    return Built(name, target / PACKAGES, wanted.lock, change, pins, fresh)


@asynccontextmanager
async def exclusive(state: Path, report: Report = lambda _: None) -> AsyncGenerator[None]:
    """Hold the store alone: no one else builds or removes meanwhile.

    Raises:
        SandboxUnavailable: in place of an ``OSError``, also of the body's.
    """
    try:
        root(state).mkdir(parents=True, exist_ok=True)
        with (root(state) / ".lock").open("w") as file:
            while not _locked(file):
                report("Waiting for another build…")
                await anyio.sleep(_POLL)
            clear_partial(root(state))
            yield
    except OSError as error:
        raise SandboxUnavailable(
            f"environments cannot be built or removed: {error}",
            hint="make the folder writable, or name another place in $UNDERPASS_HOME",
        ) from error


def _locked(file: IO[str]) -> bool:
    try:
        # The kernel drops the lock with its holder, so an interrupted one leaves none behind.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _lock(
    name: str, packages: tuple[str, ...], path: Path, scratch: Path, report: Report
) -> tuple[Lock, Literal["unchanged", "made", "refreshed"]]:
    lock = read_lock(path)
    if lock is not None and lock.is_for(packages):
        return lock, "unchanged"
    report(f"Resolving {', '.join(packages)}…")
    resolved = new_lock(packages, await pip.resolve(name, packages, scratch))
    resolved.write(path, name)
    return resolved, "made" if lock is None else "refreshed"


async def _install(name: str, lock: Lock, target: Path, scratch: Path, report: Report) -> None:
    made = scratch / "made"
    made.mkdir()
    made.chmod(0o755)  # whatever the umask: the sandbox is another user
    report(f"Installing {len(lock.pins)} package{'' if len(lock.pins) == 1 else 's'}…")
    await pip.install(name, lock, made / PACKAGES, scratch)
    report("Compiling…")
    # The folder never changes, so nobody has to compare times with the source. Some packages come with
    # files that are no Python, such as templates: that these fail to compile is no matter.
    compiling = ("-I", "-m", "compileall", "-qq", "--invalidation-mode=unchecked-hash", PACKAGES)
    await pip.run([sys.executable, *compiling], made)
    made.replace(target)


def _check_preload(name: str, module: str, packages: Path) -> None:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or any(packages.glob(f"{top}.*")) or (packages / top).is_dir():
        return
    known = {path.name.partition(".")[0] for path in packages.iterdir() if not path.name.endswith("-info")}
    close = did_you_mean(top, known)
    raise ConfigError(
        f"the environment {name!r} preloads {module!r}, which is in none of its packages",
        hint=f"did you mean {' or '.join(close)}?" if close else "correct preload in underpass.toml",
        environment=name,
    )
