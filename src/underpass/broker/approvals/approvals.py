"""Asks people about calls, and keeps what they answer."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

from underpass.broker.approvals.question import Answer, Asker, PreparedAnswers, Question
from underpass.broker.approvals.store import ApprovalStore, Subject
from underpass.broker.journal.presence import Presence
from underpass.broker.journal.record import argument_digest
from underpass.config import PolicySettings
from underpass.errors import PermissionDenied

if TYPE_CHECKING:
    from underpass.broker.call import Call
    from underpass.broker.policy.decision import Decision

Remember = Callable[["Decision"], object]
"""Writes the rule that allows what a decision asks about from now on; called in a thread."""

FOLDER: Final = "approvals"
"""Where questions are kept, in the state folder."""
HOSTS: Final = "hosts"
"""The folder in it in which the processes that ask have their locks."""
_SHOWN: Final = 4_096
"""Bytes of a call's arguments that a person is shown."""
_POLL: Final = 0.2
"""Seconds between two looks for an answer that was given elsewhere."""
_DAYS: Final = 30.0
"""How long questions are kept."""
_LOG: Final = logging.getLogger("underpass.approvals")

Grant = tuple[str, str, str]
"""A server, a tool, and the digest of its definition with what asked: yes to one is no yes to another."""


@dataclass(slots=True)
class _Run:
    """What a run's person has said so far."""

    granted: set[Grant] = field(default_factory=set[Grant])
    """What is allowed for the rest of the run."""
    waiting: dict[str, tuple[Grant, anyio.Event]] = field(
        default_factory=dict[str, tuple[Grant, anyio.Event]]
    )
    """By question; the event is set when a grant has answered it."""
    unattended: bool = False
    """Whether a question was left unanswered."""

    def grant(self, grant: Grant) -> None:
        self.granted.add(grant)
        for other, event in self.waiting.values():
            if other == grant:
                event.set()


