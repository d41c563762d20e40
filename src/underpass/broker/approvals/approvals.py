"""Asks people about calls, and keeps what they answer."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from underpass.broker.approvals.question import Asker, Question

if TYPE_CHECKING:
    from underpass.broker.call import Call
    from underpass.broker.policy.decision import Decision

_SHOWN: Final = 4_096
"""Bytes of a call's arguments that a person is shown."""


class Approvals:
    """The questions of one ``Underpass``."""

    async def ask(self, call: Call, decision: Decision, asker: Asker | None) -> bool | None:
        """Ask whether a call may be made.

        Returns:
            True where the person allows it, False where it is refused, None where nobody could be asked.
        """
        if asker is None:
            return None
        async with asker.paused():
            answer = await asker.ask(_question(call, decision))
        return None if answer is None else answer != "refuse"


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
