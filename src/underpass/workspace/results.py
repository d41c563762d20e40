"""Keeps what is too large for a model in the agent's workspace."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from mimetypes import guess_extension
from pathlib import Path
from typing import Final

from anyio import to_thread

from underpass.errors import ToolError, ToolLimitExceeded, WorkspaceFull

Reserve = Callable[[int], AbstractContextManager[None]]
"""Takes so many bytes of the quota for what is written within. Raises ``WorkspaceFull``."""

_FOLDER: Final = "results"
_NO_LINKS: Final = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


class ResultBlobs:
    """Keeps the images, sounds and files of one run's results where the run's code can open them.

    Parameters:
        agent_folder: the agent's workspace.
        run: the run's id; it begins the files' names.
        reserve: asked for room for each file. Raises ``WorkspaceFull``.
    """

    def __init__(self, agent_folder: Path, run: str, *, reserve: Reserve | None = None) -> None:
        self._folder = agent_folder
        self._run = run
        self._reserve = reserve
        self._kept = 0

    async def put(self, data: bytes, mime_type: str) -> str:
        """Write ``data``; returns its path relative to the workspace, the program's current folder.

        Raises:
            ToolLimitExceeded: the workspace is full.
            ToolError: the agent's code left no place for the file.
        """
        self._kept += 1
        name = f"{self._run}-{self._kept}{guess_extension(mime_type) or '.bin'}"
        try:
            with nullcontext() if self._reserve is None else self._reserve(len(data)):
                return await to_thread.run_sync(keep, self._folder, name, data)
        except WorkspaceFull as full:
            raise ToolLimitExceeded(full.message, hint=full.hint, **full.data) from full
        except OSError as error:
            raise ToolError(
                f"a file of the result cannot be kept: {error.strerror}",
                hint="the workspace needs a folder named results",
            ) from error


def keep_if_possible(
    agent_folder: Path, run: str, ending: str, content: bytes, *, reserve: Reserve
) -> str | None:
    """The same as ``keep``, and None where there is no room or the agent's code left no place for it."""
    try:
        with reserve(len(content)):
            return keep(agent_folder, run + ending, content)
    except (OSError, WorkspaceFull):
        return None


def keep(agent_folder: Path, name: str, content: bytes) -> str:
    """Write ``content`` to the agent's ``results`` folder; returns the path relative to the workspace.

    The agent's code owns that folder, so no link in it is followed. Raises ``OSError``.
    """
    directory = getattr(os, "O_DIRECTORY", 0)
    inside = os.open(agent_folder, os.O_RDONLY | directory | _NO_LINKS)
    try:
        results = os.open(_FOLDER, os.O_RDONLY | directory | _NO_LINKS, dir_fd=inside)
    except FileNotFoundError:
        os.mkdir(_FOLDER, 0o700, dir_fd=inside)
        results = os.open(_FOLDER, os.O_RDONLY | directory | _NO_LINKS, dir_fd=inside)
    finally:
        owner = os.fstat(inside)
        os.close(inside)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS
        with open(os.open(name, flags, 0o600, dir_fd=results), "wb", buffering=0) as file:  # noqa: PTH123
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[file.write(rest) :]
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            except OSError:
                # No half of a result is left where the disk is full.
                os.unlink(name, dir_fd=results)
                raise
    finally:
        os.close(results)
    return f"{_FOLDER}/{name}"
