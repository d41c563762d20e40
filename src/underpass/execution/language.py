"""The seam between the road of a run and the languages that programs are written in."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import MAGIC_NUMBER
from typing import Any, Protocol

from underpass.execution.modules import GeneratedModules
from underpass.sandbox.lease import Sandbox
from underpass.skills.loading.python import PythonSkills
from underpass.skills.loading.references import PACKAGE


class Language(Protocol):
    """One language: where its programs run, and what their guest is sent."""

    name: str
    load: str
    """How a program of it reads a file of the workspace; ``{}`` stands for the file's name."""

    keeps_time: bool
    """Whether its guest ends a program in time; it is told when time is over otherwise."""

    @property
    def sandbox(self) -> Sandbox:
        """Where its programs run."""
        ...

    async def frame(self, code: str, agent: str, shadowed: set[str] | None = None) -> Mapping[str, Any]:
        """Return what the guest of ``agent`` is sent of a program, besides the limits of its run.

        Parameters:
            shadowed: for a program in a session: names of the language's own that the session's programs
                have declared; those of this one may be added. None for a program by itself.
        """
        ...


class Python:
    """Programs in Python: the text as it is, and the modules that it will surely ask for."""

    name = "python"
    load = "from mcp_runtime import load_result; await load_result({})"
    keeps_time = True

    def __init__(self, sandbox: Sandbox, modules: GeneratedModules, skills: PythonSkills) -> None:
        self.sandbox = sandbox
        self._modules = modules
        self._skills = skills

    async def frame(
        self,
        code: str,
        agent: str,
        shadowed: set[str] | None = None,  # noqa: ARG002 - a module's names hide Python's own from it alone
    ) -> Mapping[str, Any]:
        """Return the program and modules compiled for our own version of Python."""
        modules = await self._modules.foreseen(code)
        if PACKAGE in code:
            skills, texts = await self._skills.foreseen(code, agent)
            for text in texts:
                modules |= await self._modules.foreseen(text)
            modules |= skills
        return {"code": code, "magic": MAGIC_NUMBER.hex(), "modules": modules}
