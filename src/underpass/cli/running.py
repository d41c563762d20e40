"""The configuration in use, and what it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from underpass.catalog.catalog import Catalog
from underpass.catalog.definition import Listing
from underpass.catalog.lock import ToolLock
from underpass.catalog.manifest_cache import ManifestCache
from underpass.cli.asynchronous import run_async
from underpass.codegen.observed import Observations
from underpass.config import find_config, load_settings, state_dir
from underpass.errors import ServerNotFound
from underpass.shapes.recorder import ShapeRecorder

__all__ = ["ALONE", "chosen", "configuration", "observations", "open_catalog", "run_async"]


ALONE: Final[Mapping[str, Any]] = {"journal.resume": "off"}
"""Settings of a command that ends soon: it continues no other runs."""


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
