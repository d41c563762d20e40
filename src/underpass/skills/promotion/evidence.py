"""Runs as the journal and the candidates have them together: what a skill is made of and tried with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from underpass.broker.journal.record import CallRecord
from underpass.broker.journal.store import JournalStore
from underpass.skills.skill import RecordedCall
from underpass.workspace.checkpoints.objects import ObjectStore


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """A run that succeeded, with all that it did."""

    run: str
    language: str
    code: str
    agent: str
    value: Any
    calls: tuple[RecordedCall, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict[str, str])
    """The digest of the definition of each tool that it called, by ``server.tool``."""


class CallsLost(Exception):
    """The journal has not all of a run's calls any more, or not whole; the message says which."""


class CallReader:
    """Reads the calls of runs from the journal in ``folder``; it waits for the disk."""

    def __init__(self, folder: Path) -> None:
        self._store = JournalStore(folder)
        self._contents = ObjectStore(self._store.contents)

    def tools(self, run: str) -> tuple[str, ...]:
        """Return the tools that a run called, ``server.tool``, in the order of their first calls.

        Raises ``OSError``.
        """
        return tuple(dict.fromkeys(f"{call.server}.{call.tool}" for call in self._store.calls(run)))

    def calls(self, run: str) -> tuple[tuple[RecordedCall, ...], dict[str, str]]:
        """Return a run's calls, and the digests of their tools' definitions.

        Raises:
            CallsLost: they are not all there, or an argument is too long for the journal.
            OSError: the journal cannot be read.
        """
        found = self._store.calls(run)
        if not found:
            raise CallsLost("the journal has no calls of it")
        definitions = {f"{call.server}.{call.tool}": call.definition for call in found}
        return tuple(self._call(call) for call in found), definitions

    def close(self) -> None:
        """Let the journal go."""
        self._store.close()

    def _call(self, call: CallRecord) -> RecordedCall:
        named = f"call {call.sequence}, of {call.server}.{call.tool}"
        try:
            arguments = orjson.loads(call.arguments)
        except orjson.JSONDecodeError as error:
            raise CallsLost(f"the arguments of {named} are too long for the journal") from error
        if call.state == "failed" and call.error is not None:
            error = {"type": str(call.error.get("type", "")), "message": str(call.error.get("message", ""))}
            return RecordedCall(call.server, call.tool, arguments, None, error)
        if call.state != "finished":
            raise CallsLost(f"{named} has no answer in the journal")
        try:
            content = self._contents.read(call.content) if call.content is not None else call.result
        except (OSError, ValueError) as error:
            raise CallsLost(f"the answer of {named} is gone") from error
        return RecordedCall(call.server, call.tool, arguments, orjson.loads(content or b"null"))
