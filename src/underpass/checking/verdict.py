"""What a check says of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from underpass.errors import ValidationFailed

_SHOWN = 5
_LONGEST = 400
"""Characters of one problem: the whole has to fit into a few tokens."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error that would happen at run time."""

    line: int
    """The program's own, counted from 1."""
    message: str
    """What is wrong, and what may be meant."""
    usage: str = ""
    """How the tool is called that the problem is about."""

    def to_dict(self) -> dict[str, Any]:
        """The problem as a JSON object."""
        return {"line": self.line, "message": self.message, "usage": self.usage}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check."""

    problems: tuple[Problem, ...] = ()
    skipped: str = ""
    """Why the program was not checked; empty when it was."""

    @property
    def checked(self) -> bool | str:
        """What a run's result says: True, or ``"skipped: why"``."""
        return f"skipped: {self.skipped}" if self.skipped else True

    def refusal(self) -> ValidationFailed | None:
        """The error of a program that is not to run, or None."""
        if not self.problems:
            return None
        return ValidationFailed(
            _listed(self.problems),
            hint="nothing was run; correct these, or switch the check off if they are no errors",
            problems=[problem.to_dict() for problem in self.problems],
            line=self.problems[0].line,
        )


def _listed(problems: Sequence[Problem]) -> str:
    lines: list[str] = []
    told: set[str] = set()
    for problem in problems[:_SHOWN]:
        line = f"line {problem.line}: {_bounded(problem.message)}"
        # One way to call a tool is told once, however often it was missed.
        if problem.usage and problem.usage not in told:
            told.add(problem.usage)
            line += f"; call it as {_bounded(problem.usage)}"
        lines.append(line)
    if len(problems) > _SHOWN:
        lines.append(f"and {len(problems) - _SHOWN} more")
    return "\n".join(lines)


def _bounded(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
