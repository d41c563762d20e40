"""The one bearer token of the HTTP server."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkstemp

from underpass.errors import ConfigError

VARIABLE = "UNDERPASS_TOKEN"
_FORM = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A token and where a person finds it."""

    secret: str = field(repr=False)
    place: str
    """A file's path, or the variable's name with a dollar sign."""
    others_read: bool = False
    """Whether other users of the machine can read the file."""


def find_token(
    state: Path, *, file: Path | None = None, environ: MutableMapping[str, str] = os.environ
) -> Token:
    """Return the token: of ``file``, else of ``$UNDERPASS_TOKEN``, else of the state folder.

    The state folder's is made when there is none, and stays the same from then on. The variable is
    taken out of ``environ``, so that no process started later inherits it.

    Raises:
        ConfigError: the file cannot be read, or what is there is no token.
    """
    given = environ.pop(VARIABLE, None)
    if file is not None:
        return _read(file)
    if given is not None:
        return Token(_checked(given, f"${VARIABLE}"), f"${VARIABLE}")
    own = state / "token"
    try:
        if not own.exists():
            _make(own)
    except OSError as error:
        raise ConfigError(f"no token can be kept in {own}: {error.strerror}", path=str(own)) from error
    return _read(own)


def _read(path: Path) -> Token:
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the token file {path} cannot be read: {error}", path=str(path)) from error
    return Token(_checked(text.strip(), str(path)), str(path), others_read=bool(mode & 0o077))


def _checked(text: str, place: str) -> str:
    if not _FORM.fullmatch(text):
        raise ConfigError(
            f"what is in {place} is no token",
            hint="a token has 16 to 512 letters, digits and characters of -._~+/=, all in one line",
        )
    return text


def _make(path: Path) -> None:
    """Write a new token in one step; where another process was faster, its token stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ignored = path.with_name(".gitignore")
    if not ignored.exists():  # a secret in a project's folder is soon committed
        ignored.write_text("*\n", encoding="ascii")
    descriptor, temporary = mkstemp(dir=path.parent, prefix=".token-")  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink()
