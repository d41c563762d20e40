"""Runs and calls as the journal has them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

CallState = Literal["in flight", "finished", "failed", "cancelled"]
RESUMABLE = frozenset({"Interrupted", "SandboxCrashed", "RunDiverged", "CallUnknown"})
"""The causes of an end after which a run may be continued; one without any died with its host."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run: what it takes to run its code again, and how it ended."""

    run: str
    begun: float
    """Seconds since 1970."""
    agent: str
    language: str
    environment: str | None
    filename: str
    timeout: float
    max_tokens: int
    check: bool
    rollback_on_error: bool
    code: str
    session: str | None = None
    """The session whose variables it shared."""
    host: str = ""
    """The process that runs it, as ``Presence`` knows it."""
    boot: str = ""
    """The start of the machine during which it ran."""
    attempts: int = 1
    """One more with each resumption."""
    ended: float | None = None
    cause: str | None = None
    """``ok``, or the type of the run's error; None for a run that has not ended."""
    calls: int = 0
    """How many calls the journal has of it."""

    @property
    def code_digest(self) -> str:
        """The SHA-256 of the code, in hexadecimal."""
        return hashlib.sha256(self.code.encode()).hexdigest()

    @property
    def when(self) -> datetime:
        """``begun`` as a time in UTC."""
        return datetime.fromtimestamp(self.begun, UTC)

    def to_dict(self) -> dict[str, Any]:
        """The run as a JSON object, without its code."""
        return {
            "run": self.run,
            "begun": self.when.isoformat(timespec="milliseconds"),
            "agent": self.agent,
            "language": self.language,
            "environment": self.environment,
            "code_digest": self.code_digest,
            "attempts": self.attempts,
            "cause": self.cause,
            "calls": self.calls,
        }


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that passed every check."""

    sequence: int
    """From 1, in the order in which the run's calls were made."""
    server: str
    tool: str
    definition: str
    """The digest of the tool's definition."""
    digest: str
    """Of the arguments."""
    arguments: str
    """The arguments, as JSON; the beginning of it where they are long."""
    idempotent: bool
    """Whether a second call does no harm: the server says that the tool reads only, or is idempotent."""
    state: CallState
    began: int
    """Its place among all that happened in the run."""
    ended: int | None
    result: bytes | None
    """The value that the code saw, as JSON; None where ``content`` is its digest in the content store."""
    content: str | None
    error: Mapping[str, Any] | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What a call of the run's second life must have in common with it."""
        return self.server, self.tool, self.digest

    @property
    def unknown(self) -> bool:
        """Whether nobody knows if its effect has happened."""
        return self.state == "in flight" and not self.idempotent

    def to_dict(self) -> dict[str, Any]:
        """The call as a JSON object, without its result."""
        return {
            "sequence": self.sequence,
            "server": self.server,
            "tool": self.tool,
            "arguments": self.arguments,
            "definition_digest": self.definition,
            "argument_digest": self.digest,
            "idempotent": self.idempotent,
            "state": "unknown" if self.unknown else self.state,
            "error": None if self.error is None else dict(self.error),
        }


def argument_digest(arguments: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the arguments' canonical JSON. Raises ``TypeError`` for what is no JSON."""
    return hashlib.sha256(orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)).hexdigest()
