"""Who makes a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Scope = Literal["run", "read", "approve", "admin"]
"""``run``: run programs, call tools, change files; ``read``: see all of it; ``approve``: answer questions
about calls; ``admin``: what concerns the service as a whole."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a token."""

    token: str
    """The token's id; ``operator`` for the one of the state folder."""
    tenant: str | None
    """None for the operator, who sees everything."""
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether the token has a scope."""
        return scope in self.scopes


OPERATOR: Final = Principal("operator", None, frozenset(SCOPES))
