"""Which generated modules a session has loaded, and which of them are no longer what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from underpass.errors import SkillError, UnderpassError
from underpass.execution.host import ModuleSource
from underpass.guest.importer import MAGIC


class ModulesOfSession:
    """Serves generated modules to one session, and remembers them.

    Parameters:
        modules: where they come from; it gives the same answer again while a server's listing, or a skill, is
            the same.
    """

    def __init__(self, modules: ModuleSource) -> None:
        self._modules = modules
        self._loaded: dict[tuple[str, bool], tuple[str, Any]] = {}
        """By name and whether it is compiled, with the version that the guest gave."""

    async def module(self, name: str, magic: str) -> Any:
        """Return what the guest needs to load ``name``. Raises as its source does."""
        answer = await self._modules.module(name, magic)
        self._loaded[name, magic == MAGIC] = magic, answer
        return answer

    def note(self, modules: Mapping[str, Any]) -> None:
        """Remember modules that were sent with a program."""
        self._loaded |= {(name, True): (MAGIC, answer) for name, answer in modules.items()}

    async def changed(self) -> list[str]:
        """Return the modules that are to be loaded anew, and forget them."""
        found: list[str] = []
        for key, (magic, answer) in list(self._loaded.items()):
            name, now = key[0], answer
            try:
                now = await self._modules.module(name, magic)
            except SkillError:
                # It may not be used any more: the next import of it is told why.
                now = None
            except UnderpassError:
                # A server that cannot be listed any more is the program's to find out.
                pass
            if now is not answer:
                found.append(name)
                del self._loaded[key]
        return found
