"""Functions of the host that the programs of one run may call, and nobody else's.

They are called as tools of a server of this process, through the broker: policy, journal and audit see them
like any other call. Which functions there are depends on the run that calls: they are found in its context.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import anyio
import orjson

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.catalog.upstream import Progress, ToolOutcome, tool_timeout
from underpass.errors import ToolNotFound

if TYPE_CHECKING:
    from underpass import Underpass
    from underpass.catalog.catalog import Catalog

SERVER: Final = "host-functions"
"""What rules of the policy call the server."""

HostFunction = Callable[..., Awaitable[Any]]
_SCHEMA: Final = {
    "type": "object",
    "properties": {"args": {"type": "array"}, "kwargs": {"type": "object"}},
    "required": ["args", "kwargs"],
}
_functions: ContextVar[Mapping[str, HostFunction]] = ContextVar("underpass_host_functions")
_names: WeakKeyDictionary[Catalog, frozenset[str]] = WeakKeyDictionary()


class _Functions:
    """The server of them.

    Parameters:
        names: what the functions are called, those of all runs.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)

    async def list_tools(self) -> Listing:
        about = "A function of the program that runs Underpass"
        return Listing(
            tuple(ToolDefinition(SERVER, name, about, input_schema=_SCHEMA) for name in self._names)
        )

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,  # noqa: ASYNC109 - part of the call
        progress: Progress | None = None,  # noqa: ARG002
    ) -> ToolOutcome:
        functions = _functions.get({})
        if name not in functions:
            raise ToolNotFound.named(SERVER, name, functions)
        with anyio.move_on_after(timeout):
            value = await functions[name](*arguments["args"], **arguments["kwargs"])
            # As JSON, like any result: what is no JSON arrives as its text.
            plain = orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))
            return ToolOutcome(structured=plain, has_structured=True)
        raise tool_timeout(SERVER, name, timeout)


def announce(up: Underpass, names: Sequence[str]) -> None:
    """Let functions of these names be called.

    Raises:
        ConfigError: a configured server has the name of theirs.
    """
    known = _names.get(up.catalog, frozenset())
    if not known.issuperset(names):
        up.catalog.attach(SERVER, _Functions(known.union(names)))
        _names[up.catalog] = known.union(names)


@contextmanager
def offered(functions: Mapping[str, HostFunction]) -> Generator[None]:
    """Offer functions to the runs that begin inside of this block."""
    token = _functions.set(functions)
    try:
        yield
    finally:
        _functions.reset(token)
