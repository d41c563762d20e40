"""Keep built thesauri and documents on disk, and load them in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Store:
    """Named JSON values in files: versioned, checksummed, replaced atomically; never pickle.

    Parameters:
        folder: where the files are; made when first needed.
    """

    folder: Path

    def save(self, name: str, value: Any) -> None:
        """Write a JSON value under a name; a reader sees the old value or the new one, never a part."""
        raise NotImplementedError

    def load(self, name: str) -> Any | None:
        """The value of a name, or None. Raises IndexInvalid if the file is damaged or of another version."""
        raise NotImplementedError
