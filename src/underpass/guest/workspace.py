"""The agent's files, as code in the sandbox sees them."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any


class Workspace:
    """A folder that outlives the run. ``open(workspace.path("data/x.csv"))`` works."""

    def __init__(self, root: str) -> None:
        self.root = root

    def path(self, name: str = "") -> str:
        """Return the real path of ``name``. Raises ``ValueError`` where it leaves the workspace."""
        parts = PurePosixPath(name).parts
        if ".." in parts or name.startswith("/"):
            raise ValueError(f"{name!r} leaves the workspace: give a path relative to it, without '..'")
        return str(PurePosixPath(self.root, name))

    def save_data(self, name: str, value: Any) -> str:
        """Write a value: ``.json`` as JSON, text and bytes as they are; returns the path."""
        if isinstance(value, bytes | bytearray):
            return self._write(name, bytes(value))
        if isinstance(value, str) and not name.endswith(".json"):
            return self.save_text(name, value)
        return self.save_text(name, json.dumps(value, ensure_ascii=False))

    def save_text(self, name: str, text: str) -> str:
        """Write text as it is, whatever the name's ending; returns the path."""
        return self._write(name, text.encode())

    def _write(self, name: str, content: bytes) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return str(target)

    def load_data(self, name: str) -> Any:
        """Read what ``save_data`` wrote, or a run left in ``results/``: JSON, text, else bytes."""
        raw = Path(self.path(name)).read_bytes()
        if name.endswith(".json"):
            return json.loads(raw)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw
