"""The audit trail of one process: makes the rows, and has them written."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.broker.audit.chain import HOSTS, Chain
from underpass.broker.audit.row import content_of, inside, now
from underpass.broker.call import Call, Outcome, Reached
from underpass.broker.journal.ahead import AheadLog
from underpass.broker.journal.record import CallRecord, RunRecord, argument_digest
from underpass.broker.policy.decision import Decision
from underpass.config import AuditSettings
from underpass.errors import ToolUnavailable
from underpass.execution.result import ToolCall

WRITE_SOON: Final = 0.005
"""Seconds after which rows that were written ahead are written."""
WRITE_AFTER: Final = 0.5
"""Seconds after which what may wait is written."""
PRUNE_AFTER: Final = 3_600.0
"""Seconds between two looks for rows that are too old."""
_MANY: Final = 512
"""Rows from which what may wait is written at once."""
_LONGEST: Final = 1_000
"""Characters of a name; programs may ask for tools of any name."""
_LOG: Final = logging.getLogger("underpass.audit")


class AuditTrail(Background):
    """The trail in the folder ``folder``; enter it before use. It is a ``Trail`` of the broker.

    A decision to make a call that may change something is written before the call is sent, and every
    refusal at once; where the trail is required, every decision. They are written to a log of this process's
    own, and a few at once to the chain, soon. Other rows are written with the next such one, or later.

    Parameters:
        key: of the rows' hashes (see ``audit_key``).
    """

    def __init__(self, folder: Path, settings: AuditSettings | None = None, *, key: bytes = b"") -> None:
        settings = settings or AuditSettings()
        most = settings.max_mb * 1024 * 1024
        self.folder = folder
        self._required = settings.required
        self._chain = Chain(folder, key=key, days=settings.days, most_bytes=most)
        self._pruning = Chain(folder, key=key, days=settings.days, most_bytes=most)
        self._log = AheadLog(folder / HOSTS)
        self._pending: list[bytes] = []
        self._ahead = 0
        """How many of these were written ahead."""
        self._is_sound = False
        """Whether the chain took what it was given last."""
        self._decided: dict[int, bytes] = {}
        """What the decisions say about calls that have not ended, by the identity of their ``Call``."""
        self._lost = 0
        """Rows that could not be written, since the last that was."""
        self._said = False
        self._due = anyio.Event()
        self._soon = anyio.Event()

    async def _finish(self) -> None:
        self.write()
        self._chain.close()
        self._pruning.close()
        self._log.leave()

    def began(self, run: RunRecord) -> None:
        """Note that a run begins, or goes on."""
        facts = {
            "run": run.run,
            "agent": run.agent,
            "language": run.language,
            "environment": run.environment,
            "session": run.session,
            "attempt": run.attempts,
            "code": run.code_digest,
        }
        self._later(content_of("began", facts))

    def ended(self, run: RunRecord, cause: str) -> None:
        """Note how a run has ended."""
        self._later(content_of("ended", {"run": run.run, "agent": run.agent, "cause": cause}))

    def decided(self, call: Call, decision: Decision | None, outcome: Outcome) -> None:
        """Note a decision. Raises ``ToolUnavailable`` where it must be recorded and cannot be."""
        tool = call.tool
        what = inside(
            {
                "run": call.run,
                "agent": call.agent,
                "server": tool.server,
                "tool": tool.name,
                "definition": call.digest,
                "arguments": call.fingerprint or argument_digest(call.arguments),
                "decision": None if decision is None else decision.effect,
                "rule": None if decision is None else decision.rule[:_LONGEST],
                "outcome": outcome,
            }
        )
        self._decided[id(call)] = what
        self._later(b'"at":"%b","kind":"decision",%b' % (now(), what))
        if outcome == "allowed" and not self._required and tool.annotations.get("readOnlyHint") is True:
            return
        if not self._write_ahead() and self._required and outcome == "allowed":
            raise ToolUnavailable(
                f"{tool.server}.{tool.name} was not called: the audit trail cannot be written",
                hint="is the disk full? The setting audit.required refuses calls that cannot be recorded",
                server=tool.server,
                tool=tool.name,
            )

    def called(
        self, run: str, agent: str, call: ToolCall, reached: Reached, about: Call | CallRecord | None
    ) -> None:
        """Note that a call has ended."""
        what = self._decided.pop(id(about), None)
        if what is None:
            known = about if isinstance(about, CallRecord) else None
            what = inside(
                {
                    "run": run,
                    "agent": agent,
                    "server": _name(call.server),
                    "tool": _name(call.tool),
                    "definition": None if known is None else known.definition,
                    "arguments": None if known is None else known.digest,
                    "decision": None,
                    "rule": None,
                    "outcome": None,
                }
            )
        how = inside(
            {
                "reached": reached,
                "error": call.error,
                "bytes_in": call.bytes_in,
                "bytes_out": call.bytes_out,
                "duration_ms": round(call.duration_ms, 3),
            }
        )
        self._later(b'"at":"%b","kind":"call",%b,%b' % (now(), what, how))

    def write(self) -> bool:
        """Write what waits; returns whether that went well."""
        if not self._pending:
            return True
        pending, self._pending = self._pending, []
        ahead, self._ahead = self._ahead, 0
        lost = [content_of("lost", {"rows": self._lost})] if self._lost else []
        try:
            self._chain.append([*lost, *pending] if lost else pending)
        except OSError as error:
            # What was promised is not forgotten.
            self._pending, self._ahead = pending[:ahead], ahead
            self._lost += len(pending) - ahead
            self._is_sound = False
            self._say(error)
            return False
        self._lost = 0
        self._is_sound = True
        with suppress(OSError):
            self._log.clear()
        return True

    def _write_ahead(self) -> bool:
        """Write what waits where it outlives this process; returns whether that went well."""
        if not self._is_sound:
            return self.write()
        try:
            self._log.append(b"\n".join(self._pending[self._ahead :]))
        except OSError:
            return self.write()
        self._ahead = len(self._pending)
        self._soon.set()
        return True

    def _later(self, row: bytes) -> None:
        if not self._pending:
            self._due.set()
        self._pending.append(row)
        if len(self._pending) >= _MANY:
            self.write()

    async def _work(self) -> None:
        self._tasks.start_soon(self._settle_when_due)
        while True:
            await self._soon.wait()
            await anyio.sleep(WRITE_SOON)
            self._soon = anyio.Event()
            self.write()

    async def _settle_when_due(self) -> None:
        pruned = -PRUNE_AFTER
        while True:
            await self._due.wait()
            await anyio.sleep(WRITE_AFTER)
            self._due = anyio.Event()
            self.write()
            try:
                await anyio.to_thread.run_sync(self._chain.settle)
                if anyio.current_time() >= pruned + PRUNE_AFTER:
                    pruned = anyio.current_time()
                    await anyio.to_thread.run_sync(self._pruning.take_over)
                    await anyio.to_thread.run_sync(self._pruning.prune)
            except OSError as error:
                self._say(error)

    def _say(self, error: OSError) -> None:
        if not self._said:
            then = "calls are refused" if self._required else "what happens now is not recorded"
            _LOG.warning("the audit trail cannot be written, so %s: %s", then, error)
        self._said = True


def _name(name: str) -> str:
    # What a program asks for may be no text that can be written.
    return name[:_LONGEST] if name.isascii() else name[:_LONGEST].encode("utf-8", "backslashreplace").decode()