class Approvals:
    """The questions of one ``Underpass``.

    Parameters:
        folder: where questions are kept, so that they can be answered by other processes, and later.
        settings: how long a run waits, and whether it does where nobody can be asked on the spot.
        remember: writes a rule for the answer *always*; without it that answer holds for the run.
    """

    def __init__(
        self, folder: Path, settings: PolicySettings | None = None, *, remember: Remember | None = None
    ) -> None:
        self._settings = settings or PolicySettings()
        self._store = ApprovalStore(folder)
        self._presence = Presence(folder / HOSTS)
        self._remember = remember
        self._runs: WeakKeyDictionary[Asker, _Run] = WeakKeyDictionary()
        self._tidied = False

    async def ask(self, call: Call, decision: Decision, asker: Asker | None) -> bool | None:
        """Ask whether a call may be made, and wait for the answer with the run's clock standing.

        An answer that was given to the same call before the run's process died counts.

        Returns:
            True where the person allows it, False where it is refused, None where nobody could be asked.

        Raises:
            PermissionDenied: nobody answered in time, now or to an earlier question of the run.
        """
        asker = asker or PreparedAnswers(attended=False)
        run = self._runs.setdefault(asker, _Run())
        tool = call.tool
        grant = (tool.server, tool.name, f"{call.digest} {decision.rule}")
        if grant in run.granted:
            return True
        subject = Subject(call.run, *grant, argument_digest(call.arguments))
        answer = await self._answered_before(subject)
        if answer is None:
            if not asker.attended and not self._settings.ask_elsewhere:
                return None
            if run.unattended:
                raise self._unanswered(call, decision)
            question = _question(call, decision)
            async with asker.paused():
                with self._waiting(run, question, grant) as granted:
                    answer = await self._ask(question, subject, asker, granted)
            if answer == "expired":
                run.unattended = True
                raise self._unanswered(call, decision)
        if answer == "always":
            answer = await self._always(decision)
        if answer == "run" and call.run:
            run.grant(grant)
        return None if answer is None else answer != "refuse"

    def close(self) -> None:
        """Wait for no more answers."""
        self._presence.leave()

    async def _ask(
        self, question: Question, subject: Subject, asker: Asker, granted: anyio.Event
    ) -> Answer | str | None:
        """Return the first answer, wherever it comes from, None, or ``expired``."""
        kept = await self._add(question, subject)
        if not kept and not asker.attended:
            return None
        given: list[Answer | None] = []
        try:
            with anyio.move_on_after(self._settings.wait_seconds):
                async with anyio.create_task_group() as tasks:

                    def end(answer: Answer | None) -> None:
                        given.append(answer)
                        tasks.cancel_scope.cancel()

                    async def here() -> None:
                        answer = await _put(question, asker)
                        if answer is not None or not (kept and self._settings.ask_elsewhere):
                            end(answer)

                    async def elsewhere() -> None:
                        if (answer := await self._watch(question)) is not None:
                            end(answer)

                    async def by_grant() -> None:
                        await granted.wait()
                        end("run")

                    if asker.attended:
                        tasks.start_soon(here)
                    if kept:
                        tasks.start_soon(elsewhere)
                    tasks.start_soon(by_grant)
        except anyio.get_cancelled_exc_class():
            # The program gave the call up, or all of the run ends: whoever resumes it may find an answer.
            with suppress(OSError):
                self._store.leave(question.id)
            raise
        answer = given[0] if given else "expired"
        return await self._closed(question, answer, subject) if kept else answer

    async def _watch(self, question: Question) -> Answer | None:
        """Wait for an answer of another process; None where the database cannot be read any more."""
        try:
            while True:
                await anyio.sleep(_POLL)
                if (answer := await anyio.to_thread.run_sync(self._store.take, question.id)) is not None:
                    return answer
        except OSError as error:
            _LOG.warning("answers of other processes cannot be read: %s", error)
            return None

    async def _add(self, question: Question, subject: Subject) -> bool:
        def add() -> None:
            self._presence.take()
            self._store.add(question, subject, self._presence.name)
            if not self._tidied:
                self._tidied = True
                self._store.forget(_DAYS)
                self._presence.forget_the_dead()

        try:
            await anyio.to_thread.run_sync(add)
        except OSError as error:
            _LOG.warning("a question cannot be kept, so the answer will not outlive this process: %s", error)
            return False
        return True

    async def _closed(self, question: Question, answer: Answer | str | None, subject: Subject) -> str | None:
        """Note the answer; return it, or the one of another process that came a moment before."""
        # What holds for the rest of a run needs one.
        how = "once" if answer == "run" and not subject.run else answer or "nobody"
        try:
            if not await anyio.to_thread.run_sync(self._store.close, question.id, how):
                return await anyio.to_thread.run_sync(self._store.take, question.id) or answer
        except OSError as error:
            _LOG.warning("an answer cannot be kept: %s", error)
        return answer

    async def _answered_before(self, subject: Subject) -> Answer | None:
        if not subject.run:
            return None
        try:
            return await anyio.to_thread.run_sync(self._store.take_for, subject)
        except OSError as error:
            _LOG.warning("earlier answers cannot be read: %s", error)
            return None

    async def _always(self, decision: Decision) -> Answer:
        """Write the rule. For the rest of the run the tool is allowed in any case."""
        if self._remember is not None:
            try:
                await anyio.to_thread.run_sync(self._remember, decision)
            except Exception as error:  # noqa: BLE001 - the person has allowed this call all the same
                _LOG.warning("the rule that allows it always cannot be written: %s", error)
        return "run"

    def _unanswered(self, call: Call, decision: Decision) -> PermissionDenied:
        tool = call.tool
        allow = f", or allow it in underpass.toml: {decision.setting}" if decision.setting else ""
        return PermissionDenied(
            f"{tool.server}.{tool.name} was not called: nobody answered within "
            f"{self._settings.wait_seconds:g} s whether it may be",
            hint=f"run it again when somebody is there to answer{allow}",
            server=tool.server,
            tool=tool.name,
            rule=decision.rule,
        )

    @contextmanager
    def _waiting(self, run: _Run, question: Question, grant: Grant) -> Generator[anyio.Event]:
        event = anyio.Event()
        run.waiting[question.id] = (grant, event)
        try:
            yield event
        finally:
            del run.waiting[question.id]


async def _put(question: Question, asker: Asker) -> Answer | None:
    """Ask; whatever is no answer allows nothing."""
    try:
        answer = await asker.ask(question)
    except Exception:  # noqa: BLE001 - whoever asks may be a library user's own function
        _LOG.exception("a question could not be asked")
        return None
    if answer is not None and answer not in get_args(Answer):
        _LOG.error("%.100r is no answer to a question: the call is refused", answer)
        return "refuse"
    return answer


def _question(call: Call, decision: Decision) -> Question:
    return Question(
        secrets.token_hex(4),
        call.run,
        call.agent,
        call.tool.server,
        call.tool.name,
        call.encoded[:_SHOWN].decode("utf-8", "replace"),
        decision.reason,
        decision.rule,
    )
