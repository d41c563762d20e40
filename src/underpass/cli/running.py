"""Finding the configuration in use, and running a command's async part."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TypeVar

import anyio
import click

from underpass.catalog.catalog import Catalog
from underpass.catalog.definition import Listing
from underpass.catalog.lock import ToolLock
from underpass.catalog.manifest_cache import ManifestCache
from underpass.catalog.servers_file import find_config
from underpass.codegen.observed import Observations
from underpass.config import load_settings, state_dir
from underpass.errors import ServerNotFound
from underpass.shapes.recorder import ShapeRecorder

T = TypeVar("T")


def configuration(named: Path | None) -> Path | None:
    """Return the configuration file to use; None, said on stderr, when there is none.

    A file that was named explicitly is returned even if it is missing: reading it fails then.
    """
    if named is not None:
        return named
    found = find_config(Path.cwd())
    if found is None:
        click.echo("no configuration found: there are no servers (`underpass init` writes one)", err=True)
    return found


def open_catalog(config: Path | None) -> Catalog:
    """Return the catalog of a configuration, with the settings beside it; enter it before use.

    Raises:
        ConfigError: the configuration, the settings or the lock file are malformed.
    """
    settings = load_settings(config.absolute().parent if config else Path.cwd())
    lock = None if config is None else ToolLock(config)
    if lock is not None:
        lock.check()
    state = state_dir(config, Path.cwd())
    return Catalog(
        config or {},
        settings=settings.servers,
        limits=settings.calls,
        lock=lock,
        state=state,
        manifests=None if config is None else ManifestCache(state / "manifests"),
    )


def observations(config: Path | None) -> Observations:
    """Return what finds the shapes of earlier results, kept beside a configuration."""
    return ShapeRecorder(state_dir(config, Path.cwd())).find


def chosen(listings: Mapping[str, Listing], server: str | None) -> dict[str, Listing]:
    """Return all listings of a manifest, or the one of ``server``. Raises ``ServerNotFound``."""
    if server is None:
        return dict(listings)
    if server not in listings:
        raise ServerNotFound.named(server, listings)
    return {server: listings[server]}


def run_async(main: Callable[[], Awaitable[T]]) -> T:
    """Run ``main`` to its end; SIGTERM ends it in the same orderly way as SIGINT.

    Raises:
        KeyboardInterrupt: on SIGINT, when everything that ``main`` had opened is closed.
        SystemExit: on SIGTERM, with status 143.
    """
    terminated = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        return anyio.run(main)
    except KeyboardInterrupt:
        if terminated:
            raise SystemExit(128 + signal.SIGTERM) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
