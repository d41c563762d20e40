"""The vault: what each token stands for, by agent, in SQLite, encrypted.

A token is a keyed digest of the value it stands for, with a key of its own for each agent. So the same value
has the same token in each process and at all times, other agents have others, and without the vault's key
nobody can try whether a token stands for a value he guesses. The values are encrypted as well (AES-256-GCM);
the vault's key is sealed as logins are: with a key in the system's keyring, or in a file beside the vault.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from underpass.broker.privacy.kinds import Found, Value, token_of
from underpass.catalog.sealing import Sealer, Unreadable
from underpass.errors import ConfigError
from underpass.sqlite_file import PATIENCE, WAL, keep_aside_if_corrupt, set_pragmas

FILE_NAME: Final = "vault.sqlite3"
_VERSION: Final = 1
_KEY_NAME: Final = "privacy-key"
_ABOUT: Final = b"underpass privacy vault"
_AT_ONCE: Final = 500
"""Values written in one transaction: others wait for 10 ms at most."""
_REMEMBERED: Final = 100_000
"""Tokens of an agent that are kept in memory."""
_NONCE_BYTES: Final = 12
_IDENTITY_BYTES: Final = 16
_SCHEMA: Final = """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE agents (agent TEXT PRIMARY KEY, salt BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE tokens (
        agent TEXT, token TEXT, identity BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (agent, token)
    ) WITHOUT ROWID;
"""
_WHAT: Final = "the vault of personal data"
_LOG: Final = logging.getLogger("underpass.privacy")


class VaultUnusable(Exception):
    """The vault cannot be read or written; the text says why, for people."""


class Vault:
    """The vault in ``folder``. Every method raises ``VaultUnusable``, and may be called in any thread.

    A file that is no vault any more is kept aside, which is said in the log, and a new one begun: the tokens
    that there were stand for nothing then.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._cipher: AESGCM | None = None
        self._said = False
        self._known: dict[str, tuple[bytes, bytes, dict[Found, str]]] = {}
        """By agent: its salt as it is kept, the same in clear, and the tokens that were made or found."""

    @property
    def is_open(self) -> bool:
        """Whether the next use need not begin with the key, for which a keyring may ask a person."""
        return self._connection is not None

    def open(self) -> None:
        """Make the vault ready, and a new one where there is none."""
        with self._connected():
            pass

    def tokens(self, agent: str, values: Sequence[Value]) -> list[str]:
        """Return the token of each value; those that there are not yet are made."""
        found: list[str] = []
        for first in range(0, len(values), _AT_ONCE):
            with self._connected() as connection:
                salt, known = self._agent(connection, agent)
                part = values[first : first + _AT_ONCE]
                if any(value.found not in known for value in part):
                    try:
                        with _transaction(connection):
                            for value in part:
                                if value.found not in known:
                                    known[value.found] = self._made(connection, agent, salt, value)
                    except BaseException:
                        known.clear()
                        raise
                found += [known[value.found] for value in part]
                if len(known) > _REMEMBERED:
                    known.clear()
        return found

    def values(self, agent: str, tokens: Iterable[str]) -> dict[str, Any]:
        """Return what the agent's tokens stand for, by token; those that are none of its own are left out."""
        if not self.path.exists():
            return {}
        found: dict[str, Any] = {}
        with self._connected() as connection:
            for token in tokens:
                row = connection.execute(
                    "SELECT value FROM tokens WHERE agent = ? AND token = ?", (agent, token)
                ).fetchone()
                if row is not None:
                    found[token] = orjson.loads(self._opened(row[0], f"{agent}\0{token}"))
        return found

    def owners(self, token: str) -> list[str]:
        """Return the agents that have a token."""
        if not self.path.exists():
            return []
        with self._connected() as connection:
            rows = connection.execute("SELECT agent FROM tokens WHERE token = ? ORDER BY agent", (token,))
            return [agent for (agent,) in rows]

    def forget(self, agent: str) -> int:
        """Forget an agent's tokens; returns how many there were. The same values get others from now on."""
        if not self.path.exists():
            return 0
        with self._connected() as connection:
            with _transaction(connection):
                count = connection.execute("DELETE FROM tokens WHERE agent = ?", (agent,)).rowcount
                connection.execute("DELETE FROM agents WHERE agent = ?", (agent,))
            # What was deleted is overwritten in the file, and must not stay in the log beside it.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._known.pop(agent, None)
        return count

    def say(self, error: VaultUnusable) -> None:
        """Say in the log, once, that the vault cannot be used."""
        if not self._said:
            _LOG.warning("the vault of personal data cannot be used: %s", error)
        self._said = True

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._cipher = None
        self._known.clear()

    def _agent(self, connection: sqlite3.Connection, agent: str) -> tuple[bytes, dict[Found, str]]:
        """The agent's salt, and its tokens so far as they are known here; another process may forget them."""
        row = connection.execute("SELECT salt FROM agents WHERE agent = ?", (agent,)).fetchone()
        if row is None:
            sealed = self._sealed(secrets.token_bytes(32), agent)
            connection.execute("INSERT OR IGNORE INTO agents VALUES (?, ?)", (agent, sealed))
            row = connection.execute("SELECT salt FROM agents WHERE agent = ?", (agent,)).fetchone()
        known = self._known.get(agent)
        if known is None or known[0] != row[0]:
            known = self._known[agent] = (row[0], self._opened(row[0], agent), {})
        return known[1], known[2]

    def _made(self, connection: sqlite3.Connection, agent: str, salt: bytes, value: Value) -> str:
        """The value's token, which the vault has from now on."""
        kind, normal = value.found.kind, value.found.normal.encode("utf-8", "surrogatepass")
        for attempt in range(100):
            digest = hmac.digest(salt, b"%b\0%d\0%b" % (kind.encode(), attempt, normal), "sha256")
            token, identity = token_of(kind, digest), digest[-_IDENTITY_BYTES:]
            row = connection.execute(
                "SELECT identity FROM tokens WHERE agent = ? AND token = ?", (agent, token)
            ).fetchone()
            if row is None:
                sealed = self._sealed(orjson.dumps(value.raw), f"{agent}\0{token}")
                connection.execute("INSERT INTO tokens VALUES (?, ?, ?, ?)", (agent, token, identity, sealed))
                return token
            if row[0] == identity:
                return token
            # Another value has this token: one of a trillion pairs.
        raise VaultUnusable("it has no token left")

    def _sealed(self, plain: bytes, about: str) -> bytes:
        assert self._cipher is not None
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode("utf-8", "surrogatepass"))

    def _opened(self, sealed: bytes, about: str) -> bytes:
        assert self._cipher is not None
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, about.encode("utf-8", "surrogatepass"))
        except (InvalidTag, ValueError):
            raise VaultUnusable("what it holds was changed") from None

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection, self._cipher = self._open_or_begin_anew()
                yield self._connection
            except sqlite3.DatabaseError as error:
                self._let_go()
                # Where that is found only now, the next use begins anew.
                keep_aside_if_corrupt(self.path, _WHAT, error, _LOG)
                raise VaultUnusable(str(error)) from error
            except OSError as error:
                raise VaultUnusable(str(error)) from error

    def _open_or_begin_anew(self) -> tuple[sqlite3.Connection, AESGCM]:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if not keep_aside_if_corrupt(self.path, _WHAT, error, _LOG):
                raise
        return self._open()

    def _open(self) -> tuple[sqlite3.Connection, AESGCM]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives its other files the mode of this one.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        ignored = self.folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n", encoding="ascii")
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            set_pragmas(connection, (*WAL, "secure_delete = ON"))
            return connection, AESGCM(self._laid_out(connection))
        except BaseException:
            connection.close()
            raise

    def _laid_out(self, connection: sqlite3.Connection) -> bytes:
        """Make the tables of a new file; returns the vault's key."""
        sealer = Sealer(self.folder, _KEY_NAME)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise VaultUnusable(f"its format is {version}, and this version knows {_VERSION}")
        try:
            if version == 0:
                with _transaction(connection):
                    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                        for statement in _SCHEMA.split(";"):
                            connection.execute(statement)
                        box = sealer.seal(secrets.token_bytes(32), about=_ABOUT)
                        connection.execute("INSERT INTO facts VALUES ('key', ?)", (json.dumps(box),))
                        connection.execute(f"PRAGMA user_version = {_VERSION}")
            row = connection.execute("SELECT value FROM facts WHERE name = 'key'").fetchone()
            return sealer.open(json.loads(row[0]), about=_ABOUT)
        except (Unreadable, ConfigError) as error:
            raise VaultUnusable(
                f"its key cannot be had ({error}); without it, remove the folder {self.folder}"
            ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
