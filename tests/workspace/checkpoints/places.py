"""A folder of workspaces with one agent, and what is in it."""

from __future__ import annotations

from pathlib import Path

from underpass.config import WorkspaceSettings
from underpass.workspace.checkpoints import Checkpoints

AGENT = "default"


class Place:
    """One agent's files and the checkpoints of them."""

    def __init__(self, root: Path, **settings: int) -> None:
        self.root = root
        self.state = root / ".underpass"
        self.workspaces = root / "workspace"
        self.folder = self.workspaces / AGENT
        for part in ("data", "results", "checkpoints", "skills"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.checkpoints = Checkpoints(self.workspaces, self.state, WorkspaceSettings(**settings))

    def write(self, name: str, content: bytes | str) -> Path:
        """Write a file, and its folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def files(self) -> dict[str, bytes | str]:
        """Everything that a checkpoint keeps, by path: bytes, a link's target, or the word folder."""
        found: dict[str, bytes | str] = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if name.split("/")[0] == "checkpoints":
                continue
            if path.is_symlink():
                found[name] = f"link to {path.readlink()}"
            elif path.is_dir():
                found[name] = f"folder {path.stat().st_mode & 0o777:o}"
            else:
                found[name] = path.read_bytes()
        return found
