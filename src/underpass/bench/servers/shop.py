"""A shop's service for orders and customers, with pages of a hundred rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field
from typing_extensions import TypedDict

from underpass.bench.servers.json_text import json_text
from underpass.bench.servers.paging import Page, PerPage, paged
from underpass.bench.servers.store import given

Status = Literal["processing", "shipped", "delivered", "returned", "cancelled"]
CustomerId = Annotated[str, Field(description="Customer id, e.g. 'C0042'")]
OrderId = Annotated[str, Field(description="Order id, e.g. 'O10001'")]
Day = Annotated[str | None, Field(description="Day in ISO 8601, e.g. '2025-10-01'")]


class Item(TypedDict):
    """A line of an order."""

    sku: str
    title: str
    quantity: int
    unit_price_cents: int


class Order(TypedDict):
    """An order with its items."""

    id: str
    customer_id: str
    placed: str
    status: str
    paid: bool
    due: str
    currency: str
    total_cents: int
    carrier: str | None
    items: list[Item]


class Customer(TypedDict):
    """A customer."""

    id: str
    name: str
    email: str
    country: str
    segment: str
    created: str


def serve(data: dict[str, Any]) -> MCPServer:
    """The server."""
    server = MCPServer("shop")
    customers: dict[str, Customer] = {row["id"]: row for row in data["customers"]}
    orders: dict[str, Order] = {row["id"]: row for row in data["orders"]}

    @server.tool()
    def get_order(order_id: OrderId) -> Order:
        """Get one order with its items, payment and delivery."""
        if order_id not in orders:
            raise ToolError(f"No order {order_id}")
        return orders[order_id]

    @server.tool(structured_output=False)
    def list_orders(
        customer_id: Annotated[str | None, Field(description="Only orders of this customer")] = None,
        status: Annotated[Status | None, Field(description="Only orders in this status")] = None,
        paid: Annotated[bool | None, Field(description="Only paid, or only unpaid orders")] = None,
        placed_from: Day = None,
        placed_to: Day = None,
        page: Page = 1,
        per_page: PerPage = 50,
    ) -> dict[str, Any]:
        """List orders, the oldest first, without their items.

        Returns `orders` (id, customer_id, placed, status, paid, due, currency, total_cents, carrier),
        `page`, `pages` and `total`.
        """
        rows = [
            {key: value for key, value in order.items() if key != "items"}
            for order in orders.values()
            if (customer_id is None or order["customer_id"] == customer_id)
            and (status is None or order["status"] == status)
            and (paid is None or order["paid"] == paid)
            and (placed_from or "") <= order["placed"] <= (placed_to or "9")
        ]
        return paged("orders", rows, page, per_page)

    @server.tool()
    def get_customer(customer_id: CustomerId) -> Customer:
        """Get one customer."""
        if customer_id not in customers:
            raise ToolError(f"No customer {customer_id}")
        return customers[customer_id]

    @server.tool(structured_output=False)
    def find_customers(
        email: Annotated[str | None, Field(description="Exact e-mail address")] = None,
        name: Annotated[str | None, Field(description="Part of the name, in any case")] = None,
    ) -> str:
        """Find customers by e-mail address or name. Returns a JSON array of at most 20 customers."""
        found = [
            customer
            for customer in customers.values()
            if (email is None or customer["email"] == email)
            and (name is None or name.casefold() in customer["name"].casefold())
        ]
        return json_text(found[:20])

    @server.tool(structured_output=False)
    def list_customers(
        country: Annotated[str | None, Field(description="Two-letter country code, e.g. 'DE'")] = None,
        segment: Annotated[str | None, Field(description="consumer, small business or enterprise")] = None,
        page: Page = 1,
        per_page: PerPage = 50,
    ) -> dict[str, Any]:
        """List customers by id. Returns `customers`, `page`, `pages` and `total`."""
        rows = [
            customer
            for customer in customers.values()
            if country in {None, customer["country"]} and segment in {None, customer["segment"]}
        ]
        return paged("customers", rows, page, per_page)

    @server.tool(structured_output=False)
    def cancel_order(
        order_id: OrderId, reason: Annotated[str, Field(description="Shown to the customer")]
    ) -> str:
        """Cancel an order that is still being processed. This cannot be undone."""
        order = get_order(order_id)
        if order["status"] != "processing":
            raise ToolError(f"Order {order_id} is {order['status']} and can no longer be cancelled")
        return f"Order {order_id} cancelled: {reason}"

    return server


if __name__ == "__main__":
    serve(given()).run("stdio")
