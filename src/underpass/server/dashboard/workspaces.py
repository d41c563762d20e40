"""The files of agents, and their checkpoints."""

from __future__ import annotations

import re
from typing import Any, Final

import anyio.to_thread
from starlette.responses import Response

from underpass.errors import ValidationFailed
from underpass.server.api.workspaces import (
    CheckpointBody,
    DiffQuery,
    compare_checkpoint,
    create_checkpoint,
    list_checkpoints,
    list_files,
    list_workspaces,
    restore_checkpoint,
)
from underpass.server.dashboard.page import Pages, Shown, Visit, done
from underpass.server.problem import Refused, missing

PAGES: Final = Pages()
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@PAGES.get("/dashboard/workspaces", "files")
async def workspaces(visit: Visit) -> Shown:
    """Show the agents that have files."""
    agents = (await list_workspaces(visit.call))["agents"]
    return visit.show("workspaces.html", "Workspaces", agents=agents)


@PAGES.get("/dashboard/workspaces/{agent}", "files", every=1.0)
async def workspace(visit: Visit, agent: str) -> Shown:
    """Show an agent's files and checkpoints, and what has changed since one of them."""
    if agent not in await anyio.to_thread.run_sync(visit.view.agents):
        raise missing(f"agent {agent} has no workspace", "its first run makes one")
    since = visit.asked("since")
    if since and not _NAME.fullmatch(since):
        raise missing("there can be no checkpoint of that name")
    changes: list[dict[str, Any]] = []
    if since:
        compared = await compare_checkpoint(visit.call, agent, since, DiffQuery.model_validate({}))
        changes = compared["changes"]
    return visit.show(
        "workspace.html",
        f"Workspace of {agent}",
        agent=agent,
        files=(await list_files(visit.call, agent))["files"],
        checkpoints=(await list_checkpoints(visit.call, agent))["checkpoints"],
        since=since,
        changes=changes,
    )


@PAGES.post("/dashboard/workspaces/{agent}/checkpoints", "run")
async def keep(visit: Visit, agent: str) -> Response:
    """Keep what the files are now."""
    name = (await visit.form()).get("name", "").strip()
    if not _NAME.fullmatch(name):
        raise Refused(422, ValidationFailed("that is no name", hint="letters, digits, dots and dashes"))
    await create_checkpoint(visit.call, agent, CheckpointBody(name=name))
    return done(f"Kept as {name}")


@PAGES.post("/dashboard/workspaces/{agent}/checkpoints/{checkpoint}/restore", "run")
async def restore(visit: Visit, agent: str, checkpoint: str) -> Response:
    """Make the files what they were."""
    changed = await restore_checkpoint(visit.call, agent, checkpoint)
    count, before = len(changed["changes"]), changed["before"]
    if before is None:
        return done(f"Nothing had to change for {checkpoint}")
    return done(
        f"{count} {'path was' if count == 1 else 'paths were'} changed; what was there is kept as {before}"
    )
