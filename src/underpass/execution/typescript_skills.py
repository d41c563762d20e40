"""The skills that a TypeScript program imports, as modules that are sent with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from underpass.codegen.typescript_literals import string
from underpass.errors import SkillError, SkillInvalid, UnderpassError
from underpass.execution.typescript_program import Imports, Resolve, TypeScriptProgram
from underpass.skills.loading.programs import SkillPrograms, not_a_skill
from underpass.skills.loading.references import PACKAGE, read
from underpass.skills.skill import Skill

_PREFIX: Final = f"{PACKAGE}/"
_PLACE: Final = "skills://"
"""Begins what stands for a module's address until the guest has made it. With the 37 characters of an id it
is as long as that address is, so that nothing moves when it takes its place."""
_ID: Final = 37
_MOST: Final = 50
"""Skills of one program."""
_COUNTED: Final = """\
import * as inner from {inner};
export * from {inner};
const counted = Reflect.get(globalThis, Symbol.for("underpass.skill"));
export const {entrypoint} = counted(inner.{entrypoint}, {key});
export default counted(inner.default, {key});
"""
_REFUSED: Final = """\
const none = undefined;
export {{ {names} }};
throw Reflect.get(globalThis, Symbol.for("underpass.skillError"))({type}, {message}, {hint});
"""


@dataclass(frozen=True, slots=True)
class _Loaded:
    skill: Skill
    program: TypeScriptProgram
    imports: Imports


@dataclass(slots=True)
class SkillsOfProgram:
    """The skills that a program imports, and those that they import."""

    loaded: dict[str, _Loaded | UnderpassError] = field(default_factory=dict[str, "_Loaded | UnderpassError"])
    """By path, such as ``skills/x@1.0.0``."""

    @property
    def imports(self) -> list[Imports]:
        """What the skills import."""
        return [each.imports for each in self.loaded.values() if isinstance(each, _Loaded)]

    def modules(self, program: Imports, resolve: Resolve) -> tuple[dict[str, str], list[dict[str, str]]]:
        """Return where imports of skills lead, and the modules, each after those that it imports.

        Parameters:
            program: what the program imports.
            resolve: says where all other imports lead.
        """
        made = _Making(self.loaded, resolve, [program, *self.imports])
        places = {path: made.place(path) for path in program.paths if path.startswith(_PREFIX)}
        return places, made.modules


class TypeScriptSkills:
    """Finds what programs in TypeScript import of skills.

    Parameters:
        programs: the skills of all agents.
    """

    def __init__(self, programs: SkillPrograms) -> None:
        self._programs = programs

    async def of(self, imports: Imports, agent: str) -> SkillsOfProgram:
        """Return the skills that a program of ``agent`` imports; one that it may not have as the error."""
        found = SkillsOfProgram()
        pending = _paths(imports)
        for path in pending:
            if path in found.loaded or len(found.loaded) == _MOST:
                continue
            try:
                loaded = found.loaded[path] = await self._load(path, agent)
            except UnderpassError as error:
                found.loaded[path] = error
            else:
                # The list grows as it is gone through: skills import skills.
                pending += _paths(loaded.imports)
        return found

    async def _load(self, path: str, agent: str) -> _Loaded:
        reference = read(path)
        if reference is None:
            raise not_a_skill(path)
        skill = await self._programs.load(reference, agent, "typescript")
        program = TypeScriptProgram(skill.draft.code)
        return _Loaded(skill, program, program.imports())


class _Making:
    """The modules of one program, as they come to be."""

    def __init__(
        self,
        loaded: Mapping[str, _Loaded | UnderpassError],
        resolve: Resolve,
        importers: Iterable[Imports],
    ) -> None:
        self._loaded = loaded
        self._resolve = resolve
        self._importers = list(importers)
        self._places: dict[str, str] = {}
        self._begun: list[str] = []
        self.modules: list[dict[str, str]] = []

    def place(self, path: str) -> str:
        """Return the place of a skill's module, and make it where it is not made yet."""
        if path in self._begun:
            # A module's address is known when all that it imports is made: there is no way round.
            circle = " → ".join([*self._begun[self._begun.index(path) :], path])
            error = SkillInvalid(
                f"skills import one another in a circle: {circle}",
                hint="move what they share to a skill of its own",
                skill=path.removeprefix(_PREFIX),
                problems=[circle],
            )
            return self._put(self._refused(path, error))
        if path not in self._places:
            self._begun.append(path)
            self._places[path] = self._made(path)
            self._begun.pop()
        return self._places[path]

    def _made(self, path: str) -> str:
        loaded = self._loaded.get(path)
        if not isinstance(loaded, _Loaded):
            error = loaded or SkillError(f"a program can have {_MOST} skills", hint="import fewer")
            return self._put(self._refused(path, error))
        draft = loaded.skill.draft

        def resolve(inner: str) -> str | None:
            return self.place(inner) if inner.startswith(_PREFIX) else self._resolve(inner)

        key = string(loaded.skill.digest)
        module = self._put(loaded.program.redirected(resolve))
        return self._put(_COUNTED.format(inner=string(module), entrypoint=draft.entrypoint, key=key))

    def _refused(self, path: str, error: UnderpassError) -> str:
        """A module that fails as it is imported, and not because of the names that are asked of it."""
        wanted = {name for each in self._importers for name in each.exports.get(path, ())}
        names = ", ".join(f"none as {name}" for name in sorted(wanted))
        told = {"type": string(error.type), "message": string(error.message), "hint": string(error.hint)}
        return _REFUSED.format(names=names, **told)

    def _put(self, code: str) -> str:
        name = hashlib.sha256(code.encode()).hexdigest()[:_ID]
        module = {"place": f"{_PLACE}{name}", "code": code}
        if module not in self.modules:
            self.modules.append(module)
        return module["place"]


def _paths(imports: Imports) -> list[str]:
    return sorted(path for path in imports.paths if path.startswith(_PREFIX))
