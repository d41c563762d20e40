"""The whole comparison: what is measured here, and what has to be left out."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import anyio.to_thread

from underpass.bench.arms.arm import Arm
from underpass.bench.arms.direct import Direct, Oracle
from underpass.bench.arms.search import Search
from underpass.bench.arms.serve import Serve
from underpass.bench.catalogs import SIZES, Definitions, from_corpus, sample
from underpass.bench.fastmcp_environment import interpreter
from underpass.bench.measure import OnTask, measure
from underpass.bench.results import MANY, Results
from underpass.bench.servers import configuration
from underpass.bench.task import Task
from underpass.sandbox import deno_binary

_LARGEST_SAMPLE: Final = 50


async def compare(
    tasks: Sequence[Task],
    *,
    quick: bool = False,
    corpus: Path | None = None,
    fastmcp: bool = False,
    sandbox: str | None = None,
    on_task: OnTask | None = None,
) -> Results:
    """Measure every task in every arm that can be had here.

    Parameters:
        tasks: the tasks.
        quick: only beside the catalog of 50 tools.
        corpus: a file of tool definitions, for the catalogs that are larger than the sample.
        fastmcp: whether FastMCP is installed first where it is not.
        sandbox: as for ``Underpass.open``.
        on_task: is told how far it is.

    Raises:
        ConfigError: the corpus cannot be read.
        SandboxUnavailable: programs cannot run here.
        ServerUnavailable: a task's server cannot be started, or FastMCP cannot be installed.
    """
    names = {name for task in tasks for name in task.servers}
    left_out: dict[str, str] = {}
    catalogs: list[Definitions] = []
    for size in (MANY,) if quick else SIZES:
        if size <= _LARGEST_SAMPLE:
            catalogs.append(sample(size))
        elif corpus is None:
            left_out[f"catalog {size}"] = "there is no file of so many definitions: give one with --corpus"
        else:
            catalogs.append(await anyio.to_thread.run_sync(from_corpus, corpus, size, names))
    async with AsyncExitStack() as stack:
        arms = [Direct(), Oracle(), Search(), *await _fastmcp(stack, names, left_out, install=fastmcp)]
        arms += _underpass(left_out)
        return await measure(tasks, catalogs, arms, sandbox=sandbox, left_out=left_out, on_task=on_task)


def _underpass(left_out: dict[str, str]) -> list[Arm]:
    """Return Underpass's own arms."""
    arms: list[Arm] = [Serve("python")]
    if typescript := deno_binary.is_installed():
        arms.append(Serve("typescript"))
    else:
        left_out["typescript"] = "the extra `typescript` is not installed"
    if find_spec("pydantic_ai") is None:
        left_out["auto"] = "the extra `agent` is not installed"
        return arms
    from underpass.bench.arms.agent import Agent

    arms += [Agent("direct"), Agent("python")]
    return [*arms, *([Agent("typescript")] if typescript else []), Agent("auto")]


async def _fastmcp(
    stack: AsyncExitStack, names: Collection[str], left_out: dict[str, str], *, install: bool
) -> list[Arm]:
    """Return FastMCP's arm with servers of its own; none where it is not installed."""
    python = await anyio.to_thread.run_sync(lambda: interpreter(install=install))
    if python is None:
        left_out["fastmcp"] = "FastMCP is not installed: --fastmcp installs it"
        return []
    from underpass.bench.arms.code_mode import code_mode

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="underpass-bench-")))
    servers = configuration(folder, sorted(names))["mcpServers"]
    return [await stack.enter_async_context(code_mode(python, servers))]
