"""The tokens of tenants: a file in the state folder that has their hashes."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from underpass.catalog.edit import write_atomically
from underpass.errors import ConfigError, ValidationFailed
from underpass.server.tenancy.names import check_tenant
from underpass.server.tenancy.principal import SCOPES, Principal, Scope
from underpass.workspace.checkpoints.locking import locked

FILE_NAME: Final = "tokens.json"
_PREFIX: Final = "up_"
"""So that those who look for leaked secrets know one."""
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, without its secret."""

    id: str
    tenant: str | None
    scopes: tuple[Scope, ...]
    digest: str
    """The SHA-256 of the secret. The secret is 256 random bits: nobody can try them out, so a slow hash with
    a salt, which protects what people think up, would only make each request slow."""
    created: float
    """Seconds since 1970."""
    expires: float | None = None
    revoked: float | None = None

    @property
    def state(self) -> str:
        """``valid``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= time.time() else "valid"

    def to_dict(self) -> dict[str, Any]:
        """The token as a JSON object, without its hash."""
        return {
            "id": self.id,
            "tenant": self.tenant,
            "scopes": list(self.scopes),
            "created": _written(self.created),
            "expires": _written(self.expires),
            "state": self.state,
        }


class TokenStore:
    """The tokens in the state folder ``state``. What another process changes holds from the next request."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE_NAME
        self._stamp: tuple[int, int] | None = None
        self._by_digest: dict[str, tuple[IssuedToken, Principal]] = {}

    def create(
        self, tenant: str | None, scopes: Sequence[Scope], *, seconds: float | None = None
    ) -> tuple[IssuedToken, str]:
        """Make a token; return it with its secret, which is kept nowhere.

        Parameters:
            tenant: whose; None for one that sees what the operator sees.
            seconds: how long it is good; None for ever.

        Raises:
            ValidationFailed: the name or a scope is none, or a tenant is to have the scope ``admin``.
            ConfigError: the file cannot be written.
        """
        if tenant is not None:
            check_tenant(tenant)
        chosen: tuple[Scope, ...] = tuple(scope for scope in SCOPES if scope in scopes)
        if not chosen or len(chosen) != len(set(scopes)):
            raise ValidationFailed(
                f"{', '.join(scopes)!r:.60} are no scopes", hint=f"there are: {', '.join(SCOPES)}"
            )
        if tenant is not None and "admin" in chosen:
            raise ValidationFailed(
                "a tenant's token cannot have the scope admin",
                hint="it is about all tenants: leave --tenant out",
            )
        secret = _PREFIX + secrets.token_urlsafe(32)
        now = time.time()
        expires = None if seconds is None else now + seconds
        token = IssuedToken(secrets.token_hex(4), tenant, chosen, _digest(secret), now, expires)
        self._change([token])
        return token, secret

    def list(self) -> list[IssuedToken]:
        """Return all tokens, the oldest first. Raises ``ConfigError``."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable(error) from error
        try:
            tokens: list[dict[str, Any]] = json.loads(content)["tokens"]
            return [_read(each) for each in tokens]
        except (ValueError, KeyError, TypeError) as error:
            raise self._unusable(error) from error

    def revoke(self, id: str) -> IssuedToken:  # noqa: A002 - as people see it
        """Revoke a token; it holds from the next request. Raises ``ValidationFailed`` where there is none."""
        found = next((token for token in self.list() if token.id == id), None)
        if found is None:
            raise ValidationFailed(f"there is no token {id:.60}", hint="see `underpass token list`")
        revoked = replace(found, revoked=found.revoked or time.time())
        self._change([revoked])
        return revoked

    def principal(self, secret: str) -> Principal | None:
        """Return who holds a secret that is valid now, or None."""
        self._look()
        found = self._by_digest.get(_digest(secret))
        return found[1] if found is not None and found[0].state == "valid" else None

    def _look(self) -> None:
        try:
            status = self.path.stat()
        except OSError:
            self._stamp, self._by_digest = None, {}
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._by_digest = {
                token.digest: (token, Principal(token.id, token.tenant, frozenset(token.scopes)))
                for token in self.list()
            }
            self._stamp = stamp

    def _change(self, changed: Sequence[IssuedToken]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.path.with_suffix(".lock")):
                tokens = {token.id: token for token in self.list()} | {token.id: token for token in changed}
                if len(tokens) > _MOST:
                    raise ValidationFailed(
                        f"there are {_MOST:,} tokens already", hint=f"remove some from {self.path}"
                    )
                content = {"tokens": [asdict(token) for token in tokens.values()]}
                write_atomically(self.path, json.dumps(content, indent=1) + "\n", mode=0o600)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ConfigError:
        return ConfigError(f"the tokens in {self.path} cannot be used: {error}", path=str(self.path))


def _read(written: dict[str, Any]) -> IssuedToken:
    facts: dict[str, Any] = {**written, "scopes": tuple(written["scopes"])}
    return IssuedToken(**facts)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "backslashreplace")).hexdigest()


def _written(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
