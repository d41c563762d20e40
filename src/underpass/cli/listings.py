"""The listings that a command works on: those of servers, or of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from underpass.catalog.definition import Finding, Listing
from underpass.cli.output import err, progress, text
from underpass.cli.running import open_catalog, run_async
from underpass.discovery.directory import ToolDirectory
from underpass.errors import ServerUnavailable


class FileListings:
    """The listings of a file, as a source for a ``ToolDirectory``."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._listings)

    async def listing(self, server: str) -> Listing:
        return self._listings[server]

    async def listings(self) -> Mapping[str, Listing]:
        return self._listings


def ask_servers(
    config: Path | None, choose: Callable[[Sequence[str]], str | None] = lambda _: None
) -> tuple[dict[str, Listing], dict[str, str]]:
    """Return the listings of a configuration's servers, and by name why others have none.

    Parameters:
        config: the configuration file.
        choose: given the names of all servers, returns the one to ask, or None for all of them.
    """

    async def ask() -> Mapping[str, Listing | ServerUnavailable]:
        async with open_catalog(config) as catalog:
            server = choose(catalog.names)
            if server is None:
                return await catalog.listings()
            name = ToolDirectory(catalog).server(server)
            return {name: await catalog.listing(name)}

    with progress("Asking the servers for their tools…"):
        answers = run_async(ask)
    listings = {name: answer for name, answer in answers.items() if isinstance(answer, Listing)}
    errors = {name: answer.message for name, answer in answers.items() if not isinstance(answer, Listing)}
    return listings, errors


def report(findings: Iterable[Finding], errors: Mapping[str, str]) -> None:
    """Tell on stderr which servers have no listing, and what was repaired or left out of the others."""
    for name, message in errors.items():
        err().print(text(f"{name}: {message}", "red"), soft_wrap=True)
    for finding in findings:
        line = f"{finding.server}.{finding.tool} {finding.action}: {finding.reason}"
        err().print(text(line, "yellow"), soft_wrap=True)
