"""The agent's files in a run: checkpoints that its code asks for, and going back when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from underpass.errors import ExecutionError, UnderpassError, ValidationFailed, WorkspaceFull
from underpass.execution.host import Question
from underpass.sandbox.lease import Lease
from underpass.workspace.checkpoints import Checkpoint, Checkpoints
from underpass.workspace.checkpoints.checkpoints import BEFORE_RUN

_DEATH = 5.0
"""Seconds that the kernel has to end a process; it takes far less than one."""
_T = TypeVar("_T")


class FilesOfRun:
    """What one run does with its agent's checkpoints.

    Parameters:
        checkpoints: of all agents.
        agent: whose files.
        run: the run's id.
    """

    def __init__(self, checkpoints: Checkpoints, agent: str, run: str) -> None:
        self._checkpoints = checkpoints
        self._agent = agent
        self._before = f"{BEFORE_RUN}{run}"

    def questions(self) -> dict[str, Question]:
        """The answers to the checkpoint functions of code's ``workspace``."""
        return {
            "workspace_checkpoint": self._answer_checkpoint,
            "workspace_restore": self._answer_restore,
            "workspace_checkpoints": self._answer_list,
        }

    async def begin(self) -> None:
        """Keep the files as they are before the run. Raises as ``Checkpoints.create``."""
        await _in_thread(lambda: self._checkpoints.create(self._agent, self._before, automatic=True))

    async def end(self, lease: Lease) -> None:
        """Wait for the end of the run's process, so that nothing of it writes any more."""
        lease.kill()
        with anyio.move_on_after(_DEATH):
            await lease.ended()

    async def settle(self, *, failed: bool) -> str | None:
        """Make the files what they were when the run failed; returns why that was not possible."""

        def work() -> str | None:
            try:
                if failed:
                    self._checkpoints.restore(self._agent, self._before)
                self._checkpoints.delete(self._agent, self._before)
            except UnderpassError as error:
                return error.message
            return None

        with anyio.CancelScope(shield=True):
            return await to_thread.run_sync(work)

    async def _answer_checkpoint(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = _name(arguments)
        return _facts(await _in_thread(lambda: self._checkpoints.create(self._agent, name)))

    async def _answer_restore(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = _name(arguments)
        done = await _in_thread(lambda: self._checkpoints.restore(self._agent, name))
        return {"changes": len(done.changes), "before": None if done.before is None else done.before.name}

    async def _answer_list(self, _arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = await _in_thread(lambda: self._checkpoints.list(self._agent))
        return [_facts(each) for each in found if not each.name.startswith(BEFORE_RUN)]


def _name(arguments: Mapping[str, Any]) -> str:
    name = str(arguments["name"])
    if name.startswith(BEFORE_RUN):
        raise ValidationFailed(f"names that begin with {BEFORE_RUN!r} are taken", hint="choose another name")
    return name


async def _in_thread(work: Callable[[], _T]) -> _T:
    try:
        return await to_thread.run_sync(work)
    except WorkspaceFull:
        raise
    except ExecutionError as error:
        # In code it is an error to catch, and no end of the run.
        raise ValidationFailed(error.message, hint=error.hint, **error.data) from error


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "name": checkpoint.name,
        "created": checkpoint.when.isoformat(timespec="milliseconds"),
        "files": checkpoint.files,
        "bytes": checkpoint.bytes,
    }
