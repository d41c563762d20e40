"""The packages that a sandbox has besides the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SandboxEnvironment:
    """A folder of installed packages, mounted read-only and put on ``sys.path``.

    ``preload`` names modules that are imported once, in the zygote, so that no run pays for them.
    """

    name: str
    packages: Path
    preload: tuple[str, ...] = ()
