"""The agent's files, as code in the sandbox sees them."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any


class Workspace:
    """A folder that outlives the run. ``open(workspace.path("data/x.csv"))`` works."""

    def __init__(self, root: str) -> None:
        self._root = root

    def path(self, name: str = "") -> str:
        """Return the real path of ``name``. Raises ``ValueError`` where it leaves the workspace."""
        parts = PurePosixPath(name).parts
        if ".." in parts or name.startswith("/"):
            raise ValueError(f"{name!r} leaves the workspace: give a path relative to it, without '..'")
        return str(PurePosixPath(self._root, name))

    def save_data(self, name: str, value: Any) -> str:
        """Write a value: ``.json`` as JSON, text and bytes as they are; returns the path."""
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, bytes | bytearray | memoryview):
            target.write_bytes(bytes(value))
        elif isinstance(value, str) and target.suffix != ".json":
            target.write_text(value, encoding="utf-8")
        else:
            target.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
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
