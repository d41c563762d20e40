"""Skills that come from somebody else, and that go to somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from underpass.errors import SkillNotSaved
from underpass.skills.format import cases
from underpass.skills.format.folder import FolderInvalid, folder_at, invalid, read_folder
from underpass.skills.format.layout import SKILL, reading_of, script_path
from underpass.skills.library.disk import put_folder
from underpass.skills.library.library import SkillLibrary
from underpass.skills.skill import Scope, Skill


def import_skill(
    library: SkillLibrary, folder: Path, scope: Scope, agent: str
) -> tuple[Skill, tuple[str, ...]]:
    """Copy somebody's skill into a library, where it waits until a person approves it.

    Returns:
        the skill, and the files that were not taken, because a skill here has no use for them.

    Raises:
        SkillInvalid: the folder is no skill that can be imported.
        SkillNotSaved: the disk does not take it.
    """
    folder = folder.absolute()
    files = read_folder(folder)
    try:
        reading = reading_of(files, folder.name, scope, folder)
    except FolderInvalid as error:
        raise invalid(folder.name, error.problems) from error
    draft = reading.skill.draft
    provenance = {**draft.provenance, "origin": "imported", "digest": reading.skill.digest}
    skill = library.save(replace(draft, provenance=provenance), scope, agent, status="review")
    taken = {SKILL, script_path(draft.name, draft.language), cases.PATH}
    return skill, tuple(sorted(files.keys() - taken))


def export_skill(skill: Skill, target: Path, history: Mapping[str, str] | None = None) -> Path:
    """Copy a skill's folder into ``target``; returns where it is.

    Parameters:
        history: what is known of its use; written below the body. The copy has another digest then.

    Raises:
        SkillInvalid: its files cannot be read any more.
        SkillNotSaved: there is such a folder already, or the disk does not take it.
    """
    files = read_folder(skill.folder)
    if history:
        lines = "".join(f"- {name}: {value}\n" for name, value in history.items())
        files[SKILL] = files[SKILL].rstrip(b"\n") + f"\n\n## Usage history\n\n{lines}".encode()
    to = target / skill.name
    if to.exists():
        raise SkillNotSaved(
            f"there is {to} already", hint="take it away, or name another folder", skill=skill.name
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        with folder_at(target.resolve()) as parent:
            put_folder(parent, skill.name, files)
    except OSError as error:
        raise SkillNotSaved(
            f"skill {skill.name!r} could not be written to {to}: {error.strerror or error}",
            hint="name a folder that can be written",
            skill=skill.name,
        ) from error
    return to
