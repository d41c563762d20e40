"""Watches whether a run did anything that another run of the same program may not leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from underpass.broker.cache.reads import Reads
from underpass.execution.answer import Keep
from underpass.execution.host import ModuleSource, Question


class RunWatch:
    """What one run rests on.

    Parameters:
        spoiled: called once, when its result turns out to be good for this run alone.
    """

    def __init__(self, spoiled: Callable[[], object]) -> None:
        self.reads = Reads(spoiled)
        self.modules: set[str] = set()
        """The names of the generated modules that it was given."""
        self.before: str | None = None
        """The fingerprint of the workspace when the program began."""
        self.after: str | None = None

    def note_modules(self, names: Iterable[str]) -> None:
        """Add modules that the program has."""
        self.modules.update(names)

    def source(self, modules: ModuleSource) -> ModuleSource:
        """Return the same modules, and learn which the program asks for."""
        return _Watched(modules, self)

    def questions(self, questions: Mapping[str, Question]) -> dict[str, Question]:
        """Return the same answers, none of which another run could be spared."""
        return {name: self._spoiling(answer) for name, answer in questions.items()}

    def keep(self, keep: Keep) -> Keep:
        """Return the same, for what an answer has no room for: no other may name this run's files."""

        def spoil(ending: str, content: bytes) -> str | None:
            self.reads.spoil()
            return keep(ending, content)

        return spoil

    def _spoiling(self, answer: Question) -> Question:
        async def spoil(arguments: Mapping[str, Any]) -> Any:
            self.reads.spoil()
            return await answer(arguments)

        return spoil


class _Watched:
    def __init__(self, modules: ModuleSource, watch: RunWatch) -> None:
        self._modules = modules
        self._watch = watch

    async def module(self, name: str, magic: str) -> Any:
        self._watch.note_modules([name])
        return await self._modules.module(name, magic)
