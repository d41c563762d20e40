"""Which version the next one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from underpass.skills.format.functions import Function
from underpass.skills.format.layout import Reading
from underpass.skills.format.names import version_key
from underpass.skills.skill import SkillDraft

FIRST: Final = "1.0.0"


def next_version(draft: SkillDraft, function: Function, before: Reading, known: Sequence[str]) -> str:
    """Return the version of a draft: by what has changed since ``before``, and above all that are known."""
    old = before.skill.draft
    newest = max((*known, before.skill.version), key=version_key)
    major, minor, patch = version_key(newest)
    if function.signature != before.function.signature or draft.language != old.language:
        return f"{major + 1}.0.0"
    if draft.code != old.code:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def same_content(draft: SkillDraft, old: SkillDraft) -> bool:
    """Whether a draft says nothing new; who made it, and from which runs, is no content."""
    return _content(draft) == _content(old)


def _content(draft: SkillDraft) -> tuple[object, ...]:
    return (
        draft.description, draft.language, draft.code, draft.entrypoint, dict(draft.tools), draft.cases,
        draft.examples, draft.pitfalls, draft.tags,
    )  # fmt: skip
