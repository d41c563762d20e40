"""Routes of agents' files, their checkpoints, and kept results."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from underpass.errors import ResultNotFound, ValidationFailed
from underpass.server.api.endpoint import Answers, Body, Call, Endpoints, Query, Shown
from underpass.server.problem import Refused
from underpass.workspace.checkpoints import Checkpoint, Difference

WORKSPACES = Endpoints("workspaces")
BYTES: Final = "application/octet-stream"
T = TypeVar("T")
_PATH: Final = r"^[^/\x00]+(/[^/\x00]+){0,31}$"
_MOST: Final = 16 * 1_048_576
_LISTED: Final = 5_000
# What programs have written is never shown by a browser as a page of ours.
_FOREIGN: Final = {
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


class AgentList(Shown):
    """The agents that have a workspace."""

    agents: list[str]


class FileShown(Shown):
    """A file or folder."""

    path: str
    kind: str = Field(description="file, folder or other.")
    bytes: int
    modified: str


class FileList(Shown):
    """What is in a workspace, by path, 5,000 at most."""

    agent: str
    files: list[FileShown]


class CheckpointShown(Shown):
    """A kept state of the files."""

    name: str
    created: str
    files: int
    bytes: int
    added: int = Field(description="Bytes that the one before had not.")
    automatic: bool


class CheckpointList(Shown):
    """An agent's checkpoints, the oldest first."""

    agent: str
    checkpoints: list[CheckpointShown]


class ChangeShown(Shown):
    """A path that differs."""

    path: str
    how: str = Field(description="added, removed or changed.")
    before: int | None = Field(description="Bytes.")
    after: int | None


class ChangeList(Shown):
    """What differs."""

    agent: str
    changes: list[ChangeShown]


class RestoredShown(ChangeList):
    """What a restore has changed."""

    before: str | None = Field(
        description="The checkpoint of what was there; null where nothing had to change."
    )


class ResultShown(Shown):
    """A value that was too large for an answer."""

    handle: str
    bytes: int
    mime_type: str
    modified: str


class ResultList(Shown):
    """An agent's kept results, the newest first."""

    agent: str
    results: list[ResultShown]


class PathQuery(Query):
    """Which file."""

    path: str = Field(max_length=1_000, pattern=_PATH, description="Such as data/table.json.")


class DiffQuery(Query):
    """What is compared."""

    to: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="A checkpoint; else the files as they are.",
    )


class CheckpointBody(Body):
    """A new checkpoint."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


@WORKSPACES.add("GET", "/api/workspaces", scope="read", answers=AgentList)
async def list_workspaces(call: Call) -> dict[str, Any]:
    """List the agents that have a workspace."""
    return {"agents": await anyio.to_thread.run_sync(call.view.agents)}


@WORKSPACES.add("GET", "/api/workspaces/{agent}/files", scope="read", answers=FileList)
async def list_files(call: Call, agent: str) -> dict[str, Any]:
    """List the files of an agent."""
    found = await anyio.to_thread.run_sync(call.view.files(agent).list, _LISTED)
    files = [
        {"path": each.path, "kind": each.kind, "bytes": each.bytes, "modified": _written(each.modified)}
        for each in found
    ]
    return {"agent": agent, "files": files}


@WORKSPACES.add("GET", "/api/workspaces/{agent}/file", scope="read", answers={200: Answers(media_type=BYTES)})
async def read_file(call: Call, agent: str, query: PathQuery) -> Response:
    """Return a file, 16 MiB at most."""
    content = await _of_files(partial(call.view.files(agent).read, query.path, _MOST))
    return Response(content, media_type=BYTES, headers=_FOREIGN)


@WORKSPACES.add(
    "PUT",
    "/api/workspaces/{agent}/file",
    scope="run",
    answers={204: Answers(description="It is there")},
    errors=(409,),
    raw=True,
)
async def write_file(call: Call, agent: str, query: PathQuery) -> None:
    """Write a file, in one step; its folder has to be there."""
    content = await call.request.body()
    await _of_files(partial(call.view.files(agent).write, query.path, content))


@WORKSPACES.add(
    "DELETE",
    "/api/workspaces/{agent}/file",
    scope="run",
    answers={204: Answers(description="It is gone")},
    errors=(409,),
)
async def delete_file(call: Call, agent: str, query: PathQuery) -> None:
    """Remove a file, or an empty folder."""
    await _of_files(partial(call.view.files(agent).delete, query.path))


@WORKSPACES.add("GET", "/api/workspaces/{agent}/checkpoints", scope="read", answers=CheckpointList)
async def list_checkpoints(call: Call, agent: str) -> dict[str, Any]:
    """List an agent's checkpoints."""
    found = await anyio.to_thread.run_sync(call.view.checkpoints, agent)
    return {"agent": agent, "checkpoints": [_checkpoint(each) for each in found]}


