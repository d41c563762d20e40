"""Encrypts what is kept on disk, with a key from the system's keyring or from a file of its owner alone."""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from underpass.catalog.secret_store import keyring_get, keyring_set
from underpass.errors import ConfigError

KEY_NAME: Final = "login-key"
"""The name of the key of logins in the system's keyring; its file's name where there is none."""
_KEY_BYTES = 32
_NONCE_BYTES = 12

Place = Literal["keyring", "file"]


class Unreadable(Exception):
    """What was sealed cannot be opened; the text says why, for people."""


class Sealer:
    """AES-256-GCM with a key of its own for the user (keyring) or for ``folder`` (file).

    Parameters:
        folder: where the key file is, when the system has no keyring.
        key: the key's name.
    """

    def __init__(self, folder: Path, key: str = KEY_NAME) -> None:
        self._name = key
        self._file = folder / key

    def seal(self, plain: bytes, *, about: bytes) -> dict[str, str]:
        """Encrypt ``plain`` so that it opens only together with the same ``about``.

        Raises:
            ConfigError: the keyring is locked.
            OSError: the key file cannot be written.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        place, key = self._key()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, plain, about)
        return {"key": place, "sealed": b64encode(sealed).decode()}

    def open(self, box: Mapping[str, object], *, about: bytes) -> bytes:
        """Decrypt what ``seal`` made. Raises ``Unreadable``, and ``ConfigError`` for a locked keyring."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            key = self._existing("keyring" if box.get("key") == "keyring" else "file")
            sealed = b64decode(str(box.get("sealed")), validate=True)
            if key is None:
                raise Unreadable("its key is gone")
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            raise Unreadable("it was changed, or its key was") from None
        except OSError as error:
            raise Unreadable(f"its key cannot be read: {error.strerror}") from None

    def _key(self) -> tuple[Place, bytes]:
        if (key := self._existing("keyring")) is not None:
            return "keyring", key
        made = secrets.token_bytes(_KEY_BYTES)
        if keyring_set(self._name, b64encode(made).decode()):
            return "keyring", made
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as file:
                file.write(made)
        key = self._existing("file")
        if key is None or len(key) != _KEY_BYTES:
            raise ConfigError(
                f"{self._file} holds no key",
                hint="remove the folder it is in: what was sealed with the key is lost",
            )
        return "file", key

    def _existing(self, place: Place) -> bytes | None:
        if place == "keyring":
            try:
                key = b64decode(keyring_get(self._name) or "", validate=True)
            except ValueError:
                return None  # somebody else's; it is replaced
            return key if len(key) == _KEY_BYTES else None
        return self._file.read_bytes() if self._file.exists() else None
