"""One call of a run, and what it goes through besides the checks that always hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from underpass.broker.approvals.question import Asker
from underpass.catalog import Progress, ToolDefinition
from underpass.errors import ToolError
from underpass.execution.result import ToolCall
from underpass.metrics.meter import CallSpans

if TYPE_CHECKING:
    from underpass.broker.journal.record import CallRecord, RunRecord
    from underpass.broker.policy.decision import Decision

Outcome = Literal["allowed", "refused", "unanswered"]
"""What came of a decision; ``unanswered``: there was nobody to ask, so the call is refused."""
Reached = Literal["server", "journal", "cache", "nothing"]
"""Where a call was sent, or what answered it instead; ``nothing``: it was refused, or was no good."""


class Freshness(NamedTuple):
    """How long a value may stand for the call that it came of."""

    until: float
    """As the cache counts time."""
    server: int
    """What the server is to the cache."""
    epoch: int
    """The value is stale once the server has another."""


class Returned(NamedTuple):
    """What a call came back with."""

    value: Any
    encoded: bytes
    """The value as JSON."""
    portable: bool = True
    """Whether it means the same in another run; a value that names files of this one does not."""
    freshness: Freshness | None = None
    """None where the next call of the kind has to be made."""


class Call(NamedTuple):
    """A call that has passed every check and has not been sent."""

    run: str
    """The run's id; empty for a call from outside of any program."""
    agent: str
    tool: ToolDefinition
    digest: str
    """Of the tool's definition; empty for a request for resources or prompts."""
    arguments: Mapping[str, Any]
    """As the code gave them."""
    encoded: bytes
    """The arguments as JSON."""
    fingerprint: str = ""
    """The digest of the arguments, where it is known already."""


class Gate(Protocol):
    """Decides about the calls of one run."""

    async def admit(self, call: Call) -> Callable[[int], None] | None:
        """Return when the call may be made. Raises ``ToolError``: it may not.

        Returns:
            What is to be told how many bytes came back; None where nobody counts them.
        """
        ...

    def returned(self, server: str, tool: str, value: Any, encoded: bytes) -> None:
        """Learn what the code is about to see, of a call that was made or is answered from the journal."""
        ...

    async def close(self) -> None:
        """Learn that the run is over, and everything that it leaves is in its place."""
        ...


class Policy(Protocol):
    """Opens the gate of each run."""

    def open_run(self, run: str, agent: str, asker: Asker | None, session: object | None = None) -> Gate:
        """Return the gate for the calls of one run, about which ``asker`` can ask a person.

        Parameters:
            session: stands for the variables that the run shares with others; None where it has its own.
        """
        ...


class PrivateCall(Protocol):
    """One call of a tool that has personal data, or may have it."""

    arguments: Mapping[str, Any]
    """As the tool needs them."""

    async def conceal(self, value: Any, size: int) -> Any:
        """Return the value of a result, of about ``size`` characters, as the code may see it.

        Raises:
            ToolFailed: it cannot be concealed, and so must not be seen.
        """
        ...

    async def concealed_error(self, error: ToolError) -> ToolError:
        """Return the error as the code may see it."""
        ...

    def concealed_progress(self, progress: Progress | None) -> Progress | None:
        """Return what is to be told of the call's progress, so that it may be passed on."""
        ...


class ToolPrivacy(Protocol):
    """What is done about the personal data of one tool."""

    async def begin(self, call: Call) -> PrivateCall:
        """Begin a call. Raises ``ToolUnavailable``: what its arguments stand for cannot be read."""
        ...

    async def concealed_error(self, agent: str, error: ToolError) -> ToolError:
        """Return an error that came before the call, as the code may see it."""
        ...


class Privacy(Protocol):
    """Keeps personal data from the code, and so from the model."""

    def about(self, server: str, tool: str) -> ToolPrivacy | None:
        """Return what is to be done for a tool; None where that is nothing."""
        ...


class CallCache(Protocol):
    """Answers calls that need not be made again."""

    def has_part_in(self, call: Call) -> bool:
        """Whether it answers the call, or has to know of it; it is made without ``answer`` otherwise."""
        ...

    async def answer(self, call: Call, make: Callable[[], Awaitable[Returned]]) -> Returned:
        """Return what the call came back with before, or make it."""
        ...


class Trail(Protocol):
    """Is told of every run, decision and call."""

    def began(self, run: RunRecord) -> None:
        """Note that a run begins, or goes on: ``attempts`` is more than 1."""
        ...

    def ended(self, run: RunRecord, cause: str) -> None:
        """Note how a run has ended: ``ok``, or the type of its error."""
        ...

    def decided(self, call: Call, decision: Decision | None, outcome: Outcome) -> None:
        """Note a final decision, before anything follows from it.

        Parameters:
            decision: None where there is no policy.

        Raises:
            ToolUnavailable: it cannot be recorded, and so the call must not be made.
        """
        ...

    def called(
        self, run: str, agent: str, call: ToolCall, reached: Reached, about: Call | CallRecord | None
    ) -> None:
        """Note that a call has ended, however it did.

        Parameters:
            about: the call as it was decided about, or as the journal has it; None where it did not pass the
                checks before.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stages:
    """What every call goes through; None where there is nothing of the kind."""

    policy: Policy | None = None
    privacy: Privacy | None = None
    cache: CallCache | None = None
    trail: Trail | None = None
    spans: CallSpans | None = None
