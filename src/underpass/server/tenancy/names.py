"""What a tenant's agents are called inside: ``TENANT.AGENT``.

Everything that Underpass keeps is kept by agent: runs, files, sessions, checkpoints, questions, rows of the
trail, results in caches. So a name of its own for each tenant's agents keeps them all apart.
"""

from __future__ import annotations

import re
from typing import Final

from underpass.errors import ValidationFailed
from underpass.workspace.folders import is_name, no_name

_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")


def check_tenant(tenant: str) -> str:
    """Return a tenant's name. Raises ``ValidationFailed`` where it is none.

    There is no dot in it, so that no tenant's agent is called like another's; and no capital letter, since
    some file systems take it for a small one.
    """
    if not _TENANT.fullmatch(tenant):
        raise ValidationFailed(
            f"{tenant!r:.60} is no name for a tenant",
            hint="use up to 24 small letters, digits and '-', beginning with a letter or digit",
        )
    return tenant


class TenantNames:
    """Names of one tenant's agents, inside and outside; the operator's are the same on both sides."""

    def __init__(self, tenant: str | None) -> None:
        self.prefix = "" if tenant is None else f"{check_tenant(tenant)}."
        """What the names of its agents begin with, inside."""

    def inside(self, agent: str) -> str:
        """Return what an agent is called inside. Raises ``ValidationFailed`` where it is no name."""
        if not (is_name(agent) and is_name(self.prefix + agent)):
            raise no_name(agent)
        return self.prefix + agent

    def owns(self, name: str) -> bool:
        """Whether an agent, by its name inside, is the tenant's."""
        return name.startswith(self.prefix)

    def outside(self, name: str) -> str:
        """Return what the tenant calls one of its agents."""
        return name.removeprefix(self.prefix)
