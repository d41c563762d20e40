"""Which user of the host a sandbox is: one of its own where we may choose, else ourselves."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Final

INSIDE: Final = 1_000
"""The user's number inside the sandbox."""

_FIRST: Final = 1_900_000_000
_COUNT: Final = 100_000_000
"""Numbers that neither people, packages, containers nor systemd use (systemd's UIDS-GIDS.md)."""
_NOBODY: Final = 65_534


def owner(workspaces: Path) -> int:
    """Return the user that owns the agents' folders in ``workspaces`` and runs their code.

    Root gives each such folder a user that owns nothing else. Anyone else can only be themselves.
    """
    if os.geteuid() != 0:
        return os.geteuid()
    own = _FIRST + zlib.crc32(os.fsencode(workspaces.resolve())) % _COUNT
    return next((user for user in (own, _NOBODY) if _exists(user)), 0)


def _exists(user: int) -> bool:
    """Whether the user namespace that we are in has this user; a container's may be small."""
    for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
        first, _, count = map(int, line.split())
        if first <= user < first + count:
            return True
    return False


def map_user(process: int, user: int) -> None:
    """Make ``user`` the only user inside the namespace of ``process``. Raises ``OSError``."""
    group = user if os.geteuid() == 0 else os.getegid()
    folder = Path("/proc") / str(process)
    # Without the right to set groups, the kernel asks to give that up first.
    (folder / "setgroups").write_text("deny", encoding="ascii")
    (folder / "uid_map").write_text(f"{INSIDE} {user} 1", encoding="ascii")
    (folder / "gid_map").write_text(f"{INSIDE} {group} 1", encoding="ascii")
