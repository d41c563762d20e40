"""A shop: customers, and what they ordered over a year. Amounts are in cents."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data.words import COUNTRIES, address, names

CUSTOMERS = 480
ORDERS = 2_400
_FIRST_DAY = date(2025, 3, 1)
_PRODUCTS = (
    ("LAMP-01", "Desk lamp", 3_990), ("CHAIR-07", "Office chair", 18_900), ("DESK-12", "Standing desk", 42_900),
    ("SHELF-03", "Wall shelf", 5_490), ("RUG-22", "Wool rug", 12_900), ("MUG-05", "Stoneware mug", 1_290),
    ("PLANT-09", "Potted ficus", 2_490), ("CLOCK-02", "Wall clock", 3_490), ("SOFA-15", "Two-seat sofa", 64_900),
    ("FRAME-11", "Picture frame", 1_990), ("TABLE-08", "Side table", 8_990), ("BASKET-04", "Rattan basket", 2_790),
)  # fmt: skip
_STATUSES = (
    "delivered",
    "delivered",
    "delivered",
    "delivered",
    "shipped",
    "processing",
    "returned",
    "cancelled",
)
_CARRIERS = ("DHL", "DPD", "GLS", "UPS")


@cache
def made() -> dict[str, Any]:
    """``customers`` and ``orders``, as the server lists them."""
    random = Random(202)
    customers = [
        {
            "id": f"C{number:04}",
            "name": name,
            "email": address(name, "example.com"),
            "country": random.choice(COUNTRIES),
            "segment": random.choice(("consumer", "consumer", "small business", "enterprise")),
            "created": (_FIRST_DAY - timedelta(days=random.randrange(900))).isoformat(),
        }
        for number, name in enumerate(names(random, CUSTOMERS), start=1)
    ]
    return {"customers": customers, "orders": [_order(random, number) for number in range(ORDERS)]}


def _order(random: Random, number: int) -> dict[str, Any]:
    placed = _FIRST_DAY + timedelta(days=number * 365 // ORDERS)
    status = random.choice(_STATUSES)
    items: list[dict[str, Any]] = [
        {"sku": sku, "title": title, "quantity": random.randint(1, 4), "unit_price_cents": price}
        for sku, title, price in random.sample(_PRODUCTS, random.randint(1, 4))
    ]
    return {
        "id": f"O{10_001 + number}",
        "customer_id": f"C{random.randint(1, CUSTOMERS):04}",
        "placed": placed.isoformat(),
        "status": status,
        "paid": random.random() < 0.93,
        "due": (placed + timedelta(days=30)).isoformat(),
        "currency": "EUR",
        "total_cents": sum(item["quantity"] * item["unit_price_cents"] for item in items),
        "carrier": random.choice(_CARRIERS) if status in {"delivered", "shipped", "returned"} else None,
        "items": items,
    }
