"""Where programs run: the sandboxes that the settings ask for."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underpass.catalog.catalog import Catalog
from underpass.config import Settings
from underpass.execution.modules import GeneratedModules
from underpass.execution.sessions import Sessions
from underpass.execution.sessions.notice import Notice
from underpass.metrics.instruments import Instruments
from underpass.metrics.metering import Metering
from underpass.metrics.sending import Sending
from underpass.sandbox.lease import Sandbox
from underpass.shapes.recorder import ShapeRecorder
from underpass.skills.loading.programs import SkillPrograms
from underpass.skills.loading.python import PythonSkills

if TYPE_CHECKING:
    from underpass.execution.typescript import DenoPlace, TypeScript
    from underpass.sandbox.process import ProcessLimits


def workspaces_of(state: Path) -> Path:
    """The agents' folders stand beside the state, because people look into them."""
    return state.parent / "workspace"


async def metering_of(stack: AsyncExitStack, settings: Settings, state: Path, catalog: Catalog) -> Metering:
    """What measures runs, and sends what it has measured where the environment asks for that."""
    instruments = Instruments()
    metering = Metering(state / "metrics", settings.metrics, settings.discovery, catalog.known, instruments)
    if (sending := Sending.from_environment(instruments)) is not None:
        metering.spans.tracer = sending.tracer
        await stack.enter_async_context(sending)
    return await stack.enter_async_context(metering)


async def python_place(stack: AsyncExitStack, settings: Settings, state: Path, catalog: Catalog) -> Sandbox:
    """What runs programs in Python."""
    workspaces = workspaces_of(state)
    if settings.sandbox.tier == "none":
        from underpass.sandbox.none import NoSandbox

        return NoSandbox(workspaces, max_frame=settings.run.result_bytes * 2)
    from underpass.sandbox.process import ProcessSandbox

    limits = _limits(settings)
    modules = GeneratedModules(catalog).shared()
    sandbox = ProcessSandbox(workspaces, limits, walls=settings.sandbox.walls, modules=modules)
    return await stack.enter_async_context(sandbox)


async def typescript_place(
    stack: AsyncExitStack,
    settings: Settings,
    state: Path,
    catalog: Catalog,
    shapes: ShapeRecorder,
    *,
    skills: SkillPrograms,
) -> TypeScript:
    """What runs programs in TypeScript; nothing is started before there is one."""
    from underpass.execution.typescript import TypeScript
    from underpass.execution.typescript_modules import TypeScriptModules

    folder = _typescript_folder(state)
    modules = TypeScriptModules(catalog, folder, shapes.find)
    limits = _limits(settings)
    if settings.sandbox.tier == "none" or sys.platform != "linux":
        from underpass.sandbox.deno_permissions import DenoPermissions

        place = DenoPermissions(
            workspaces_of(state), folder, memory_mb=limits.memory_mb, max_frame=limits.max_frame
        )
        return TypeScript(place, modules, skills)
    from underpass.sandbox.deno import DenoSandbox

    return TypeScript(
        await stack.enter_async_context(DenoSandbox(workspaces_of(state), folder, limits)), modules, skills
    )


async def sessions_of(
    stack: AsyncExitStack,
    settings: Settings,
    state: Path,
    catalog: Catalog,
    places: tuple[Sandbox, DenoPlace],
    *,
    skills: PythonSkills,
) -> Sessions:
    """What keeps sandboxes between runs; nothing is started before there is a session.

    Parameters:
        places: where ordinary runs are, in Python and in TypeScript.
        skills: the skills of all agents.
    """
    from underpass.sandbox.deno_permissions import DenoPermissions
    from underpass.sandbox.none import NoSandbox

    python, typescript = places
    pool: dict[str, Any] = {"idle": 1, "max_alive": settings.sessions.max}
    if not isinstance(python, NoSandbox):
        from underpass.sandbox.session_sandbox import SessionSandbox

        modules = GeneratedModules(catalog).shared()
        python = await stack.enter_async_context(
            SessionSandbox(
                workspaces_of(state), _limits(settings), walls=settings.sandbox.walls, modules=modules, **pool
            )
        )
    if not isinstance(typescript, DenoPermissions):
        from underpass.sandbox.deno_session import DenoSessionSandbox

        typescript = await stack.enter_async_context(
            DenoSessionSandbox(workspaces_of(state), _typescript_folder(state), _limits(settings), **pool)
        )
    return await stack.enter_async_context(
        Sessions(
            {"python": python, "typescript": typescript},
            GeneratedModules(catalog),
            settings.sessions,
            cpu_seconds=settings.run.cpu_seconds,
            notice=Notice(state / "sessions"),
            skills=skills,
        )
    )


def _limits(settings: Settings) -> ProcessLimits:
    from underpass.sandbox.process import ProcessLimits

    return ProcessLimits(
        memory_mb=settings.run.memory_mb,
        cpu_seconds=settings.run.cpu_seconds,
        file_mb=settings.run.file_mb,
        tmp_mb=settings.run.tmp_mb,
        open_files=settings.run.open_files,
        max_frame=settings.run.result_bytes * 2,
    )


def _typescript_folder(state: Path) -> Path:
    """Where generated modules are that sandboxes see."""
    return state / "modules" / "typescript"
