"""Keep what was built on disk, and load it in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from terraphim import envelope


@dataclass(frozen=True, slots=True)
class Store:
    """Named JSON values in files: versioned, checksummed, replaced at once; never pickle.

    Parameters:
        folder: where the files are; made when first needed.
        version: of the values' layout; one written with another version counts as damaged.
    """

    folder: Path
    version: int = 1

    def save(self, name: str, value: Any) -> None:
        """Write a JSON value under a name; a reader sees the old value or the new one, never a part."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = envelope.seal("store", self.version, [name, value], compress=False)
        with NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as file:
            file.write(data)
        Path(file.name).replace(self._path(name))

    def load(self, name: str) -> Any | None:
        """The value of a name, or None. Raises IndexInvalid if the file is damaged or of another version."""
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        match envelope.unseal("store", self.version, data):
            case [str(found), value] if found == name:
                return value
            case _:
                raise envelope.malformed("store")

    def _path(self, name: str) -> Path:
        # A name may hold anything, a path or an address; the file's name holds hexadecimal digits.
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return self.folder / f"{digest}.index"
