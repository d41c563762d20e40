"""What a search returns for one skill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from underpass.catalog.hidden import without_hidden
from underpass.discovery.hit import summary
from underpass.skills.skill import SkillEntry


@dataclass(frozen=True, slots=True)
class SkillHit:
    """One skill that a search or a listing found."""

    entry: SkillEntry = field(repr=False)
    score: float = 0.0
    """Comparable within one search only."""
    fit: float = 0.0
    """About 1 for one that has all words of the request: comparable with a tool's."""
    uses: int = 0
    success: float | None = None
    """The share of uses that succeeded; None where it was never used."""
    problem: str | None = None
    """Why it cannot be used."""

    @property
    def name(self) -> str:
        """With hyphens."""
        return self.entry.name

    @property
    def import_line(self) -> str:
        """The line that imports it, in its own language."""
        return import_line(self.entry)

    @property
    def summary(self) -> str:
        """The first sentence of the description, at most 160 characters, without hidden ones."""
        return summary(without_hidden(self.entry.description))

    def to_dict(self) -> dict[str, Any]:
        """The hit as a JSON object; what programs get of ``search_skills``."""
        return {**self.line(), "score": round(self.score, 3)}

    def line(self) -> dict[str, Any]:
        """The skill as a line of a listing: a JSON object without a score."""
        shown: dict[str, Any] = {
            "name": self.name,
            "import": self.import_line,
            "summary": self.summary,
            "signature": without_hidden(self.entry.signature),
            "version": self.entry.version,
            "scope": self.entry.scope,
            "language": self.entry.language,
            "uses": self.uses,
            "success": None if self.success is None else round(self.success, 3),
        }
        return shown if self.problem is None else {**shown, "problem": without_hidden(self.problem)}


def import_line(entry: SkillEntry) -> str:
    """Return the line that imports a skill, in its own language."""
    if entry.language == "typescript":
        return f'import {{ {entry.entrypoint} }} from "skills/{entry.name}";'
    return f"from skills import {entry.name.replace('-', '_')}"
