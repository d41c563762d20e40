"""What the tools of one server have to do with those of another: shared names, look-alikes, mentions.

Nothing is decided by it: a tool is always called by its server and its name. It is shown to people.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from underpass.catalog.definition import Listing

EACH = "each is called by its server's name"
"""Why names that are alike do no harm."""
_COMPOUND = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+")
_SHORTEST_MENTION = 8
_MOST = 100
_LOOKS_LIKE = str.maketrans(
    "аеорсухіјѕԁһԛԝвкмнтіαεικνορτυχ01|",  # noqa: RUF001 - these letters are the point
    "aeopcyxijsdhqwbkmhtiaeiknoptuxoll",
)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A relation between tools of different servers.

    ``shared``: they have the same name, which is common. ``similar``: their names look alike and are not
    the same. ``mentions``: the first one's description names the others.
    """

    kind: Literal["shared", "similar", "mentions"]
    tools: tuple[str, ...]
    """Ids, ``server::name``."""

    @property
    def text(self) -> str:
        """The relation in words."""
        if self.kind == "mentions":
            others = ", ".join(self.tools[1:])
            return f"{self.tools[0]}: its description names another server's tool, {others}"
        what = "have the same name" if self.kind == "shared" else "have names that look alike"
        return f"{', '.join(self.tools)} {what}: {EACH}"


def crossings(listings: Mapping[str, Listing]) -> list[Crossing]:
    """Return the relations between the tools of several servers, at most a hundred of them.

    Shared names come last: they are the least odd.
    """
    found = [*_mentions(listings), *_names(listings)]
    return sorted(found, key=lambda each: each.kind == "shared")[:_MOST]


def _names(listings: Mapping[str, Listing]) -> Iterator[Crossing]:
    alike: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for server, listing in listings.items():
        for tool in listing.tools:
            alike[_look(tool.name)].append((server, tool.name, tool.id))
    for group in alike.values():
        if len({server for server, _, _ in group}) < 2:
            continue
        ids = tuple(tool_id for _, _, tool_id in group)
        yield Crossing("similar" if len({name for _, name, _ in group}) > 1 else "shared", ids)


def _mentions(listings: Mapping[str, Listing]) -> Iterator[Crossing]:
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for server, listing in listings.items():
        for tool in listing.tools:
            # Only names that are no plain words: `search` is in every other description.
            if len(tool.name) >= _SHORTEST_MENTION and _COMPOUND.fullmatch(tool.name):
                owners[tool.name].append(server)
    for server, listing in listings.items():
        for tool in listing.tools:
            words = dict.fromkeys(_COMPOUND.findall(tool.description))
            named = [word for word in words if word in owners and server not in owners[word]]
            if named:
                others = (f"{owner}::{word}" for word in named for owner in owners[word])
                yield Crossing("mentions", (tool.id, *others))


def _look(name: str) -> str:
    """Reduce a name to what it looks like."""
    return unicodedata.normalize("NFKC", name).casefold().translate(_LOOKS_LIKE)
