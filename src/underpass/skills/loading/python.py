"""The package ``skills`` of Python programs, served one module at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from underpass.errors import SkillInvalid, UnderpassError
from underpass.guest.importer import MAGIC, packed
from underpass.skills.loading.programs import SkillPrograms, not_a_skill
from underpass.skills.loading.references import PACKAGE, Reference, imported, read
from underpass.skills.skill import Skill

_REMEMBERED: Final = 512
"""Compiled skills that are kept."""
_FORESEEN: Final = 50
"""Skills that are sent with a program; it asks for more itself."""
_ROOT: Final = '''\
"""The skills of this agent: functions that have worked before."""


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(f"module 'skills' has no attribute {name!r}", name=name)
    from importlib import import_module

    return import_module(f"skills.{name}")
'''
_ONLY_VERSIONS: Final = """\
def __getattr__(name):
    # Python asks for a version as an attribute before it imports it as a module.
    if name.startswith("_") or (name[0] == "v" and name[1:].replace("_", "").isdigit()):
        raise AttributeError(name)
    raise ImportError({!r})
"""


class PythonSkills:
    """Makes the answers to guests that import skills.

    Parameters:
        skills: the skills of all agents.
    """

    def __init__(self, skills: SkillPrograms) -> None:
        self.programs = skills
        self._answers: OrderedDict[tuple[str, str, bool], dict[str, Any]] = OrderedDict()
        """By module, digest and whether compiled: the same answer again while the skill is the same."""

    async def module(self, name: str, magic: str, agent: str) -> dict[str, Any]:
        """Return what a guest of ``agent`` needs to load ``skills`` or a module in it.

        Raises:
            SkillError: one of the family: it cannot be imported.
        """
        if name == PACKAGE:
            return _root(compiled=magic == MAGIC)
        reference = read(name)
        if reference is None:
            raise not_a_skill(name)
        skill = await self.programs.load(reference, agent, "python")
        return self._answer(reference, skill, compiled=magic == MAGIC)

    async def foreseen(self, code: str, agent: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Return the modules that a program will ask for, and the texts of the skills among them.

        A skill that cannot be loaded is not among them: the program may not ask for it, or catch the error.
        """
        found: dict[str, dict[str, Any]] = {}
        refused: dict[str, UnderpassError] = {}
        texts: list[str] = []
        pending = imported(code)
        for reference in pending:
            if reference.module in found or len(found) == _FORESEEN:
                continue
            try:
                skill = await self.programs.load(reference, agent, "python")
                found[reference.module] = self._answer(reference, skill, compiled=True)
            except UnderpassError as error:
                refused[reference.module] = error
                continue
            texts.append(skill.draft.code)
            # The list grows as it is gone through: skills import skills.
            pending += imported(skill.draft.code)
        for reference in pending:
            above = reference._replace(version=None).module
            if reference.module in found and above in refused:
                # Python imports it first, and the program wants the older version alone.
                found[above] = _only_versions(refused[above])
        return ({PACKAGE: _root(compiled=True), **found} if found else {}), texts

    def _answer(self, reference: Reference, skill: Skill, *, compiled: bool) -> dict[str, Any]:
        key = (reference.module, skill.digest, compiled)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = _made(reference, skill, compiled=compiled)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        return answer


def _made(reference: Reference, skill: Skill, *, compiled: bool) -> dict[str, Any]:
    code = skill.draft.code
    facts: Mapping[str, Any] = {
        "package": reference.version is None,
        "skill": {"name": skill.name, "key": skill.digest, "entrypoint": skill.draft.entrypoint},
    }
    if not compiled:
        return {**facts, "source": code}
    try:
        made = compile(code, f"skills/{skill.module}.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SkillInvalid(
            f"the skill {skill.name!r} is no Python code: {error}",
            hint="correct its file, or use an older version",
            skill=skill.name,
            problems=[str(error)],
        ) from error
    return {**facts, "code": packed(made)}


def _only_versions(error: UnderpassError) -> dict[str, Any]:
    """Return a module that holds versions, and raises for everything else why there is no newest one."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    return {"package": True, "source": _ONLY_VERSIONS.format(text)}


@cache
def _root(*, compiled: bool) -> dict[str, Any]:
    if not compiled:
        return {"package": True, "source": _ROOT}
    return {"package": True, "code": packed(compile(_ROOT, "skills/__init__.py", "exec", dont_inherit=True))}
