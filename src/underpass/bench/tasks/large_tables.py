"""Thousands of rows, page by page, of which a small table is wanted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from underpass.bench.servers.data import shop, tracker
from underpass.bench.task import ScriptedCall, Task, Turn


async def _all_pages(turn: Turn, server: str, tool: str, name: str, filters: dict[str, Any]) -> list[Any]:
    """The first page says how many there are; the others are asked for at once."""
    filters = {**filters, "per_page": 100}
    [first] = await turn(ScriptedCall(server, tool, filters))
    rest = await turn(
        *(ScriptedCall(server, tool, {**filters, "page": page}) for page in range(2, first["pages"] + 1))
    )
    return [row for page in (first, *rest) for row in page[name]]


def _by_country(orders: list[Any], customers: list[Any]) -> dict[str, int]:
    country = {customer["id"]: customer["country"] for customer in customers}
    totals: Counter[str] = Counter()
    for order in orders:
        totals[country[order["customer_id"]]] += order["total_cents"]
    return dict(totals.most_common(5))


async def _revenue(turn: Turn) -> Any:
    orders = await _all_pages(turn, "shop", "list_orders", "orders", {"status": "delivered", "paid": True})
    return _by_country(orders, await _all_pages(turn, "shop", "list_customers", "customers", {}))


REVENUE_BY_COUNTRY = Task(
    name="revenue-by-country",
    kind="data-heavy",
    command="Which five countries bring the most revenue, counting delivered and paid orders? Cents by country.",
    servers=("shop",),
    queries=("list orders by status and payment", "list customers with their countries"),
    direct=_revenue,
    python="""\
import asyncio
from collections import Counter
from mcp_servers import shop

async def rows(tool, name, **filters):
    first = await tool(**filters, per_page=100)
    rest = await asyncio.gather(
        *(tool(**filters, per_page=100, page=page) for page in range(2, first["pages"] + 1))
    )
    return [row for page in [first, *rest] for row in page[name]]

orders, customers = await asyncio.gather(
    rows(shop.list_orders, "orders", status="delivered", paid=True),
    rows(shop.list_customers, "customers"),
)
country = {customer["id"]: customer["country"] for customer in customers}
totals = Counter()
for order in orders:
    totals[country[order["customer_id"]]] += order["total_cents"]
return dict(totals.most_common(5))
""",
    typescript="""\
import { shop } from "mcp-servers";

async function rows(tool: (input: any) => Promise<any>, name: string, filters: object) {
  const first = await tool({ ...filters, per_page: 100 });
  const pages = Array.from({ length: first.pages - 1 }, (_, index) => index + 2);
  const rest = await Promise.all(pages.map((page) => tool({ ...filters, per_page: 100, page })));
  return [first, ...rest].flatMap((page) => page[name]);
}

const [orders, customers] = await Promise.all([
  rows(shop.listOrders, "orders", { status: "delivered", paid: true }),
  rows(shop.listCustomers, "customers", {}),
]);
const country = Object.fromEntries(customers.map((customer) => [customer.id, customer.country]));
const totals: Record<string, number> = {};
for (const order of orders) {
  const code = country[order.customer_id];
  totals[code] = (totals[code] ?? 0) + order.total_cents;
}
return Object.fromEntries(Object.entries(totals).sort((a, b) => b[1] - a[1]).slice(0, 5));
""",
    code_mode="""\
import json

async def rows(tool, name, filters):
    found = []
    page = 1
    while True:
        answer = json.loads(await call_tool(tool, {**filters, "per_page": 100, "page": page}))
        found.extend(answer[name])
        if page >= answer["pages"]:
            return found
        page += 1

orders = await rows("shop_list_orders", "orders", {"status": "delivered", "paid": True})
customers = await rows("shop_list_customers", "customers", {})
country = {customer["id"]: customer["country"] for customer in customers}
totals = {}
for order in orders:
    code = country[order["customer_id"]]
    totals[code] = totals.get(code, 0) + order["total_cents"]
top = sorted(totals.items(), key=lambda pair: -pair[1])[:5]
return {code: total for code, total in top}
""",
    expected=_by_country(
        [order for order in shop.made()["orders"] if order["status"] == "delivered" and order["paid"]],
        shop.made()["customers"],
    ),
)


def _pressing(issues: list[Any]) -> dict[str, int]:
    return Counter(
        label
        for issue in issues
        if issue["priority"] in {"high", "urgent"} and issue["created"] < "2025-12-02"
        for label in issue["labels"]
    )


async def _labels(turn: Turn) -> Any:
    return _pressing(
        await _all_pages(turn, "tracker", "list_issues", "issues", {"project": "WEB", "state": "open"})
    )


OLD_ISSUES_BY_LABEL = Task(
    name="old-issues-by-label",
    kind="data-heavy",
    command=(
        "Of the open issues of WEB with priority high or urgent that were created before 2025-12-02: how many are "
        "there of each label?"
    ),
    servers=("tracker",),
    queries=("list open issues of a project",),
    direct=_labels,
    python="""\
from collections import Counter
from mcp_servers import tracker

counts = Counter()
page = pages = 1
while page <= pages:
    listed = await tracker.list_issues(project="WEB", state="open", page=page, per_page=100)
    for issue in listed["issues"]:
        if issue["priority"] in ("high", "urgent") and issue["created"] < "2025-12-02":
            counts.update(issue["labels"])
    page, pages = page + 1, listed["pages"]
return counts
""",
    typescript="""\
import { tracker } from "mcp-servers";

const counts: Record<string, number> = {};
let pages = 1;
for (let page = 1; page <= pages; page++) {
  const listed = await tracker.listIssues({ project: "WEB", state: "open", page, per_page: 100 });
  pages = listed.pages;
  for (const issue of listed.issues) {
    if (!["high", "urgent"].includes(issue.priority) || issue.created >= "2025-12-02") continue;
    for (const label of issue.labels) counts[label] = (counts[label] ?? 0) + 1;
  }
}
return counts;
""",
    code_mode="""\
import json

counts = {}
page = 1
pages = 1
while page <= pages:
    text = await call_tool(
        "tracker_list_issues", {"project": "WEB", "state": "open", "page": page, "per_page": 100}
    )
    listed = json.loads(text)
    for issue in listed["issues"]:
        if issue["priority"] in ("high", "urgent") and issue["created"] < "2025-12-02":
            for label in issue["labels"]:
                counts[label] = counts.get(label, 0) + 1
    page += 1
    pages = listed["pages"]
return counts
""",
    expected=dict(
        _pressing(
            [
                issue
                for issue in tracker.made()["issues"]
                if issue["key"].startswith("WEB-") and issue["state"] == "open"
            ]
        )
    ),
)

TASKS = (REVENUE_BY_COUNTRY, OLD_ISSUES_BY_LABEL)
