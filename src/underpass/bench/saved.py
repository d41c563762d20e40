"""Results in a file, with what they were measured on."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from underpass.errors import ConfigError


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write results with the commit that is checked out, the versions and the day.

    Parameters:
        path: the file; its folder must be there. What it had is replaced.
        content: the results as JSON.

    Raises:
        ConfigError: the file cannot be written.
    """
    measured = {
        "underpass": version("underpass"),
        "commit": _commit(),
        "python": platform.python_version(),
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    text = orjson.dumps({"measured": measured, **content}, option=orjson.OPT_INDENT_2)
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="name another file", path=str(path)
        ) from error


def _commit() -> str | None:
    """Return the commit of the checkout that this package is in; None for an installed one."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", here, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            check=False,
        )
        known = subprocess.run(
            ["git", "-C", here, "ls-files", "--error-unmatch", __file__], capture_output=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == known.returncode == 0 else None
