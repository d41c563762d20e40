"""Says which skills call tools that have changed."""

from __future__ import annotations

import logging
from typing import Final

import anyio.to_thread

from underpass.catalog.definition import Change
from underpass.skills.seams import SkillSource

_LOG: Final = logging.getLogger("underpass.skills")
_SHOWN: Final = 20


class NewsOfTools:
    """Tells the log, when a server's tools change, which skills are tested again before they are imported.

    Parameters:
        skills: those of the project and of the user are looked at.
        agent: whose own skills are looked at as well.
    """

    def __init__(self, skills: SkillSource, agent: str = "default") -> None:
        self._skills = skills
        self._agent = agent

    async def __call__(self, server: str, news: tuple[Change, ...]) -> None:
        """Take news of a server."""
        changed = {f"{server}.{change.tool}" for change in news if change.kind != "new"}
        if not changed:
            return
        try:
            entries = await anyio.to_thread.run_sync(self._skills.entries, self._agent)
        except OSError:
            return  # whoever imports a skill next is told what is wrong with the library
        names = [entry.name for entry in entries if changed & set(entry.tools)]
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            _LOG.warning(
                "skills that call changed tools of %s, and are tested again before they are imported: %s%s",
                server,
                ", ".join(names[:_SHOWN]),
                more,
            )
