"""A short chain in which each call needs what the one before found."""

from __future__ import annotations

from typing import Any

from underpass.bench.servers.data import shop
from underpass.bench.task import ScriptedCall, Task, Turn

_CUSTOMER = shop.made()["customers"][41]
_EMAIL = _CUSTOMER["email"]


async def _direct(turn: Turn) -> Any:
    [[customer]] = await turn(ScriptedCall("shop", "find_customers", {"email": _EMAIL}))
    [listed] = await turn(
        ScriptedCall("shop", "list_orders", {"customer_id": customer["id"], "per_page": 100})
    )
    [order] = await turn(ScriptedCall("shop", "get_order", {"order_id": listed["orders"][-1]["id"]}))
    return _answer(order)


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "order": order["id"],
        "status": order["status"],
        "items": [one["title"] for one in order["items"]],
    }


TASK = Task(
    name="last-order",
    kind="chain",
    command=f"What did {_EMAIL} order last, and where is it? Give the order's id, its status and the items' titles.",
    servers=("shop",),
    queries=("find a customer by e-mail", "list orders of a customer", "get an order with its items"),
    direct=_direct,
    python=f"""\
from mcp_servers import shop

[customer] = await shop.find_customers(email="{_EMAIL}")
listed = await shop.list_orders(customer_id=customer["id"], per_page=100)
order = await shop.get_order(order_id=listed["orders"][-1]["id"])
return {{
    "order": order["id"],
    "status": order["status"],
    "items": [item["title"] for item in order["items"]],
}}
""",
    typescript=f"""\
import {{ shop }} from "mcp-servers";

const [customer] = await shop.findCustomers({{ email: "{_EMAIL}" }});
const listed = await shop.listOrders({{ customer_id: customer.id, per_page: 100 }});
const order = await shop.getOrder({{ order_id: listed.orders.at(-1).id }});
return {{
  order: order.id,
  status: order.status,
  items: order.items.map((item) => item.title),
}};
""",
    code_mode=f"""\
import json

[customer] = json.loads(await call_tool("shop_find_customers", {{"email": "{_EMAIL}"}}))
listed = json.loads(
    await call_tool("shop_list_orders", {{"customer_id": customer["id"], "per_page": 100}})
)
order = await call_tool("shop_get_order", {{"order_id": listed["orders"][-1]["id"]}})
return {{
    "order": order["id"],
    "status": order["status"],
    "items": [item["title"] for item in order["items"]],
}}
""",
    expected=_answer(
        next(order for order in reversed(shop.made()["orders"]) if order["customer_id"] == _CUSTOMER["id"])
    ),
)
