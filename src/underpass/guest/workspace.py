"""The agent's files, as code in the sandbox sees them."""

from __future__ import annotations

import builtins
import errno
import os
import resource
from typing import Any

from underpass.guest import files, formats, paths
from underpass.guest.channel import Channel
from underpass.guest.errors import WorkspaceFull


class Workspace:
    """A folder that outlives the run. ``open(workspace.path("data/x.csv"))`` works."""

    def __init__(self, root: str, channel: Channel) -> None:
        self.root = root
        self._channel = channel
        self._left = {"bytes": 0, "files": 0}
        """What the host said that there is room for, less what was saved since."""

    def path(self, name: str = "") -> str:
        """Return the real path of ``name``. Raises ``ValueError`` where it leaves the workspace."""
        return paths.resolve(self.root, name)

    async def save_data(self, name: str, value: Any) -> str:
        """Write a value in the format that the name's ending says, whole or not at all.

        ``.json``, ``.jsonl``, ``.csv``, ``.tsv``, ``.parquet``; text and bytes as they are. Returns the path.

        Raises:
            ValueError: the name leaves the workspace.
            TypeError: the format cannot express the value.
            WorkspaceFull: there is no room for it.
        """
        return await self._save(name, formats.encode(name, value))

    async def save_text(self, name: str, text: str) -> str:
        """Write text as it is, whatever the name's ending; returns the path. Raises as ``save_data``."""
        return await self._save(name, text.encode())

    async def load_data(self, name: str) -> Any:
        """Read what ``save_data`` wrote, or a run left in ``results/``. A table is a list of dicts.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the content is not what the name's ending says, or the name leaves the workspace.
        """
        return formats.decode(name, files.read(self.path(name)))

    async def list(self, folder: str = "") -> builtins.list[str]:
        """Return the names of all files below a folder, sorted, as ``load_data`` takes them.

        Raises ``FileNotFoundError`` or ``NotADirectoryError`` where there is no such folder.
        """
        top = f"{self.path()}/"
        names = [path.removeprefix(top) for path in files.below(self.path(folder))]
        return sorted(name for name in names if self._can_be_read(name))

    async def delete(self, name: str) -> None:
        """Delete a file, or a folder with all that is in it.

        Raises ``FileNotFoundError`` where there is none, and ``ValueError`` for the workspace itself.
        """
        folder, _, last = os.fspath(name).rstrip("/").rpartition("/")
        if last in {"", "."}:
            raise ValueError(f"{name!r} is the workspace itself: name what is in it")
        paths.check(name)
        # A link goes itself, and not what it leads to.
        files.remove(f"{self.path(folder)}/{last}")

    async def checkpoint(self, name: str) -> dict[str, Any]:
        """Keep all files as they are now, under a name; ``files`` and ``bytes`` say how much that is.

        A name in use stands for the new state then. Raises ``ToolError`` where they cannot be kept, and
        ``WorkspaceFull`` where too much is kept already.
        """
        return await self._ask("workspace_checkpoint", {"name": name})

    async def restore(self, name: str) -> dict[str, Any]:
        """Make all files what they were at a checkpoint.

        What they are now is kept first: ``before`` names it, and ``changes`` counts what differed. A file
        that the program has open is not the restored one. Raises ``ToolError``.
        """
        return await self._ask("workspace_restore", {"name": name})

    async def checkpoints(self) -> builtins.list[dict[str, Any]]:
        """Return ``name``, ``created``, ``files`` and ``bytes`` of each checkpoint, the oldest first."""
        return await self._ask("workspace_checkpoints", {})

    async def _ask(self, what: str, arguments: dict[str, Any]) -> Any:
        # What is there by now is not what there was room for.
        self._left = {"bytes": 0, "files": 0}
        return await self._channel.ask_async({"op": "ask", "what": what, "arguments": arguments})

    def _can_be_read(self, name: str) -> bool:
        try:
            return files.is_file(self.path(name))
        except ValueError:
            return False  # a link that leaves the workspace, or a name that nobody can give

    async def _save(self, name: str, content: bytes) -> str:
        path = self.path(name)
        if files.is_folder(path):
            raise IsADirectoryError(errno.EISDIR, "a folder has that name", name)
        paths.refuse_twin(self.root, path)
        size, before = len(content), files.size(path)
        # The old file stays until the new one is whole, where there is room for both.
        whole = await self._reserve(size, max(size - before, 0)) or not before
        try:
            files.write(path, content, whole=whole)
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise WorkspaceFull(f"{name!r} has no room for {size:,} bytes") from error
            raise
        return path

    async def _reserve(self, size: int, growth: int) -> bool:
        """Ask the host for room where what it said last may not be enough; whether ``size`` fits as well.

        Raises ``WorkspaceFull``.
        """
        left = self._left
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        if growth > left["bytes"] or left["files"] < 1 or 0 <= limit < size:
            question = {"op": "ask", "what": "workspace_room", "arguments": {"size": size, "growth": growth}}
            left = await self._channel.ask_async(question)
        self._left = {"bytes": left["bytes"] - growth, "files": left["files"] - 1}
        return size <= left["bytes"]
