"""Says what to install where a framework is missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from underpass.errors import ConfigError


@contextmanager
def required(framework: str, extra: str) -> Generator[None]:
    """Import a framework inside of this block.

    Parameters:
        framework: its name, for people.
        extra: the extra of ours that brings it.

    Raises:
        ConfigError: it is not installed, or too old.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"{framework} cannot be imported: {error}",
            hint=f"install the extra: pip install 'underpass[{extra}]'",
            extra=extra,
        ) from error
