"""FastMCP, which is measured beside Underpass, in an environment of its own."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.resources import files
from pathlib import Path

from underpass.demo.environments import ensure_pinned, is_complete


def interpreter(*, install: bool = False) -> Path | None:
    """Return the interpreter that has FastMCP; None where that is not installed.

    Its packages are pinned with their hashes, and lie in the user's cache folder, where every project finds
    them. Installing blocks for as long as it takes.

    Parameters:
        install: whether it is installed where it is not there.

    Raises:
        ServerUnavailable: it could not be installed.
    """
    pins = files("underpass.bench").joinpath("pins", "fastmcp.txt").read_text(encoding="utf-8")
    identity = hashlib.sha256(f"{sys.version_info[:2]}\n{pins}".encode()).hexdigest()[:12]
    environment = _cache() / f"fastmcp-{identity}"
    if install:
        ensure_pinned("fastmcp", environment, pins)
    return environment / "bin" / "python" if is_complete(environment) else None


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "underpass"
