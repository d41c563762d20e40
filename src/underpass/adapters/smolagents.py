"""Where the code of smolagents runs: ``CodeAgent(tools, model, executor=UnderpassExecutor(up))``."""

from __future__ import annotations

import keyword
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

import anyio.from_thread
import anyio.to_thread
import orjson

from underpass.adapters.functions import SERVER, HostFunction, announce, offered
from underpass.adapters.reading import run_error_text
from underpass.adapters.requirement import required
from underpass.adapters.threads import FromThreads
from underpass.adapters.tool import RunOptions
from underpass.errors import CodeError, ValidationFailed
from underpass.execution.result import RunResult

with required("smolagents", "smolagents"):
    from smolagents.local_python_executor import (  # pyright: ignore[reportMissingTypeStubs] - it has none
        CodeOutput,
        PythonExecutor,
    )

if TYPE_CHECKING:
    from underpass import Underpass

INSTRUCTIONS: Final = (
    "Besides the functions above there are MCP servers. Their tools are asynchronous: "
    "`from mcp_servers import SERVER`, then `await SERVER.TOOL(name=value)`. To find them: "
    "`from mcp_runtime import search_tools`, then `await search_tools('what it is to do')`."
)
"""For ``CodeAgent(instructions=…)``, where the agent is to use the servers of Underpass."""
AUTHORIZED_IMPORTS: Final = ("*",)
"""For ``CodeAgent(additional_authorized_imports=…)``: the sandbox decides what there is to import."""

_FINAL_ANSWER: Final = "final_answer"
_PREPARATION: Final = """
def _from_host(name, ends):
    import asyncio
    from mcp_runtime import call_tool
    def call(*args, **kwargs):
        waiting = call_tool({server!r}, name, {{"args": args, "kwargs": kwargs}})
        # These functions are called without `await`: the call waits on the spot, whatever loop runs.
        loop = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            waiting.send(None)
        except StopIteration as done:
            if ends:
                raise SystemExit from None
            return done.value
        finally:
            asyncio._set_running_loop(loop)
    call.__name__ = call.__qualname__ = name
    return call
globals().update({{name: _from_host(name, name == {ends!r}) for name in {names!r}}})
del _from_host
"""


class UnderpassExecutor(PythonExecutor):
    """Runs each step in one session of the sandbox, so that variables stay from step to step.

    The agent's own tools run in this process; programs call them through the broker, as tools of the server
    ``host-functions``. What they take and return is JSON. A step that fails raises ``CodeError``.

    The agent itself runs in a thread, because it waits: ``await anyio.to_thread.run_sync(agent.run, task)``.

    Parameters:
        up: an opened ``Underpass``. Make the executor in its event loop, or use ``open``.
        options: as for ``Underpass.run``: ``agent``, ``session``, ``timeout``, ``ask`` and others.
    """

    def __init__(self, up: Underpass, **options: Unpack[RunOptions]) -> None:
        self._up = up
        self._agent = options.get("agent", "default")
        self._session = options.get("session") or f"smolagents-{secrets.token_hex(4)}"
        self._options: RunOptions = {**options, "session": self._session}
        self._threads = FromThreads()
        self._functions: dict[str, HostFunction] = {}
        self._variables: dict[str, Any] = {}
        self._prepared = False
        self._answers: list[Any] = []
        self.state: dict[str, Any] = {}
        """What the agent looks for after a step that failed: ``_print_outputs``."""

    @classmethod
    @contextmanager
    def open(
        cls,
        config: Path | str | Mapping[str, Any] | None = None,
        *,
        home: Path | str | None = None,
        settings: Mapping[str, Any] | None = None,
        **options: Unpack[RunOptions],
    ) -> Generator[Self]:
        """Open an ``Underpass`` in a thread of its own, for a program without an event loop.

        Parameters:
            config, home, settings: as for ``Underpass.open``.
            options: as for the class.
        """
        from underpass import Underpass

        with (
            anyio.from_thread.start_blocking_portal() as portal,
            portal.wrap_async_context_manager(Underpass.open(config, home=home, settings=settings)) as up,
        ):
            executor = portal.call(partial(cls, up, **options))
            try:
                yield executor
            finally:
                executor.cleanup()

    def send_tools(self, tools: Mapping[str, Callable[..., Any]]) -> None:
        """Let programs call these functions of this process."""
        self._functions = {name: self._function(name, tool) for name, tool in tools.items()}
        announce(self._up, list(tools))
        self._prepared = False

    def send_variables(self, variables: Mapping[str, Any]) -> None:
        """Let programs find these variables.

        Raises:
            ValidationFailed: one is no JSON, or has no name that Python allows.
        """
        self._variables |= {name: _plain(name, value) for name, value in variables.items()}
        self._prepared = self._prepared and not variables

    def __call__(self, code_action: str) -> CodeOutput:
        """Run one step. Raises ``CodeError``, or what ``Underpass.run`` raises."""
        self._answers.clear()
        result = self._threads.run(self._step, code_action)
        logs = result.stdout + result.stderr
        self.state["_print_outputs"] = logs
        if self._answers:
            return CodeOutput(self._answers[-1], logs, is_final_answer=True)
        if result.error is not None:
            raise CodeError(run_error_text(result.error), hint=result.error.hint, **result.error.data)
        return CodeOutput(result.value, logs, is_final_answer=False)

    def cleanup(self) -> None:
        """End the session; its variables are gone."""
        self._threads.run(self._end)

    async def _end(self) -> None:
        self._up.end_session(self._session, agent=self._agent)

    async def _step(self, code: str) -> RunResult:
        with offered(self._functions):
            if not self._prepared or not self._is_alive():
                await self._prepare()
            return await self._up.run(code, **self._options)

    def _is_alive(self) -> bool:
        """Whether the session is still there: a step that took too long has ended it, or nobody used it."""
        return (self._session, self._agent) in {(each.name, each.agent) for each in self._up.sessions()}

    async def _prepare(self) -> None:
        names = sorted(self._functions)
        lines = [f"{name} = {value!r}" for name, value in self._variables.items()]
        code = _PREPARATION.format(server=SERVER, names=names, ends=_FINAL_ANSWER) + "\n".join(lines)
        options: RunOptions = {**self._options, "check": False}
        result = await self._up.run(code, filename="preparation.py", **options)
        if result.error is not None:
            raise CodeError(run_error_text(result.error), hint=result.error.hint)
        self._prepared = True

    def _function(self, name: str, tool: Callable[..., Any]) -> HostFunction:
        async def call(*args: Any, **kwargs: Any) -> Any:
            value = await anyio.to_thread.run_sync(partial(tool, *args, **kwargs), abandon_on_cancel=True)
            if name != _FINAL_ANSWER:
                return value
            # It may be anything: it goes to the agent, and not back into the sandbox.
            self._answers.append(value)
            return None

        return call


def _plain(name: str, value: Any) -> Any:
    """Return a variable's value as JSON has it."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValidationFailed(f"a variable cannot be called {name!r:.80}", hint="use a name of Python's")
    try:
        return orjson.loads(orjson.dumps(value))
    except TypeError as error:
        raise ValidationFailed(
            f"the variable {name} cannot go into the sandbox: {error}",
            hint="give JSON: numbers, strings, lists and dicts",
        ) from error