@WORKSPACES.add(
    "POST",
    "/api/workspaces/{agent}/checkpoints",
    scope="run",
    answers={201: Answers(CheckpointShown, description="It is kept")},
    errors=(404, 409),
)
async def create_checkpoint(call: Call, agent: str, body: CheckpointBody) -> dict[str, Any]:
    """Keep what an agent's files are now."""
    return _checkpoint(await _of_checkpoints(partial(call.view.create_checkpoint, agent, body.name)))


@WORKSPACES.add(
    "GET",
    "/api/workspaces/{agent}/checkpoints/{checkpoint}/diff",
    scope="read",
    answers=ChangeList,
    errors=(409,),
)
async def compare_checkpoint(call: Call, agent: str, checkpoint: str, query: DiffQuery) -> dict[str, Any]:
    """Return what has changed since a checkpoint, or up to another one."""
    found = await _of_checkpoints(partial(call.view.diff, agent, checkpoint, query.to))
    return {"agent": agent, "changes": [_change(each) for each in found]}


@WORKSPACES.add(
    "POST",
    "/api/workspaces/{agent}/checkpoints/{checkpoint}/restore",
    scope="run",
    answers=RestoredShown,
    errors=(409,),
)
async def restore_checkpoint(call: Call, agent: str, checkpoint: str) -> dict[str, Any]:
    """Make an agent's files what they were; what they are now is kept first."""
    done = await _of_checkpoints(partial(call.view.restore, agent, checkpoint))
    before = None if done.before is None else done.before.name
    return {"agent": agent, "before": before, "changes": [_change(each) for each in done.changes]}


@WORKSPACES.add(
    "DELETE",
    "/api/workspaces/{agent}/checkpoints/{checkpoint}",
    scope="run",
    answers={204: Answers(description="It is forgotten")},
    errors=(409,),
)
async def delete_checkpoint(call: Call, agent: str, checkpoint: str) -> None:
    """Forget a checkpoint."""
    await _of_checkpoints(partial(call.view.delete_checkpoint, agent, checkpoint))


@WORKSPACES.add("GET", "/api/workspaces/{agent}/results", scope="read", answers=ResultList)
async def list_results(call: Call, agent: str) -> dict[str, Any]:
    """List the values that were too large for an answer."""
    found = await anyio.to_thread.run_sync(call.view.results, agent)
    results = [
        {
            "handle": each.handle,
            "bytes": each.bytes,
            "mime_type": each.mime_type,
            "modified": _written(each.modified),
        }
        for each in found
    ]
    return {"agent": agent, "results": results}


@WORKSPACES.add(
    "GET", "/api/workspaces/{agent}/results/{handle}", scope="read", answers={200: Answers(media_type=BYTES)}
)
async def read_result(call: Call, agent: str, handle: str) -> Response:
    """Return one of them whole, 16 MiB at most."""
    _, content = await _of_files(partial(call.view.result, agent, handle, _MOST))
    return Response(content, media_type=BYTES, headers=_FOREIGN)


async def _of_files(work: Callable[[], T]) -> T:
    try:
        return await anyio.to_thread.run_sync(work)
    except ValidationFailed as error:
        if "path in a workspace" in error.message:
            raise
        raise Refused(404, ResultNotFound(error.message, hint=error.hint)) from error


async def _of_checkpoints(work: Callable[[], T]) -> T:
    try:
        return await anyio.to_thread.run_sync(work)
    except ValidationFailed as error:
        raise Refused(409, error) from error


def _checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "name": checkpoint.name,
        "created": _written(checkpoint.when),
        "files": checkpoint.files,
        "bytes": checkpoint.bytes,
        "added": checkpoint.added,
        "automatic": checkpoint.automatic,
    }


def _change(change: Difference) -> dict[str, Any]:
    return {"path": change.path, "how": change.how, "before": change.before, "after": change.after}


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
