"""What definitions of tools take of a context, in both ways of calling them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from underpass.catalog.definition import Listing
from underpass.codegen.names import identifiers
from underpass.config import DiscoverySettings
from underpass.discovery.known_tools import all_signatures, definition_text
from underpass.metrics import tokens

FACADE_TOKENS: Final = 350
"""What the tools of ``underpass serve`` take at most, besides the lines of the servers' own tools."""


class Definitions(NamedTuple):
    """Tokens of definitions."""

    servers: Mapping[str, tuple[int, int]]
    """By server: how many tools it has, and the tokens of their definitions."""
    code: int
    """What is carried where programs call the tools."""

    @property
    def direct(self) -> int:
        """What is carried where a model calls the tools."""
        return sum(size for _, size in self.servers.values())


class DefinitionCounter:
    """Counts definitions, each listing once. For one thread at a time."""

    def __init__(self, settings: DiscoverySettings) -> None:
        self._settings = settings
        self._known: dict[str, Listing] = {}
        self._counted = Definitions({}, FACADE_TOKENS)

    def count(self, known: Mapping[str, Listing]) -> tuple[Definitions, bool]:
        """Return the tokens of the listings that are known, and whether they are others than before."""
        new = {name: listing for name, listing in known.items() if self._known.get(name) is not listing}
        if not new and len(known) == len(self._known):
            return self._counted, False
        counted = {
            server: (len(listing.tools), sum(tokens.count(definition_text(tool)) for tool in listing.tools))
            for server, listing in new.items()
        }
        servers = {server: counted.get(server) or self._counted.servers[server] for server in known}
        lines = all_signatures(identifiers(list(known), "server"), known, self._settings)
        code = FACADE_TOKENS + (0 if lines is None else tokens.count(lines))
        self._known, self._counted = dict(known), Definitions(servers, code)
        return self._counted, True
