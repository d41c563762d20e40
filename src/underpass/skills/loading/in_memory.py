"""Skills that are in no folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from underpass.errors import SkillNotFound, SkillRefused, did_you_mean
from underpass.skills.skill import Skill, SkillDraft, SkillEntry, Status


class SkillsInMemory:
    """A source of skills without a disk."""

    def __init__(self) -> None:
        self._skills: dict[tuple[str | None, str], list[Skill]] = {}
        """By agent, None for all, and name; the newest version last."""

    def put(
        self,
        draft: SkillDraft,
        *,
        agent: str | None = None,
        version: str = "1.0.0",
        status: Status = "active",
    ) -> Skill:
        """Add a skill, or another version of one.

        Parameters:
            agent: who sees it; None for everyone.
        """
        digest = hashlib.sha256(repr((agent, draft, version)).encode()).hexdigest()
        scope = "project" if agent is None else "agent"
        folder = Path("/") / "skills" / draft.name
        skill = Skill(draft, version, digest, status, "2026-01-01", scope, folder)
        versions = self._skills.setdefault((agent, draft.name), [])
        versions[:] = [each for each in versions if each.version != version]
        versions.append(skill)
        return skill

    def remove(self, name: str, *, agent: str | None = None) -> None:
        """Take a skill away, with all its versions."""
        del self._skills[agent, name]

    def find(self, name: str, agent: str, version: str | None = None) -> Skill:
        """Return a skill, as ``SkillSource`` says."""
        name = name.replace("_", "-")
        versions = self._skills.get((agent, name)) or self._skills.get((None, name))
        if versions is None:
            known = [skill for owner, skill in self._skills if owner in (None, agent)]
            close = did_you_mean(name, known)
            hint = f"did you mean {close[0]!r}?" if close else "search_skills() finds skills"
            raise SkillNotFound(f"there is no skill {name!r}", hint=hint, skill=name)
        skill = next((each for each in reversed(versions) if version in (None, each.version)), None)
        if skill is None:
            hint = f"there are: {', '.join(each.version for each in versions)}"
            raise SkillNotFound(
                f"the skill {name!r} has no version {version}", hint=hint, skill=name, version=version
            )
        if skill.status != "active":
            raise SkillRefused(
                f"the skill {name!r} waits for approval", hint="a person approves it", skill=name
            )
        return skill

    def entries(self, agent: str) -> Sequence[SkillEntry]:
        """Return every skill that ``agent`` sees, by name."""
        seen = {name: skills[-1] for (owner, name), skills in self._skills.items() if owner is None}
        seen |= {name: skills[-1] for (owner, name), skills in self._skills.items() if owner == agent}
        return [_entry(seen[name]) for name in sorted(seen)]

    def approve(self, name: str, *, agent: str | None = None) -> None:
        """Let programs have what waited."""
        skills = self._skills[agent, name]
        skills[:] = [replace(skill, status="active") for skill in skills]


def _entry(skill: Skill) -> SkillEntry:
    draft = skill.draft
    return SkillEntry(
        draft.name,
        draft.description,
        skill.version,
        draft.language,
        draft.entrypoint,
        skill.status,
        skill.scope,
        tuple(draft.tools),
        draft.tags,
        skill.digest,
    )
