"""Files of bytes that are written in one step, and believed only whole."""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile

from underpass.errors import ConfigError

_DIGEST = 32


def write(path: Path, form: bytes, body: bytes) -> None:
    """Write a line that names the format, a digest, and the content; a reader sees the old file or the new.

    Raises:
        OSError
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(form + blake2b(body, digest_size=_DIGEST).digest() + body)
            file.close()
            os.replace(file.name, path)  # noqa: PTH105 - the name is a string
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise


def read(path: Path, form: bytes) -> memoryview:
    """Return the content of what ``write`` has written.

    Raises:
        ConfigError: there is no such file, or it is not one of this format, and whole.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unusable(path, f"cannot be read: {error.strerror}") from error
    if not content.startswith(form):
        raise unusable(path, f"is no {form.decode().rpartition(' ')[0]} of this version")
    view = memoryview(content)
    start = len(form) + _DIGEST
    body = view[start:]
    if blake2b(body, digest_size=_DIGEST).digest() != bytes(view[len(form) : start]):
        raise unusable(path, "is damaged")
    return body


def unusable(path: Path, reason: str) -> ConfigError:
    """The error for a file that must be made anew."""
    return ConfigError(f"{path} {reason}", hint="build the index again and save it", path=str(path))
