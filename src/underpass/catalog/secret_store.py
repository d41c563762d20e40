"""Where ``keyring://NAME`` finds its secrets: the system's keyring, else a file for its owner alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from underpass.catalog.edit import write_atomically
from underpass.errors import ConfigError

FILE_NAME: Final = "secrets.json"
SERVICE: Final = "underpass"
"""Under this name the system's keyring has the secrets: `keyring get underpass NAME`."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

Place = Literal["keyring", "file"]


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret's name and place; its value stays where it is."""

    name: str
    place: Place


class SecretStore:
    """Secrets by name. Every method blocks; a keyring may even ask its owner for a password.

    Parameters:
        state: the state folder; ``secrets.json`` in it lists the names, and holds the values where the
            system has no keyring, unencrypted and readable by its owner alone.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.path = state / FILE_NAME

    def get(self, name: str) -> str | None:
        """Return a secret; None when there is none of that name. Raises ``ConfigError``."""
        entry = self._read().get(name)
        if entry is not None and "value" in entry:
            return entry["value"]
        # Another project, or the keyring's own program, may have put it there.
        return keyring_get(name)

    def set(self, name: str, value: str) -> Place:
        """Keep a secret, and return where.

        Raises:
            ConfigError: the name has other characters than letters, digits, ``_``, ``.`` and ``-``, the
                value is empty, or it cannot be kept.
        """
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} is no name of a secret", hint="use letters, digits, '_', '.' and '-' only"
            )
        if not value:
            raise ConfigError(f"the secret {name} is empty", hint="nothing was kept")
        names = self._read()
        place: Place = "keyring" if keyring_set(name, value) else "file"
        names[name] = {} if place == "keyring" else {"value": value}
        self._write(names)
        return place

    def list(self) -> list[StoredSecret]:
        """Return the names that were set here, sorted. Raises ``ConfigError``."""
        return [
            StoredSecret(name, "file" if "value" in entry else "keyring")
            for name, entry in sorted(self._read().items())
        ]

    def remove(self, name: str) -> bool:
        """Forget a secret, and return whether there was one. Raises ``ConfigError``."""
        names = self._read()
        entry = names.pop(name, None)
        if entry is not None:
            self._write(names)
        if entry is not None and "value" in entry:
            return True
        return keyring_delete(name) or entry is not None

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            content: Any = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            # Not the error's own text: it may quote the file.
            raise self._unusable(f"cannot be read ({type(error).__name__})") from None
        if not isinstance(content, dict) or not all(
            isinstance(entry, dict) and isinstance(cast("dict[str, object]", entry).get("value", ""), str)
            for entry in cast("dict[str, object]", content).values()
        ):
            raise self._unusable("holds something else than secrets")
        return cast("dict[str, dict[str, str]]", content)

    def _write(self, names: dict[str, dict[str, str]]) -> None:
        try:
            write_atomically(self.path, json.dumps(names, indent=1, sort_keys=True) + "\n")
            self.path.chmod(0o600)
            ignored = self.path.with_name(".gitignore")
            if not ignored.exists():
                ignored.write_text("*\n")
        except OSError as error:
            raise self._unusable(f"cannot be written: {error.strerror}") from None

    def _unusable(self, what: str) -> ConfigError:
        return ConfigError(
            f"{self.path} {what}", hint="mend it or remove it, and set the secrets anew", path=str(self.path)
        )


def has_keyring() -> bool:
    """Whether the system has a keyring; where not, secrets are kept in a file."""
    return _keyring() is not None


def _keyring() -> Any:
    """The system's keyring; None where there is none, as on most servers."""
    try:
        import keyring

        priority = keyring.get_keyring().priority
    except Exception:  # noqa: BLE001 - it is not installed; or a backend raises what it likes
        return None
    # Those of no priority can keep nothing.
    return keyring if priority > 0 else None


def keyring_get(name: str) -> str | None:
    """Return what the system's keyring has of that name, if there is one. Raises ``ConfigError``."""
    return None if (found := _keyring()) is None else _try("read", name, found.get_password, SERVICE, name)


def keyring_set(name: str, value: str) -> bool:
    """Keep a value in the system's keyring; False where there is none. Raises ``ConfigError``."""
    if (found := _keyring()) is None:
        return False
    _try("write", name, found.set_password, SERVICE, name, value)
    return True


def keyring_delete(name: str) -> bool:
    if (found := _keyring()) is None or keyring_get(name) is None:
        return False
    _try("write", name, found.delete_password, SERVICE, name)
    return True


def _try(what: str, name: str, function: Any, *arguments: str) -> Any:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - as above; and its text might hold the value
        raise ConfigError(
            f"the system's keyring cannot {what} {name}: {type(error).__name__}",
            hint="unlock it; or set PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring to use the file",
        ) from None
