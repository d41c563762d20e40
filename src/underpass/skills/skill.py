"""What a skill is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Language = Literal["python", "typescript"]
Scope = Literal["agent", "project", "user"]
"""Whose library: one agent's (``workspace/AGENT/skills``), the project's (``skills/``), the user's."""
SCOPES: tuple[Scope, ...] = ("agent", "project", "user")
"""From the nearest to the farthest: a name in a nearer library hides the same name in a farther one."""
Status = Literal["active", "review", "archived"]
"""``review``: it waits until a person approves it, and nothing imports it before."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A tool call that a run has made, and what the program got."""

    server: str
    """By its name in the configuration."""
    tool: str
    arguments: Mapping[str, Any]
    value: Any = None
    """Unwrapped."""
    error: Mapping[str, str] | None = None
    """``type`` and ``message`` of the error that the program got instead."""


@dataclass(frozen=True, slots=True)
class Case:
    """A use of a skill whose result is known: with these answers of the tools it gives this result."""

    arguments: Mapping[str, Any]
    calls: tuple[RecordedCall, ...] = ()
    result: Any = None


@dataclass(frozen=True, slots=True)
class SkillDraft:
    """What is saved as a skill. The library gives it a version, a digest and a place."""

    name: str
    """1 to 64 lowercase letters, digits and single hyphens."""
    description: str
    """What it does and when to use it, at most 1,024 characters."""
    language: Language
    code: str
    """The module: a typed async function, ``entrypoint``, with a docstring, and what it needs."""
    entrypoint: str
    """The function's name in ``code``."""
    tools: Mapping[str, str] = field(default_factory=dict[str, str])
    """The digest of the definition of each tool that it calls, by ``server.tool``."""
    cases: tuple[Case, ...] = ()
    examples: str = ""
    """Markdown."""
    pitfalls: str = ""
    """Markdown."""
    tags: tuple[str, ...] = ()
    author: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where it comes from: ``origin`` (``saved``, ``promoted``, ``imported``), ``runs``, ``agent`` …"""


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill in a library, read whole."""

    draft: SkillDraft
    version: str
    """Semantic: ``1.2.0``."""
    digest: str
    """Of all its files, SHA-256 in hex: what is approved, and what figures of use are kept by."""
    status: Status
    created: str
    """The day it was made first, ISO 8601."""
    scope: Scope
    folder: Path

    @property
    def name(self) -> str:
        """Its name, with hyphens."""
        return self.draft.name

    @property
    def module(self) -> str:
        """Its name in Python code, with underscores."""
        return self.draft.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """A line of a library's listing; reading it does not read the skill's code or cases."""

    name: str
    description: str
    version: str
    language: Language
    entrypoint: str
    status: Status
    scope: Scope
    tools: tuple[str, ...]
    tags: tuple[str, ...]
    digest: str
    signature: str = ""
    """One line: how it is called, in its own language."""
    shadows: tuple[Scope, ...] = ()
    """The farther libraries whose skill of the same name this one hides."""
    problem: str | None = None
    """Why it cannot be used: damaged, not trusted, not approved. None where it can."""


@dataclass(frozen=True, slots=True)
class Use:
    """That a program called a skill."""

    name: str
    version: str
    digest: str
    run: str
    agent: str
    at: float
    """Seconds since 1970."""
    ok: bool
    milliseconds: float
