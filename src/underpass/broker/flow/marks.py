"""Which labels an agent's files have: those of the runs that could write what is still there."""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, get_args

from underpass.workspace.folders import PARTS, is_name

Label = Literal["private", "untrusted"]
Sources = dict[Label, dict[str, str]]
"""For each label the servers that gave it, each with the first of its tools."""

_LOG: Final = logging.getLogger("underpass.flow")
_SLACK: Final = 20_000_000
"""Nanoseconds by which the times of files may be behind the clock."""
_DEEPEST: Final = 64
"""Levels of folders that are looked at; each takes a descriptor of the host."""
_DEAD: Final = 2 * 86_400
"""Seconds after which no run goes on."""


def no_sources() -> Sources:
    """Return labels that nobody has."""
    return {"private": {}, "untrusted": {}}


def now() -> int:
    """Return a time that no file written from now on is older than, in nanoseconds since 1970."""
    return time.time_ns() - _SLACK


@dataclass(frozen=True, slots=True)
class _Mark:
    """A run that had a label, and could write to an agent's workspace."""

    label: Label
    server: str
    tool: str
    run: str
    since: int
    """When the run began, in nanoseconds since 1970."""
    path: Path

    @property
    def what(self) -> tuple[Label, str]:
        return self.label, self.server


class Marks:
    """The marks of all agents, a small file for each, so that they last and other processes see them.

    Parameters:
        folder: where they are; made with the first.
        workspaces: the folder that holds a folder for each agent.
        checkpoints: the folder that holds a folder for each agent's checkpoints.
    """

    def __init__(self, folder: Path, workspaces: Path, checkpoints: Path) -> None:
        self.folder = folder
        self._workspaces = workspaces
        self._checkpoints = checkpoints
        self._unwritten: dict[str, list[_Mark]] = {}

    def put(self, agent: str, run: str, since: int, label: Label, *, server: str, tool: str) -> None:
        """Note, before its code knows, that a run has a label."""
        folder = self.folder / agent
        path = folder / f"{since}.{label}.{run}.{_short(server)}"
        content = json.dumps({"server": server, "tool": tool})
        try:
            try:
                path.write_text(content, encoding="utf-8")
            except FileNotFoundError:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.write_text(content, encoding="utf-8")
        except OSError as error:
            # This process knows, at least.
            _LOG.warning("the label %s of agent %s's files cannot be kept: %s", label, agent, error)
            mark = _Mark(label, server, tool, run, since, path)
            self._unwritten.setdefault(agent, []).append(mark)

    def unwritten(self, agent: str) -> int:
        """How many marks of an agent this process alone knows."""
        return len(self._unwritten.get(agent, ()))

    def of_others(self, agent: str, run: str) -> tuple[Sources, bool]:
        """Return the labels that other runs gave an agent's files.

        Returns:
            The labels, and whether there are marks beside them of which nothing is to be seen yet.
        """
        found = no_sources()
        holds = False
        marks = [mark for mark in self._of(agent) if mark.run != run]
        for mark in sorted(marks, key=lambda mark: mark.since, reverse=True):
            # What is newer than this is newer than those that follow.
            holds = holds or self._is_anything_since(agent, mark.since)
            if holds:
                found[mark.label][mark.server] = mark.tool
            elif mark.since < (time.time() - _DEAD) * 1e9:
                self._remove(agent, mark)
        return found, bool(marks) and not holds

    def close(self, agent: str, run: str) -> bool:
        """Let a run that is over have its marks only where it could have left something.

        Returns:
            Whether it could.
        """
        marks = self._of(agent)
        own = [mark for mark in marks if mark.run == run]
        left = bool(own) and self._is_anything_since(agent, min(mark.since for mark in own))
        for mark in own:
            # Whatever shows that an earlier mark still holds, shows it for this one.
            covered = any(
                other.what == mark.what and other.since <= mark.since and other.run != run for other in marks
            )
            if covered or not left:
                self._remove(agent, mark)
        return left

    def _is_anything_since(self, agent: str, moment: int) -> bool:
        """Whether there is a file or checkpoint of an agent that was made or changed since a moment."""
        return _is_newer(self._workspaces / agent, moment, PARTS) or _is_newer(
            self._checkpoints / agent, moment, ()
        )

    def _of(self, agent: str) -> list[_Mark]:
        try:
            paths = list((self.folder / agent).iterdir())
        except OSError:
            paths = []
        read = (mark for path in paths if (mark := _read(path)) is not None)
        return [*self._unwritten.get(agent, ()), *read]

    def _remove(self, agent: str, mark: _Mark) -> None:
        with suppress(OSError):
            mark.path.unlink(missing_ok=True)
        if agent in self._unwritten:
            self._unwritten[agent] = [each for each in self._unwritten[agent] if each.path != mark.path]


class Inherited:
    """The labels that one run has from files of others.

    Parameters:
        marks: of all agents.
        agent: whose run it is.
        run: its id.
    """

    def __init__(self, marks: Marks, agent: str, run: str) -> None:
        self._marks = marks
        self._agent = agent
        self._run = run
        self._path = marks.folder / agent
        self._looked: int | None = 0
        self.sources = no_sources()
        """Those known so far. It may have read a file by then, so none goes again."""

    def is_stale(self) -> bool:
        """Whether there may be more by now."""
        return self._looked is None or self._looked != self._changed()

    def look(self) -> None:
        """Learn the labels that the run may have by now. It reads files: call it in a thread."""
        changed = self._changed()
        sources, unsure = self._marks.of_others(self._agent, self._run)
        for label, tools in sources.items():
            self.sources[label] |= tools
        # A mark that is put a moment after this look would not be seen by the folder's time.
        self._looked = None if unsure or changed > now() else changed

    def _changed(self) -> int:
        """When a mark was put or removed last; 0 where there are none at all."""
        if unwritten := self._marks.unwritten(self._agent):
            return -unwritten
        try:
            return os.stat(self._path).st_mtime_ns  # noqa: PTH116 - each call of a run waits for it
        except OSError:
            return 0


def file_name(text: str) -> str:
    """Return a name, or what stands for it where no file can be called so."""
    return text if is_name(text) else _short(text)


def _short(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _read(path: Path) -> _Mark | None:
    since, label, run, *_ = [*path.name.split("."), "", "", ""]
    for known in get_args(Label):
        if label == known and since.isdigit():
            server = tool = ""
            with suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(path.read_bytes())
                server, tool = str(told["server"]), str(told["tool"])
            return _Mark(known, server, tool, run, int(since), path)
    return None


def _is_newer(folder: Path, moment: int, fixed: tuple[str, ...]) -> bool:
    """Whether anything in a folder is newer; what cannot be read may be. No link is followed.

    The time is that of the last change of any kind, which programs cannot set.
    """

    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    top = str(folder)
    try:
        for path, folders, files, descriptor in os.fwalk(folder, onerror=unreadable):
            if path.count(os.sep) > top.count(os.sep) + _DEEPEST:
                return True
            for name in (*files, *folders):
                if path == top and name in fixed:
                    continue
                with suppress(FileNotFoundError):
                    if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_ctime_ns >= moment:
                        return True
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
