"""The seams between the parts of skills."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from underpass.skills.skill import Case, Scope, Skill, SkillDraft, SkillEntry, Status, Use


class SkillSource(Protocol):
    """Where skills are found. It waits for the disk, and not long: what it has read it remembers."""

    def find(self, name: str, agent: str, version: str | None = None) -> Skill:
        """Return a skill as ``agent`` sees it: of the nearest library; by default the newest version.

        Parameters:
            name: with hyphens or underscores.

        Raises:
            SkillNotFound: with the nearest names.
            SkillInvalid: its files are damaged or not what the standard allows.
            SkillRefused: its folder is not trusted, or it waits for approval.
        """
        ...

    def entries(self, agent: str) -> Sequence[SkillEntry]:
        """Return every skill that ``agent`` sees, by name; those that cannot be used say why."""
        ...


class SkillStore(SkillSource, Protocol):
    """Libraries that can be changed."""

    def save(
        self,
        draft: SkillDraft,
        scope: Scope,
        agent: str,
        *,
        status: Status = "active",
        version: str | None = None,
    ) -> Skill:
        """Write a skill, whole or not at all; an older version of it stays loadable.

        Parameters:
            version: by default 1.0.0 for a new name; else the next minor version, the next major one where
                the signature has changed, the next patch where the code has not.

        Raises:
            SkillInvalid: the draft breaks the standard's rules or holds a secret.
            SkillNotSaved: the disk does not take it.
        """
        ...

    def set_status(self, name: str, scope: Scope, agent: str, status: Status) -> Skill:
        """Approve, archive or bring back a skill."""
        ...

    def versions(self, name: str, agent: str) -> Sequence[str]:
        """Return the versions that can be loaded, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one recorded case went."""

    case: Case
    passed: bool
    detail: str = ""
    """What differed, in one line; empty where nothing did."""


class Rehearsal(Protocol):
    """Runs recorded cases in a fresh sandbox, with the recorded answers of the tools."""

    async def rehearse(self, draft: SkillDraft) -> Sequence[CaseResult]:
        """Run all cases of ``draft``. No tool is called. A sandbox that cannot be had raises."""
        ...


class Admission(Protocol):
    """Decides whether a skill may be imported now: whether its tools are still what they were."""

    async def admit(self, skill: Skill, agent: str) -> None:
        """Return where it may, at once for what was admitted before and has not changed since.

        Raises:
            SkillStale: a tool that it calls is gone or changed, and its cases do not pass any more
                (``tools``, ``cases``); or its server is not connected.
        """
        ...


class Uses(Protocol):
    """Is told which skills programs call."""

    def note(self, use: Use) -> None:
        """Take down one use. It must be fast, and not raise."""
        ...


Question = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Answers a program: it is given arguments by name, and its value is made JSON of."""


class SkillQuestions(Protocol):
    """Answers what programs ask of skills."""

    def questions(self, agent: str, run: str) -> Mapping[str, Question]:
        """Return the answers for the programs of one run, by name; asked for once a run, so it is fast.

        An ``UnderpassError`` of an answer is raised in the program. The arguments come from a program: they
        may be missing, or of any type. What the guest sends, and what is to come back:

        - ``search_tools``: as without skills, and ``skills``: then the hits of both, in one ranking.
        - ``search_skills``: ``query``, ``language`` (``python`` or ``typescript``: the program's), and
          ``limit`` where it was given. Back: a list, the best first, of objects with ``name``, ``import``
          (the line that imports it), ``summary``, ``signature``, ``version``, ``scope``, ``language``,
          ``uses``, ``success`` (0 to 1, null where it was never used) and ``score``.
        - ``list_skills``: ``language``. Back: such objects without ``score``, by name; all languages, with
          ``problem`` (text, or null) for one that cannot be used.
        - ``save_skill``: ``name``, ``description``, ``code``, ``language``, and where they were given
          ``entrypoint``, ``examples``, ``pitfalls``, ``tags``, ``cases`` (a list of objects with
          ``arguments`` and ``result``) and ``scope``. Back: an object with ``name``, ``version``,
          ``digest``, ``status``, ``scope`` and ``import``.
        """
        ...


class SkillFigures(Protocol):
    """What is known of the uses of skills."""

    def success(self, names: Sequence[str]) -> Mapping[str, tuple[int, float]]:
        """Return the uses and the share of successful ones of each skill that has any."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has succeeded."""

    run: str
    language: str
    code: str
    agent: str
    session: str | None
    value: Any


class RunEvidence(Protocol):
    """Is told what successful runs left, for later skills."""

    def note(self, run: FinishedRun) -> None:
        """Take down one run. It must be fast, and not raise; its calls are in the journal."""
        ...
