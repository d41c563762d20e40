"""Asking the person at the terminal about a call."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
import click
from rich.text import Text

from underpass.broker.approvals.question import one_line
from underpass.cli.forms import describe, read_value
from underpass.cli.output import err

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.status import Status

    from underpass.broker.approvals import Answer, Ask, Question
    from underpass.catalog.elicitation import Filled, Form

_ANSWERS: Final[dict[str, Answer]] = {
    "o": "once", "once": "once", "r": "run", "run": "run", "a": "always", "always": "always",
    "n": "refuse", "no": "refuse", "": "refuse",
}  # fmt: skip
_PROMPT: Final = "[o]nce, this [r]un, [a]lways, [N]o: "


def terminal_ask(status: Status | None) -> Ask | None:
    """Return what asks at the terminal of this process; None where there is nobody.

    Parameters:
        status: what moves on the terminal; it stands while the person types.
    """
    return TerminalPrompt(status) if _is_attended() else None


class TerminalPrompt:
    """Asks one question after the other, on stderr."""

    def __init__(self, status: Status | None) -> None:
        self._status = status
        self._free = anyio.Lock()

    async def ask(self, question: Question) -> Answer:
        """Show a question, and read the answer. The end of the input refuses."""
        async with self._free:
            with self._still():
                return await self._ask(question)

    async def fill(self, form: Form) -> Filled:
        """Ask for one value after the other. The end of the input, or a value that is none, declines."""
        async with self._free:
            with self._still():
                return await self._fill(form)

    async def _fill(self, form: Form) -> Filled:
        text = f"server {one_line(form.server)} asks during {one_line(form.tool)}: {one_line(form.message)}"
        err().print(Text(text, style="yellow"), soft_wrap=True)
        _forget_typed()
        filled: dict[str, Any] = {}
        for name, schema in form.schema.get("properties", {}).items():
            click.echo(f"{one_line(describe(name, schema))}: ", err=True, nl=False)
            typed = await _read_line()
            try:
                value = read_value(typed, schema)
            except ValueError:
                return "decline"
            if value is not None:
                filled[name] = value
            elif name in form.schema.get("required", ()):
                return "decline"
        return filled

    async def _ask(self, question: Question) -> Answer:
        err().print(Text(question.text(), style="yellow"), soft_wrap=True)
        _forget_typed()
        try:
            while True:
                click.echo(_PROMPT, err=True, nl=False)
                answer = _ANSWERS.get((await _read_line()).strip().lower())
                if answer is not None:
                    return answer
        except anyio.get_cancelled_exc_class():
            click.echo("\nno answer is needed any more", err=True)
            raise

    def _still(self) -> AbstractContextManager[object]:
        return nullcontext() if self._status is None else _Stopped(self._status)


class _Stopped:
    """A context in which a status does not move."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def __enter__(self) -> None:
        self._status.stop()

    def __exit__(self, *_: object) -> None:
        self._status.start()


async def _read_line() -> str:
    """Read what is typed, without a thread that nothing could interrupt."""
    descriptor = sys.stdin.fileno()
    await anyio.wait_readable(descriptor)
    return os.read(descriptor, 4_096).decode("utf-8", "replace")


def _forget_typed() -> None:
    """What was typed before the question was shown is no answer to it."""
    import termios

    with suppress(termios.error):
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _is_attended() -> bool:
    """Whether there is a terminal, and this process is not in its background."""
    if sys.platform == "win32" or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls this process: it has no background
        return True
