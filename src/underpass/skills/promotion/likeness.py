"""Which skills do the same, and which are so similar that a person should look at both.

- The same: their functions have the same normalised tree, where a parameter counts as a literal. It is the
  skill that there is, and nothing is made.
- Similar: the same language and the same tools, and more than ``SIMILAR`` of the words of their descriptions
  are common to both, or their names differ in a number alone. A new one waits for review then, whatever the
  settings say.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from underpass.errors import SkillError
from underpass.skills.promotion.gates import similar
from underpass.skills.promotion.generalise import shape_of
from underpass.skills.skill import Skill, SkillDraft, SkillEntry

SIMILAR: Final = 0.8
_CACHED: Final = 10_000
_NUMBERED: Final = re.compile(r"-[0-9]+$")


class Shelves(Protocol):
    """Libraries whose skills can be looked at."""

    def entries(self, agent: str) -> Sequence[SkillEntry]:
        """See ``SkillSource.entries``."""
        ...

    def waiting(self, agent: str) -> Sequence[SkillEntry]:
        """Return what waits for approval."""
        ...

    def look(self, name: str, agent: str, *, waiting: bool = False) -> Skill:
        """Return a skill, whether it may be used or not."""
        ...


class Likeness:
    """Compares drafts with the skills of libraries; it waits for the disk, and is for any thread."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self._shapes: OrderedDict[str, str] = OrderedDict()

    def names(self, agent: str) -> frozenset[str]:
        """Return the names of all skills that ``agent`` sees, those that wait among them."""
        return frozenset(entry.name for entry, _ in self._all(agent))

    def same(self, draft: SkillDraft, agent: str) -> str | None:
        """Return the name of a skill that does the same as a draft."""
        try:
            wanted = shape_of(draft.language, draft.code, draft.entrypoint).digest
        except ValueError:
            return None
        for entry, waits in self._comparable(draft, agent):
            if self._shape(entry, agent, waiting=waits) == wanted:
                return entry.name
        return None

    def similar(self, draft: SkillDraft, agent: str) -> str | None:
        """Return the name of a skill that is similar to a draft."""
        plain = _NUMBERED.sub("", draft.name)
        for entry, _ in self._comparable(draft, agent):
            if entry.name == draft.name:
                continue
            if (
                _NUMBERED.sub("", entry.name) == plain
                or similar(entry.description, draft.description) > SIMILAR
            ):
                return entry.name
        return None

    def _all(self, agent: str) -> Iterator[tuple[SkillEntry, bool]]:
        yield from ((entry, False) for entry in self._shelves.entries(agent))
        yield from ((entry, True) for entry in self._shelves.waiting(agent))

    def _comparable(self, draft: SkillDraft, agent: str) -> Iterator[tuple[SkillEntry, bool]]:
        tools = set(draft.tools)
        for entry, waits in self._all(agent):
            if entry.language == draft.language and set(entry.tools) == tools:
                yield entry, waits

    def _shape(self, entry: SkillEntry, agent: str, *, waiting: bool) -> str:
        if (known := self._shapes.get(entry.digest)) is not None:
            return known
        try:
            skill = self._shelves.look(entry.name, agent, waiting=waiting).draft
            shape = shape_of(skill.language, skill.code, skill.entrypoint).digest
        except (SkillError, ValueError):
            shape = ""
        self._shapes[entry.digest] = shape
        if len(self._shapes) > _CACHED:
            self._shapes.popitem(last=False)
        return shape
