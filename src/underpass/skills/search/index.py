"""The ranking of tools, over skills: the same words, weights and meanings, another kind of document."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from underpass.catalog.definition import ToolDefinition
from underpass.discovery.embeddings import Embeddings
from underpass.discovery.fusion import fuse, share_of_meaning, unit_of, unit_of_both
from underpass.discovery.meanings import Meanings
from underpass.discovery.postings import Postings
from underpass.discovery.query import query_terms
from underpass.discovery.ranking import ideal, rank
from underpass.discovery.weights import impacts
from underpass.discovery.words import terms
from underpass.skills.skill import SkillEntry

_NEAREST = 100
_Key = tuple[str, str, str]


class SkillIndex:
    """The skills of all agents, each text once; what one agent sees is told with each search.

    Parameters:
        embeddings: finds skills by their meaning as well, as their vectors arrive.

    Raises:
        ConfigError: with ``embeddings`` and without the extra ``semantic``.
    """

    def __init__(self, embeddings: Embeddings | None = None) -> None:
        self._documents: dict[int, ToolDefinition] = {}
        self._words: dict[int, tuple[str, ...]] = {}
        self._numbers: dict[_Key, int] = {}
        self._holders: dict[int, int] = {}
        self._postings = Postings()
        self._meanings = None if embeddings is None else Meanings(embeddings, self._documents.__getitem__)
        self._next = 0

    def __len__(self) -> int:
        return len(self._documents)

    def hold(self, entries: Sequence[SkillEntry]) -> list[int]:
        """Enter skills, and return their numbers; the same text has the same one, and is entered once."""
        numbers: list[int] = []
        new: list[int] = []
        for entry in entries:
            key = _key(entry)
            if (number := self._numbers.get(key)) is None:
                number = self._numbers[key] = self._next
                self._next += 1
                self._enter(number, document(entry))
                new.append(number)
            self._holders[number] = self._holders.get(number, 0) + 1
            numbers.append(number)
        if self._meanings is not None and new:
            self._meanings.add(new, {})
        return numbers

    def release(self, entry: SkillEntry) -> None:
        """Undo one ``hold``; a text that nobody holds any more leaves."""
        number = self._numbers[_key(entry)]
        self._holders[number] -= 1
        if self._holders[number]:
            return
        del self._holders[number], self._numbers[_key(entry)]
        self._postings.remove(number, self._words.pop(number))
        if self._meanings is not None:
            self._meanings.remove(number)
        del self._documents[number]

    def search(self, query: str, allowed: Collection[int]) -> Mapping[int, tuple[float, float]]:
        """Return score and fit (as of a tool's hit) of the skills of ``allowed`` that fit ``query``."""
        if not allowed:
            return {}
        within = None if len(allowed) == len(self) else allowed
        found = query_terms(query)
        near = None if self._meanings is None else self._meanings.near(query, within, _NEAREST)
        scores = rank(
            found,
            self._postings,
            len(self),
            names=self._name_terms,
            allowed=within,
            named={},
            also=near.nearest if near else (),
        )
        whole = ideal(found, self._postings, len(self))
        unit = unit_of(scores, whole)
        if near is not None:
            share = share_of_meaning(max(scores.values(), default=0.0), whole)
            unit = unit_of_both(scores, unit, near.of, share=share)
            scores = fuse(scores, near.of, usual=near.usual, share=share)
        return {number: (score, score * unit) for number, score in scores.items() if score > 0}

    def _enter(self, number: int, skill: ToolDefinition) -> None:
        weights = impacts(skill)
        self._documents[number] = skill
        self._words[number] = tuple(weights)
        self._postings.add(number, weights)

    def _name_terms(self, number: int) -> Sequence[str]:
        return _terms(self._documents[number].name)


def document(entry: SkillEntry) -> ToolDefinition:
    """Return what stands for a skill: its servers, its name, its description, its tags and tools."""
    pairs = [tool.rpartition(".") for tool in entry.tools]
    words = [*entry.tags, *(name for _, _, name in pairs)]
    return ToolDefinition(
        " ".join(dict.fromkeys(server for server, _, _ in pairs)),
        entry.name,
        entry.description,
        input_schema={"properties": {word: {} for word in words}},
    )


def _key(entry: SkillEntry) -> _Key:
    # The digest stands for all files; one that cannot be read has none.
    return entry.name, entry.digest, "" if entry.digest else entry.description


@lru_cache(maxsize=16_384)
def _terms(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(terms(name)))
