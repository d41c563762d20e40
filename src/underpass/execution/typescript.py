"""Programs in TypeScript: made into modules here, and run by Deno."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio.to_thread

from underpass.errors import SandboxUnavailable
from underpass.execution.typescript_modules import TypeScriptModules
from underpass.sandbox.deno_binary import INSTALL
from underpass.sandbox.lease import Sandbox
from underpass.skills.loading.programs import SkillPrograms
from underpass.skills.loading.references import PACKAGE as _SKILLS

if TYPE_CHECKING:
    from underpass.execution.typescript_program import Imports, TypeScriptProgram
    from underpass.execution.typescript_skills import SkillsOfProgram

_BIG: Final = 100_000
"""Characters from which a program is parsed in a thread: it would hold up other runs."""
_PACKAGE: Final = "mcp-servers"


class DenoPlace(Sandbox, Protocol):
    """A sandbox whose guests are Deno's."""

    @property
    def modules_address(self) -> str:
        """Where programs see the folder of generated modules."""
        ...

    def workspace_address(self, agent: str) -> str:
        """Where programs see the agent's workspace."""
        ...


class TypeScript:
    """Programs in TypeScript.

    Parameters:
        sandbox: where they run; it also says where they see what.
        modules: the generated package.
        skills: the skills of all agents.
    """

    name = "typescript"
    load = 'import {{ loadResult }} from "mcp-runtime"; await loadResult({})'
    # The first use of any timer would cost Deno half of what its start does.
    keeps_time = False

    def __init__(
        self, sandbox: DenoPlace, modules: TypeScriptModules, skills: SkillPrograms | None = None
    ) -> None:
        self.sandbox = sandbox
        self._modules = modules
        self._skills = skills or SkillPrograms()

    def with_skills(self, skills: SkillPrograms) -> TypeScript:
        """Return the same language with other skills."""
        return TypeScript(self.sandbox, self._modules, skills)

    async def frame(self, code: str, agent: str, shadowed: set[str] | None = None) -> Mapping[str, Any]:
        """Return the program as a module, once the modules that it imports are written."""
        if len(code) > _BIG:
            program = await anyio.to_thread.run_sync(_parse, code)
        else:
            program = _parse(code)
        imports = program.imports()
        targets: dict[str, str] = {}
        skills = await self._skills_of(imports, agent)
        importers = [imports] if skills is None else [imports, *skills.imports]
        if any(path.startswith(_PACKAGE) for each in importers for path in each.paths):
            # In a session, it is a later program that says which server it means.
            every = imports.everything and shadowed is not None
            named = {server for each in importers for server in self._wanted(each)}
            wanted = set(self._modules.servers) if every else named
            folder = await self._modules.folder(wanted)
            targets = dict(self._modules.import_map(f"{self.sandbox.modules_address}/{folder}/"))

        places, modules = ({}, []) if skills is None else skills.modules(imports, targets.get)

        def resolve(path: str) -> str | None:
            if path.startswith(("./", "../")):
                return f"{self.sandbox.workspace_address(agent)}/{path.removeprefix('./')}"
            return targets.get(path) or places.get(path)

        module, shifts = program.module(resolve, shadowed)
        return {
            "code": module,
            "plain": program.is_plain,
            "shifts": shifts,
            **({} if shadowed is None else {"unclear": program.unclear}),
            **({} if skills is None else {"skills": modules, "rests_on": list(skills.loaded)}),
            "servers": sorted(self._modules.servers)[:100] if targets else [],
            # Deno knows the system's time only.
            "epoch": time.time() - time.monotonic(),
        }

    async def _skills_of(self, imports: Imports, agent: str) -> SkillsOfProgram | None:
        """The skills that a program imports; None where it imports none."""
        if not any(path.startswith(f"{_SKILLS}/") for path in imports.paths):
            return None
        from underpass.execution.typescript_skills import TypeScriptSkills

        return await TypeScriptSkills(self._skills).of(imports, agent)

    def _wanted(self, imports: Imports) -> set[str]:
        """The servers that a program names, by their names in code."""
        targets = self._modules.import_map("")
        named = {targets[path].partition("/")[0] for path in imports.paths if "/" in targets.get(path, "")}
        return (named | imports.names | imports.words) & set(self._modules.servers)


def _parse(code: str) -> TypeScriptProgram:
    try:
        from underpass.execution.typescript_program import TypeScriptProgram
    except ImportError as error:
        raise SandboxUnavailable(
            "TypeScript programs need the packages of the extra `typescript`", hint=INSTALL, sandbox="deno"
        ) from error
    return TypeScriptProgram(code)
