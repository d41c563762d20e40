"""The questions that somebody may still answer, as seen from another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from underpass.broker.approvals.approvals import FOLDER, HOSTS
from underpass.broker.approvals.question import Answer
from underpass.broker.approvals.store import ApprovalStore, KeptQuestion
from underpass.broker.journal import JournalStore
from underpass.broker.journal.presence import Presence
from underpass.broker.journal.record import RESUMABLE
from underpass.errors import ConfigError, ValidationFailed

State = Literal["waiting", "for resume"]
"""``waiting``: a run stands still; ``for resume``: its process has died, and it can be resumed."""
_NONE: Final = "see `underpass approvals list`"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question, and what its answer would do."""

    kept: KeptQuestion
    state: State

    def to_dict(self) -> dict[str, Any]:
        """The question as one JSON object."""
        return {**self.kept.to_dict(), "state": self.state}


class OpenQuestions:
    """The questions of all processes that share the state folder ``state``."""

    def __init__(self, state: Path) -> None:
        self._store = ApprovalStore(state / FOLDER)
        self._hosts = Presence(state / FOLDER / HOSTS)
        self._journal = JournalStore(state / "journal")
        self._runners = Presence(state / "journal" / "hosts")

    def list(self) -> list[OpenQuestion]:
        """Return them, the oldest first. Raises ``ConfigError`` when they cannot be read."""
        try:
            kept = self._store.open()
            states: Sequence[State | None] = [self._state(each) for each in kept]
        except OSError as error:
            raise _unreadable(error) from error
        finally:
            self._journal.close()
        found = zip(kept, states, strict=True)
        return [OpenQuestion(each, state) for each, state in found if state is not None]

    def answer(self, question: str, answer: Answer) -> OpenQuestion:
        """Answer a question; the run that waits for it goes on within a fraction of a second.

        Raises:
            ValidationFailed: there is no such question, or it is answered already.
            ConfigError: the questions cannot be read or written.
        """
        found = next((each for each in self.list() if each.kept.question.id == question), None)
        if found is None:
            raise ValidationFailed(f"no question {question:.60} waits for an answer", hint=_NONE)
        try:
            answered = self._store.answer(question, answer)
        except OSError as error:
            raise _unreadable(error) from error
        if not answered:
            raise ValidationFailed(f"question {question:.60} was answered already", hint=_NONE)
        return found

    def _state(self, kept: KeptQuestion) -> State | None:
        if kept.host and self._hosts.lives(kept.host):
            return "waiting"
        run = self._journal.find(kept.question.run) if kept.question.run else None
        if run is None or run.session is not None:
            return None
        if run.cause is None and run.ended is None:
            return None if self._runners.lives(run.host) else "for resume"
        return "for resume" if run.cause in RESUMABLE else None


def _unreadable(error: OSError) -> ConfigError:
    return ConfigError(f"the questions cannot be read or written: {error}")
