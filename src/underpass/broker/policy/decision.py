"""What is decided about a call, before anyone is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Effect = Literal["allow", "ask", "deny"]

SEVERITY: Final = {"allow": 0, "ask": 1, "deny": 2}
"""How strict an effect is."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call may be made, and why."""

    effect: Effect
    rule: str
    """What decided: ``rule 3``, ``default: destructive``, ``flow: private data to an open-world tool``."""
    reason: str
    """For the person who is asked, and for the error; one sentence without a full stop."""
    setting: str = ""
    """The text that would allow such calls, as it stands in ``underpass.toml``."""
    before: int = 0
    """The rule before which ``setting`` has to stand to take effect, by its ``id``; 0: after all of them."""
