"""A ranked search over tool definitions, held in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.observed import Observations, unobserved
from underpass.discovery import storage
from underpass.discovery.capabilities import capabilities_of
from underpass.discovery.categories import canonical, classify
from underpass.discovery.duplicates import collapsed
from underpass.discovery.embeddings import Embeddings
from underpass.discovery.fusion import fuse, share_of_meaning, unit_of, unit_of_both
from underpass.discovery.hit import Hit
from underpass.discovery.labels import own_category
from underpass.discovery.meanings import Meanings
from underpass.discovery.mentions import ServerNames
from underpass.discovery.postings import Postings
from underpass.discovery.query import query_terms
from underpass.discovery.ranking import ideal, rank
from underpass.discovery.storage import Entry
from underpass.discovery.weights import impacts
from underpass.discovery.words import terms

Definition = ToolDefinition | Mapping[str, Any]
"""A definition, or an entry of a ``tools/list`` answer with a key ``server`` beside it."""


_NEAREST = 100


class ToolIndex:
    """Finds tools by words, with filters by server, category and capability.

    Made by ``ToolIndex.build`` or ``ToolIndex.load``. Servers come and go with ``add`` and ``remove``;
    what is found depends on the tools that are in, and not on the order they came in.

    Parameters:
        embeddings: finds tools by their meaning as well, as their vectors arrive; one may serve several
            indexes. Default: words alone.

    Raises:
        ConfigError: with ``embeddings`` and without the extra ``semantic``.
    """

    def __init__(self, embeddings: Embeddings | None = None) -> None:
        self._entries: dict[int, Entry] = {}
        self._tools: dict[int, ToolDefinition] = {}
        self._stored: storage.Stored | None = None  # the definitions that are not read yet
        self._by_server: dict[str, list[int]] = {}
        self._groups: dict[str, dict[str, set[int]]] = {"category": {}, "capability": {}}
        self._postings = Postings()
        self._names = ServerNames()
        self._words: dict[int, tuple[str, ...]] = {}  # of tools that were added here
        self._meanings = None if embeddings is None else Meanings(embeddings, self._tool)
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def servers(self) -> tuple[str, ...]:
        """The names of the servers, sorted."""
        return tuple(sorted(self._by_server))

    @classmethod
    def build(cls, definitions: Iterable[Definition], embeddings: Embeddings | None = None) -> ToolIndex:
        """Make an index of ``definitions``.

        Parameters:
            definitions: objects, or mappings with the keys ``server``, ``name``, ``description``,
                ``inputSchema`` …; a key ``category`` is the server's own label.
            embeddings: as above.
        """
        index = cls(embeddings)
        index.add(definitions)
        return index

    def add(self, definitions: Iterable[Definition]) -> None:
        """Add tools; one whose id is known already takes the other's place.

        The other tools of a server that gains some keep the category that they have.
        """
        new: dict[str, dict[str, ToolDefinition]] = {}
        for definition in definitions:
            tool = definition if isinstance(definition, ToolDefinition) else _definition(definition)
            new.setdefault(tool.server, {})[tool.name] = tool
        for server in sorted(new):
            for number in self._by_server.get(server, ()):
                if self._entries[number].name in new[server]:
                    self._drop(number)
            tools = sorted(new[server].values(), key=lambda tool: tool.name)
            self._add(server, tools)

    def remove(self, server: str) -> None:
        """Remove all tools of a server; of one that is not there, nothing."""
        for number in self._by_server.get(server, ()):
            self._drop(number)
        self._tidy(server)

    def search(
        self,
        query: str,
        limit: int = 10,
        server: str | None = None,
        category: str | None = None,
        capabilities: str | Iterable[str] | None = None,
        *,
        collapse: bool = False,
        observed: Observations = unobserved,
    ) -> list[Hit]:
        """Return the tools that fit ``query`` best, the best first.

        Parameters:
            query: words for one step; a server that is named in it comes to the front.
            limit: how many at most.
            server: only tools of the server with this exact name; those that fit no word come last.
            category: only tools of this category (``list_categories``).
            capabilities: only tools that have all of these (``list_capabilities``).
            collapse: whether of nearly equal tools of several servers only the best is returned, with
                the others' ids in its ``also``.
            observed: finds what earlier results of a tool looked like, for its signature.
        """
        if limit <= 0:
            return []
        allowed = self._allowed(server, category, capabilities)
        if allowed is not None and not allowed:
            return []
        found = query_terms(query)
        named: dict[int, float] = {}
        if server is None:
            rarity = partial(self._postings.rarity, tools=len(self))
            for name, sure in self._names.mentioned(query, found, rarity):
                named.update(dict.fromkeys(self._by_server[name], sure))
        near = None if self._meanings is None else self._meanings.near(query, allowed, _NEAREST)
        scores = rank(
            found,
            self._postings,
            len(self),
            names=self._name_terms,
            allowed=allowed,
            named=named,
            also=near.nearest if near else (),
        )
        unit = unit_of(scores, ideal(found, self._postings, len(self), named=bool(named)))
        if near is not None:
            best = max(scores.values(), default=0.0)
            whole = ideal(found, self._postings, len(self))
            share = share_of_meaning(best, whole if server is None else 0.0)
            unit = unit_of_both(scores, unit, near.of, share=share)
            scores = fuse(scores, near.of, usual=near.usual, share=share)
        if server is not None and allowed is not None and len(scores) < limit:
            scores |= dict.fromkeys(allowed - scores.keys(), 0.0)
        best = sorted(scores, key=lambda number: (-scores[number], *self._key(number)))
        if server is None:
            best = [number for number in best if scores[number] > 0]
        if not collapse:
            return [self._hit(number, scores[number], observed, unit) for number in best[:limit]]
        groups = collapsed(best, self._tool, limit)
        return [self._hit(first, scores[first], observed, unit, also) for first, also in groups]

    def list_categories(self, server: str | None = None) -> dict[str, int]:
        """Return each category with how many tools it has, the largest first.

        Parameters:
            server: of this server's tools only.
        """
        return self._counted("category", server)

    def list_capabilities(self, server: str | None = None) -> dict[str, int]:
        """Return each capability with how many tools have it, the commonest first.

        Parameters:
            server: of this server's tools only.
        """
        return self._counted("capability", server)

    def save(self, path: Path | str) -> None:
        """Write the index into a file, in one step.

        Raises:
            OSError: the file cannot be written.
        """
        numbers = sorted(self._entries, key=self._key)
        places = {number: place for place, number in enumerate(numbers)}
        storage.write(
            Path(path),
            [self._entries[number] for number in numbers],
            [self._text(number) for number in numbers],
            list(self._postings.packed(places)),
            [] if self._meanings is None else list(map(self._meanings.key, numbers)),
        )

    @classmethod
    def load(cls, path: Path | str, embeddings: Embeddings | None = None) -> ToolIndex:
        """Read an index that ``save`` has written. Vectors are in a file of their own.

        Parameters:
            embeddings: as above.

        Raises:
            ConfigError: there is no such file, or it is of another version, or damaged.
        """
        stored = storage.read(Path(path))
        index = cls(embeddings)
        index._postings = Postings(stored.postings)
        for number, entry in enumerate(stored.entries):
            index._enter(number, entry)
        index._stored = stored
        index._next = len(stored.entries)
        if index._meanings is not None:
            index._meanings.add(range(index._next), dict(enumerate(stored.keys)))
        return index

    def _add(self, server: str, tools: Sequence[ToolDefinition]) -> None:
        weighed = [impacts(tool) for tool in tools]
        guessed = classify(weighed)
        for tool, weights, guess in zip(tools, weighed, guessed, strict=True):
            number = self._next
            self._next += 1
            label = own_category(tool)
            category = guess if label is None else canonical(label)
            entry = Entry(server, tool.name, category, capabilities_of(tool, _terms(tool.name)))
            self._enter(number, entry)
            self._tools[number] = tool
            self._postings.add(number, weights)
            self._words[number] = tuple(weights)
        if self._meanings is not None:
            self._meanings.add(range(self._next - len(tools), self._next), {})
        self._tidy(server)

    def _enter(self, number: int, entry: Entry) -> None:
        self._entries[number] = entry
        if entry.server not in self._by_server:
            self._by_server[entry.server] = []
            self._names.add(entry.server)
        self._by_server[entry.server].append(number)
        self._groups["category"].setdefault(entry.category, set()).add(number)
        for capability in entry.capabilities:
            self._groups["capability"].setdefault(capability, set()).add(number)

    def _drop(self, number: int) -> None:
        self._postings.remove(number, self._words.pop(number, None) or impacts(self._tool(number)))
        entry = self._entries.pop(number)
        self._tools.pop(number, None)
        if self._meanings is not None:
            self._meanings.remove(number)
        self._groups["category"][entry.category].discard(number)
        for capability in entry.capabilities:
            self._groups["capability"][capability].discard(number)

    def _tidy(self, server: str) -> None:
        left = [number for number in self._by_server.get(server, ()) if number in self._entries]
        if left:
            self._by_server[server] = left
        elif self._by_server.pop(server, None) is not None:
            self._names.remove(server)

    def _allowed(
        self, server: str | None, category: str | None, capabilities: str | Iterable[str] | None
    ) -> set[int] | None:
        wanted = [capabilities] if isinstance(capabilities, str) else list(capabilities or ())
        sets: list[Collection[int]] = [self._groups["capability"].get(name, ()) for name in wanted]
        if category is not None:
            sets.append(self._groups["category"].get(canonical(category), ()))
        if server is not None:
            sets.append(self._by_server.get(server, ()))
        if not sets:
            return None
        first, *rest = sorted(sets, key=len)
        return set(first).intersection(*rest)

    def _counted(self, kind: str, server: str | None) -> dict[str, int]:
        within = None if server is None else set(self._by_server.get(server, ()))
        counts = Counter(
            {
                name: len(numbers if within is None else numbers & within)
                for name, numbers in sorted(self._groups[kind].items())
            }
        )
        return {name: count for name, count in counts.most_common() if count}

    def _key(self, number: int) -> tuple[str, str]:
        entry = self._entries[number]
        return entry.server, entry.name

    def _name_terms(self, number: int) -> Sequence[str]:
        return _terms(self._entries[number].name)

    def _tool(self, number: int) -> ToolDefinition:
        tool = self._tools.get(number)
        if tool is None:
            assert self._stored is not None
            text = self._stored.definition(number)
            tool = self._tools[number] = storage.from_bytes(self._entries[number].server, text)
        return tool

    def _text(self, number: int) -> bytes:
        if number in self._tools or self._stored is None:
            return storage.to_bytes(self._tool(number))
        return bytes(self._stored.definition(number))

    def _hit(
        self, number: int, score: float, observed: Observations, unit: float, also: Sequence[int] = ()
    ) -> Hit:
        tool, entry = self._tool(number), self._entries[number]
        others = tuple("::".join(self._key(other)) for other in also)
        return Hit(tool, score, entry.category, entry.capabilities, others, observed(tool), fit=score * unit)


@lru_cache(maxsize=65_536)
def _terms(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(terms(name)))


def _definition(entry: Mapping[str, Any]) -> ToolDefinition:
    server = entry.get("server") or str(entry.get("id", "")).partition("::")[0]
    tool = ToolDefinition.from_json(server, entry)
    label = entry.get("category")
    if not isinstance(label, str) or own_category(tool) is not None:
        return tool
    return ToolDefinition.from_json(server, {**entry, "_meta": {**tool.meta, "category": label}})
