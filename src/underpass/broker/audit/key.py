"""The key of the trail's hashes, where the operator has set one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from underpass.errors import ConfigError

_KEYRING: Final = "keyring://"


def audit_key(setting: str, state: Path) -> bytes:
    """Return the key that the setting ``audit.key`` stands for. A keyring may ask its owner, and so block.

    Parameters:
        setting: ``keyring://NAME``, the key itself, or empty for none.
        state: the state folder.

    Raises:
        ConfigError: there is no such secret.
    """
    if not setting.startswith(_KEYRING):
        return setting.encode()
    from underpass.catalog.secret_store import SecretStore

    name = setting.removeprefix(_KEYRING)
    value = SecretStore(state).get(name)
    if not value:
        raise ConfigError(
            f"audit.key: the secret {name} is not set",
            hint=f"`underpass secret set {name}` sets it",
            setting="audit.key",
        )
    return value.encode()
