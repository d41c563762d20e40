"""The examples run, with scripted models in place of real ones."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio.to_thread
import pytest
from tests.adapters.conftest import Shop

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30", "R39")]

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAM = "from mcp_servers import shop\n4 * await shop.price(item='pear')"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def example(name: str, framework: str = "underpass") -> ModuleType:
    pytest.importorskip(framework)
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_an_agent_loop_of_ones_own() -> None:
    found, total = await example("own_loop").main()
    assert "shop.orders()" in found
    assert total == "122500"


async def test_an_agent_of_pydantic_ai(shop: Shop) -> None:
    module = example("pydantic_ai_agent", "pydantic_ai")
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    def respond(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        last = messages[-1].parts[-1]
        if isinstance(last, ToolReturnPart):
            return ModelResponse(parts=[TextPart(f"It is {last.content}.")])
        return ModelResponse(parts=[ToolCallPart("run_code", {"code": PROGRAM})])

    answer = await module.main(FunctionModel(respond), "What do four pears cost?", {"shop": shop.server})
    assert answer == "It is 3.0."


async def test_an_agent_of_the_openai_agents_sdk(shop: Shop) -> None:
    module = example("openai_agents_agent", "agents")
    from tests.adapters.test_openai_agents import Writes

    model = Writes(PROGRAM)
    assert await module.main(model, "What do four pears cost?", {"shop": shop.server}) == "done"
    assert model.read == ["3.0"]


async def test_a_graph_of_langgraph(shop: Shop) -> None:
    module = example("langgraph_agent", "langgraph")
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    class Scripted(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **_options: Any) -> Any:
            assert tools[0].name == "run_code"
            return self

    call = {"name": "run_code", "args": {"code": PROGRAM}, "id": "1", "type": "tool_call"}
    model = Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("It is 3.0.")]))
    answer = await module.main(model, "What do four pears cost?", {"shop": shop.server})
    assert answer == "It is 3.0."


async def test_an_agent_of_smolagents(shop: Shop) -> None:
    module = example("smolagents_agent", "smolagents")
    from tests.adapters.test_smolagents import Writes

    model = Writes(PROGRAM.replace("4 *", "price =") + "\nfinal_answer(4 * price)")
    servers = {"shop": shop.server}
    answer = await anyio.to_thread.run_sync(module.main, model, "What do four pears cost?", servers)
    assert answer == 3.0


async def test_a_server_of_fastmcp() -> None:
    module = example("fastmcp_code_mode", "fastmcp")
    from fastmcp import Client

    code = "orders = await call_tool('orders', {})\nreturn sum(order['total'] for order in orders['result'])"
    async with Client[Any](module.server) as client:
        result = await client.call_tool("execute", {"code": code})
    assert json.dumps(122_500) in str(result.content[0])
