"""The user's own folder: no repository can bring anything into it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = "UNDERPASS_SKILLS_USER_FOLDER"


def own_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where Underpass keeps what is the user's and of no project."""
    given = environ.get("XDG_DATA_HOME", "")
    # The standard: a relative path does not count.
    base = Path(given) if given.startswith("/") else Path.home() / ".local" / "share"
    return base / "underpass"


def user_library(setting: str, environ: Mapping[str, str] = os.environ) -> tuple[Path, bool]:
    """Return the user's library, and whether it is certainly the user's.

    A setting may come from a file in a repository, which can name a folder of the repository.
    """
    default = own_folder(environ) / "skills"
    if not setting:
        return default, True
    folder = Path(setting).expanduser().absolute()
    return folder, setting == environ.get(ENVIRONMENT) or folder == default
