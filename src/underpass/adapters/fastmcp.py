"""A sandbox for FastMCP's CodeMode: ``CodeMode(sandbox_provider=UnderpassSandbox(up))``."""

from __future__ import annotations

import asyncio
import inspect
import keyword
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import anyio
import orjson

from underpass.adapters.functions import SERVER, HostFunction, announce, offered
from underpass.adapters.reading import error_text, run_error_text
from underpass.adapters.requirement import required
from underpass.adapters.tool import RunOptions
from underpass.errors import ConfigError, SandboxUnavailable, UnderpassError, ValidationFailed
from underpass.execution.host import OnProgress
from underpass.execution.result import RunError

with required("FastMCP", "fastmcp"):
    from fastmcp.exceptions import ToolError
    from fastmcp.server.dependencies import get_context

if TYPE_CHECKING:
    from underpass import Underpass

_FILENAME: Final = "program.py"
_LINES: Final = (
    re.compile(rf'(?<=File "{re.escape(_FILENAME)}", line )\d+'),
    re.compile(r"(?<=\(it was at line )\d+(?=\)$)"),
    re.compile(r"(?m)(?<=^line )\d+(?=: )"),
)


class UnderpassSandbox:
    """Runs the programs of a CodeMode, each in a sandbox of its own.

    What FastMCP puts into a program's scope, ``call_tool`` above all, is called through the broker, as a tool
    of the server ``host-functions``; what goes in and out is JSON. Each run has the functions that it was
    given, and no other's.

    Parameters:
        source: an opened ``Underpass``; or what ``Underpass.open`` takes, for ``lifespan`` to open. Programs
            can import its servers besides.
        home, settings: as for ``Underpass.open``.
        options: as for ``Underpass.run``: ``agent``, ``timeout``, ``ask`` and others.
    """

    def __init__(
        self,
        source: Underpass | Path | str | Mapping[str, Any] | None = None,
        *,
        home: Path | str | None = None,
        settings: Mapping[str, Any] | None = None,
        **options: Unpack[RunOptions],
    ) -> None:
        from underpass import Underpass

        self._up = source if isinstance(source, Underpass) else None
        self._config = None if isinstance(source, Underpass) else source
        self._home = home
        self._settings = settings
        self._options = options

    @asynccontextmanager
    async def lifespan(self, _server: object = None) -> AsyncGenerator[dict[str, Any]]:
        """Be open as long as a server is: ``FastMCP("…", lifespan=sandbox.lifespan)``."""
        closing = anyio.Event()
        opened: asyncio.Future[Underpass] = asyncio.get_running_loop().create_future()
        # FastMCP leaves its lifespans inside of a cancel scope that was not there when it entered them, which
        # no task group survives: Underpass needs a task of its own, and only asyncio has one without a group.
        task = asyncio.create_task(self._be_open(opened, closing))
        try:
            self._up = await opened
            yield {}
        finally:
            self._up = None
            closing.set()
            await task

    async def _be_open(self, opened: asyncio.Future[Underpass], closing: anyio.Event) -> None:
        from underpass import Underpass

        try:
            async with Underpass.open(self._config, home=self._home, settings=self._settings) as up:
                opened.set_result(up)
                await closing.wait()
        except UnderpassError as error:
            if opened.done():
                raise
            opened.set_exception(error)

    async def run(
        self,
        code: str,
        *,
        inputs: dict[str, Any] | None = None,
        external_functions: dict[str, Callable[..., Any]] | None = None,
    ) -> Any:
        """Run a program: its value, bounded; or what it printed, where it has no value.

        Raises:
            ToolError: the program failed, or the request is no good.
            ConfigError, SandboxUnavailable: nothing can run here.
        """
        if self._up is None:
            raise ConfigError(
                "the sandbox is not open",
                hint='give the server its lifespan: FastMCP("…", lifespan=sandbox.lifespan)',
            )
        functions = {name: _awaited(function) for name, function in (external_functions or {}).items()}
        options: RunOptions = {"on_progress": _reporter(), **self._options}
        try:
            announce(self._up, list(functions))
            scope = _scope(inputs or {}, list(functions))
            with offered(functions):
                result = await self._up.run(f"{scope}\n{code}", filename=_FILENAME, **options)
        except (ConfigError, SandboxUnavailable):
            raise
        except UnderpassError as error:
            raise ToolError(error_text(error)) from error
        if result.error is not None:
            raise ToolError(run_error_text(_renumbered(result.error)))
        return result.stdout if result.value is None and result.stdout else result.value


def _scope(inputs: Mapping[str, Any], functions: list[str]) -> str:
    """Return one line that defines what a program finds in its scope."""
    parts = ["from mcp_runtime import call_tool as _call_host"]
    for name in [*inputs, *functions]:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValidationFailed(f"a program cannot name {name!r:.80}", hint="use a name of Python's")
    try:
        plain = orjson.loads(orjson.dumps(inputs))
    except TypeError as error:
        raise ValidationFailed(f"an input is no JSON: {error}", hint="give plain values") from error
    parts += [f"{name} = {value!r}" for name, value in plain.items()]
    given = '{"args": args, "kwargs": kwargs}'
    parts += [
        f'{name} = lambda *args, **kwargs: _call_host("{SERVER}", "{name}", {given})' for name in functions
    ]
    return "; ".join(parts)


def _renumbered(error: RunError) -> RunError:
    """Count the lines of an error as its author does: the first was ours."""
    message, trace = error.message, error.traceback
    for expression in _LINES:
        message = expression.sub(_one_less, message)
        trace = expression.sub(_one_less, trace)
    return replace(error, message=message, traceback=trace)


def _one_less(found: re.Match[str]) -> str:
    return str(int(found[0]) - 1)


def _awaited(function: Callable[..., Any]) -> HostFunction:
    async def call(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    return call


def _reporter() -> OnProgress | None:
    """Return what tells the client of a program's progress; None outside of a request."""
    try:
        context = get_context()
    except RuntimeError:
        return None

    async def report(progress: float, total: float | None, message: str | None) -> None:
        await context.report_progress(progress, total, message)

    return report
