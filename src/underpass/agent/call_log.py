"""Which calls a command has made: what has happened has happened, whatever becomes of the program."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from underpass.agent.events import CallBegan, CallEnded, OnEvent
from underpass.execution.host import CallOutcome
from underpass.execution.shape import compact

_SHOWN: Final = 20
_ARGUMENTS: Final = 6
_IDENTIFIER: Final = re.compile(r"[\w.:/@#-]{0,40}")
"""Texts that are no sentences."""


@dataclass(slots=True)
class _Logged:
    text: str
    ok: bool | None = None
    """None while nobody knows."""


class CallLog:
    """The calls of one command.

    Parameters:
        on_event: is shown each.
    """

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._logged: list[_Logged] = []

    def __len__(self) -> int:
        return len(self._logged)

    def began(self, server: str, tool: str, arguments: Mapping[str, Any]) -> CallOutcome:
        """Note a call before it is made; returns what is told how it went (see ``OnCall``)."""
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in list(arguments.items())[:_ARGUMENTS])
        entry = _Logged(f"{server}.{tool}({shown})")
        self._logged.append(entry)
        self._on_event(CallBegan(server, tool, arguments))

        def ended(ok: bool | None) -> None:
            entry.ok = ok
            self._on_event(CallEnded(server, tool, ok))

        return ended

    def told(self) -> str:
        """Return what a model is told that goes on without programs; nothing where they called nothing."""
        if not (happened := self.happened()):
            return ""
        lines = [f"- {about}: {'; '.join(calls)}" for about, calls in happened.items()]
        return "\n".join(
            [
                "Programs were tried and failed. What they changed has changed; do not do it again:",
                *lines,
            ]
        )

    def happened(self, since: int = 0) -> dict[str, Sequence[str]]:
        """Return what was called, in words that a model reads; nothing where nothing was.

        Parameters:
            since: how many calls are left out, from the first.
        """
        told = {
            "called before it failed": _counted([each for each in self._logged[since:] if each.ok]),
            "began, and may have happened": _counted(
                [each for each in self._logged[since:] if each.ok is None]
            ),
        }
        return {about: calls for about, calls in told.items() if calls}


def _shown(value: object) -> str:
    """Return what tells one call from another; data stays where it is, and texts could be of strangers."""
    if isinstance(value, str):
        return compact(value) if _IDENTIFIER.fullmatch(value) else "…"
    return compact(value) if isinstance(value, bool | int | float) or value is None else "…"


def _counted(entries: Sequence[_Logged]) -> list[str]:
    counted = Counter(each.text for each in entries)
    lines = [text if count == 1 else f"{text} ({count} times)" for text, count in counted.items()]
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], f"and {more} more"]
