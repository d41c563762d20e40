"""The logins that are kept: for each server and issuer its tokens, encrypted at rest."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

import anyio

from underpass.catalog.edit import write_atomically
from underpass.catalog.sealing import Sealer, Unreadable
from underpass.errors import ConfigError

FOLDER: Final = "logins"
_LONGEST_WAIT = 60.0
"""Seconds to wait for another process that renews the same login."""
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Login:
    """What one authorization server granted for one MCP server."""

    server: str
    """The MCP server's address, as it is called."""
    issuer: str
    token_endpoint: str
    client_id: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    """Seconds since 1970; None when the server did not say."""
    scope: str | None = None
    resource: str | None = None
    """What tokens are asked for (RFC 8707)."""
    client_secret: str | None = field(default=None, repr=False)
    client_auth: str | None = None
    """How the client names itself to the token endpoint: ``client_secret_basic``, ``…_post``, ``none``."""
    revocation_endpoint: str | None = None


class Logins:
    """Logins of one state folder, keyed by server and issuer. Its methods block, for a few milliseconds.

    Each is a file of ``logins/`` in the state folder, encrypted with a key from the system's keyring, or
    from a file beside it where there is no keyring. It is bound to its server and issuer: under another
    name it cannot be opened.

    Parameters:
        state: the state folder.
    """

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER
        self._sealer = Sealer(self.folder)

    def get(self, server: str, issuer: str | None = None) -> Login | None:
        """Return the login of a server, the latest one unless an issuer is asked for.

        Raises:
            ConfigError: it cannot be read.
        """
        paths = self._paths(server, issuer)
        if not paths:
            return None
        path = paths[0]
        try:
            path = max(paths, key=lambda path: path.stat().st_mtime_ns)
            box = cast("dict[str, Any]", json.loads(path.read_bytes()))
            about = _about(server, str(box["issuer"]))
            login = Login(**json.loads(self._sealer.open(box, about=about)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(path, f"cannot be read: {error.strerror}") from None
        except Unreadable as error:
            raise self._unusable(path, f"cannot be opened: {error}") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise self._unusable(path, "holds no login") from None
        return login

    def put(self, login: Login) -> str:
        """Keep a login in place of the earlier one, and return where its key is: ``keyring`` or ``file``.

        Raises:
            ConfigError: it cannot be kept.
        """
        path = self._path(login.server, login.issuer)
        try:
            self._make_folder()
            plain = json.dumps(asdict(login)).encode()
            box = self._sealer.seal(plain, about=_about(login.server, login.issuer))
            write_atomically(path, json.dumps({"issuer": login.issuer, **box}) + "\n")
        except OSError as error:
            raise self._unusable(path, f"cannot be written: {error.strerror}") from None
        return box["key"]

    def remove(self, server: str, issuer: str | None = None) -> bool:
        """Forget the logins of a server, and return whether there were any. Raises ``ConfigError``."""
        paths = self._paths(server, issuer)
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise self._unusable(path, f"cannot be removed: {error.strerror}") from None
        return bool(paths)

    def stamp(self, server: str) -> object:
        """Return what changes when the logins of a server do."""
        found = [(path.name, path.stat()) for path in self._paths(server, None)]
        return sorted((name, about.st_ino, about.st_mtime_ns) for name, about in found)

    @asynccontextmanager
    async def held(self, server: str) -> AsyncGenerator[None]:
        """Keep others, in this process or another, from changing the login of a server.

        Raises:
            ConfigError: the lock cannot be had.
        """
        path = self.folder / f"{_hash(server)}.lock"
        try:
            self._make_folder()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(path, f"cannot be locked: {error.strerror}") from None
        try:
            with anyio.move_on_after(_LONGEST_WAIT) as waiting:
                while not _locked(descriptor):  # noqa: ASYNC110 - no event tells of another process
                    await anyio.sleep(_POLL)
            if waiting.cancelled_caught:
                raise self._unusable(path, f"has been held by another process for {_LONGEST_WAIT:g} s")
            yield
        finally:
            os.close(descriptor)

    def _make_folder(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
        ignored = self.folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n")

    def _path(self, server: str, issuer: str) -> Path:
        return self.folder / f"{_hash(server)}-{_hash(_without_slash(issuer))}.json"

    def _paths(self, server: str, issuer: str | None) -> list[Path]:
        if issuer is None:
            return [path for path in self.folder.glob(f"{_hash(server)}-*.json") if path.exists()]
        path = self._path(server, issuer)
        return [path] if path.exists() else []

    def _unusable(self, path: Path, what: str) -> ConfigError:
        return ConfigError(
            f"the login in {path} {what}", hint="`underpass login NAME` makes a new one", path=str(path)
        )


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _without_slash(issuer: str) -> str:
    # An issuer without a path is the same with and without its slash.
    return issuer[:-1] if issuer.count("/") == 3 and issuer.endswith("/") else issuer


def _about(server: str, issuer: str) -> bytes:
    return json.dumps([server, issuer]).encode()
