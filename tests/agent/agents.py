"""Agents whose models are scripted, and programs for them."""

from __future__ import annotations

from typing import Any

from tests.servers.models import Model

from underpass import Underpass
from underpass.agent import CodeAgent

SUM = (
    "from mcp_servers import shop\n"
    "orders = (await shop.list_orders())['orders']\n"
    "sum(order['total'] for order in orders)"
)
TOTAL = 240_600
REFUND_AND_FAIL = "from mcp_servers import shop\nawait shop.refund_order(order={})\nraise ValueError('later')"


async def no_wait(_seconds: float) -> None:
    """Wait for nothing."""


def agent(up: Underpass, model: Model, **options: Any) -> CodeAgent:
    """Return an agent with a scripted model, which speaks OpenAI's protocol unless ``name`` says so."""
    name = options.pop("name", "openai:scripted")
    url = model.url if name.startswith("anthropic") else f"{model.url}/v1"
    return CodeAgent(up, name, base_url=url, sleep=no_wait, **options)
