"""What a person sees of an agent at work, on stderr."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from underpass.agent.events import (
    AgentEvent,
    CallBegan,
    CallEnded,
    FellBack,
    RunBegan,
    RunEnded,
    Waits,
    Wrote,
)
from underpass.cli.output import err, highlighted, plain, text
from underpass.cli.run import footer

if TYPE_CHECKING:
    from rich.status import Status

_LONGEST: Final = 60
"""Characters of what the model writes that the moving line shows: the last ones."""
_LISTED: Final = 20
"""Tools whose calls are told at the end."""


class AgentView:
    """Shows what an agent does: in one moving line at a terminal, and in lines that stay where asked for.

    Parameters:
        status: the moving line; None where there is no terminal.
        show_code: whether programs and what came of them are shown.
    """

    def __init__(self, status: Status | None, *, show_code: bool) -> None:
        self._status = status
        self._show_code = show_code
        self._tail = ""
        self._written = 0
        self._function = ""
        self._programs = 0
        self._calls = 0
        self._done: Counter[str] = Counter()
        self._open: Counter[str] = Counter()

    def show(self, event: AgentEvent) -> None:
        """Show what happens."""
        if isinstance(event, Wrote):
            self._wrote(event)
            return
        self._tail, self._written = "", 0
        if isinstance(event, Waits):
            self._line(f"{event.why}: asking again in {event.seconds:.0f} s", "yellow")
        elif isinstance(event, RunBegan):
            self._programs, self._calls = event.number, 0
            self._move(f"Program {event.number} runs…")
            if self._show_code:
                code = event.code.rstrip("\n")
                err().print(text(code) if self._status is None else highlighted(code, event.language))
        elif isinstance(event, RunEnded):
            if self._show_code:
                if (error := event.result.error) is not None:
                    self._line(f"{error.type}: {error.message}"[:500], "red")
                self._line(footer(event.result), "dim")
            self._move("Asking the model…")
        elif isinstance(event, FellBack):
            self._line(f"{event.why}: the model calls the tools itself", "yellow")
        else:
            self._called(event)

    def say_what_happened(self) -> None:
        """Say what was done, where the agent comes to no end of its own."""
        begun, done, unknown = self._programs, +self._done, +self._open
        if not begun and not done and not unknown:
            return
        parts = [f"{begun} program{'' if begun == 1 else 's'} had begun"] if begun else []
        if done:
            parts.append(f"these calls are done: {_listed(done)}")
        if unknown:
            parts.append(f"these had begun, and may have happened: {_listed(unknown)}")
        self._line("; ".join(parts), "yellow")

    def _called(self, event: CallBegan | CallEnded) -> None:
        name = f"{event.server}.{event.tool}"
        if isinstance(event, CallEnded):
            if event.ok is not None:
                self._open[name] -= 1
                self._done[name] += event.ok
            return
        self._open[name] += 1
        self._calls += 1
        more = "" if self._calls == 1 else f" ({self._calls} calls)"
        self._move(f"{'Program ' + str(self._programs) + ': ' if self._programs else ''}{name}{more}")

    def _wrote(self, event: Wrote) -> None:
        if self._status is None:
            return
        if event.function != self._function:
            self._tail, self._written, self._function = "", 0, event.function
        self._written += len(event.text)
        self._tail = (self._tail + event.text)[-4 * _LONGEST :]
        if event.function:
            self._move(f"The model writes a call of {event.function} ({self._written:,} characters)")
        else:
            self._move(f"The model: …{' '.join(self._tail.split())[-_LONGEST:]}")

    def _line(self, said: str, style: str) -> None:
        err().print(text(said, style), soft_wrap=True)

    def _move(self, said: str) -> None:
        if self._status is not None:
            self._status.update(text(plain(said)))


def _listed(counted: Counter[str]) -> str:
    shown = [f"{name} ({count} times)" if count > 1 else name for name, count in counted.most_common(_LISTED)]
    more = len(counted) - len(shown)
    return ", ".join(shown) + (f" and {more} more tools" if more else "")
