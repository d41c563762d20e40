"""What one agent sees of the skills, and which of them it can use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from underpass.skills.search.index import SkillIndex
from underpass.skills.skill import Language, SkillEntry


class View:
    """One agent's skills in the index; brought up to a listing at the cost of what has changed.

    Parameters:
        index: holds the skills' texts.
    """

    def __init__(self, index: SkillIndex) -> None:
        self._index = index
        self._entries: tuple[SkillEntry, ...] = ()
        self._by_name: Mapping[str, SkillEntry] = {}
        self._numbers: dict[str, int] = {}
        self._servers: frozenset[str] = frozenset()
        self.by_number: dict[int, SkillEntry] = {}
        self.usable: dict[Language, set[int]] = {"python": set(), "typescript": set()}
        """The skills that programs of a language can import."""
        self.problems: dict[int, str] = {}
        """Why the others cannot be used."""

    def update(self, entries: Sequence[SkillEntry], servers: Collection[str]) -> None:
        """Take the agent's present listing.

        Parameters:
            servers: the names of the servers there are.
        """
        known = frozenset(servers)
        # Equal tuples of the same objects compare at once.
        if tuple(entries) == self._entries and known == self._servers:
            return
        now = {entry.name: entry for entry in entries}
        changed = _others(now, self._by_name)
        gone = _others(self._by_name, now)
        # Entered before others leave: what only moved keeps its place in the index.
        numbers = self._index.hold(changed)
        for entry in gone:
            self._leave(entry)
        for number, entry in zip(numbers, changed, strict=True):
            self._numbers[entry.name] = number
            self.by_number[number] = entry
        self._entries, self._by_name = tuple(entries), now
        if known != self._servers:
            self._servers = known
            changed = list(now.values())
        for entry in changed:
            self._sort(entry)

    def close(self) -> None:
        """Let the index forget what only this view holds."""
        for entry in self._entries:
            self._leave(entry)
        self._entries, self._by_name = (), {}

    def problem(self, entry: SkillEntry) -> str | None:
        """Return why a skill cannot be used here; None where it can."""
        return self.problems.get(self._numbers[entry.name])

    def _leave(self, entry: SkillEntry) -> None:
        self._take_out(number := self._numbers.pop(entry.name))
        del self.by_number[number]
        self._index.release(entry)

    def _sort(self, entry: SkillEntry) -> None:
        self._take_out(number := self._numbers[entry.name])
        if (problem := entry.problem or _missing(entry, self._servers)) is not None:
            self.problems[number] = problem
        else:
            self.usable[entry.language].add(number)

    def _take_out(self, number: int) -> None:
        self.problems.pop(number, None)
        for numbers in self.usable.values():
            numbers.discard(number)


def _others(these: Mapping[str, SkillEntry], those: Mapping[str, SkillEntry]) -> list[SkillEntry]:
    """Return those of ``these`` that are not the same in ``those``."""
    return [
        entry
        for name, entry in these.items()
        # To compare all fields of five thousand equal ones would take longer than the rest.
        if (other := those.get(name)) is not entry and other != entry
    ]


def _missing(entry: SkillEntry, servers: Collection[str]) -> str | None:
    """Say which servers a skill needs that there are not."""
    names = dict.fromkeys(tool for tool in entry.tools if server_of(tool, servers) is None)
    if not names:
        return None
    wanted = dict.fromkeys(tool.rpartition(".")[0] for tool in names)
    return f"it needs servers that are not configured here: {', '.join(wanted)}"[:500]


def server_of(tool: str, servers: Collection[str]) -> str | None:
    """Return the server of ``server.tool``, where it is one of ``servers``: both parts may hold dots."""
    at = tool.find(".")
    while at != -1:
        if tool[:at] in servers:
            return tool[:at]
        at = tool.find(".", at + 1)
    return None
