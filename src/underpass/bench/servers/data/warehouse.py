"""A database of a warehouse: products, suppliers, stock at four sites, and a year's movements."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from underpass.bench.servers.data.words import COUNTRIES

SITES = ("Gdansk", "Leipzig", "Lyon", "Turin")
PRODUCTS = 150
SUPPLIERS = 18
MOVEMENTS = 5_000
_SCHEMA = """
CREATE TABLE suppliers (id INTEGER PRIMARY KEY, name TEXT, country TEXT, lead_days INTEGER);
CREATE TABLE products (sku TEXT PRIMARY KEY, title TEXT, supplier_id INTEGER REFERENCES suppliers, price_cents INTEGER);
CREATE TABLE stock (sku TEXT REFERENCES products, site TEXT, quantity INTEGER, minimum INTEGER);
CREATE TABLE movements (id INTEGER PRIMARY KEY, sku TEXT REFERENCES products, site TEXT, day TEXT, change INTEGER);
"""
_KINDS = ("Lamp", "Chair", "Desk", "Shelf", "Rug", "Mug", "Clock", "Frame", "Table", "Basket")
_WOODS = ("Oak", "Ash", "Beech", "Walnut", "Pine", "Birch")


@cache
def made() -> dict[str, list[dict[str, Any]]]:
    """The rows of each table."""
    random = Random(1010)
    suppliers = [
        {
            "id": number,
            "name": f"{random.choice(_WOODS)} & Partners {number}",
            "country": random.choice(COUNTRIES),
            "lead_days": random.randint(3, 60),
        }
        for number in range(1, SUPPLIERS + 1)
    ]
    products = [
        {
            "sku": f"W-{number:04}",
            "title": f"{random.choice(_WOODS)} {random.choice(_KINDS)} {number}",
            "supplier_id": random.randint(1, SUPPLIERS),
            "price_cents": random.randrange(500, 90_000, 10),
        }
        for number in range(1, PRODUCTS + 1)
    ]
    stock = [
        {
            "sku": product["sku"],
            "site": site,
            "quantity": random.randint(0, 300),
            "minimum": random.randint(5, 40),
        }
        for product in products
        for site in SITES
    ]
    movements = [
        {
            "id": number,
            "sku": random.choice(products)["sku"],
            "site": random.choice(SITES),
            "day": (date(2025, 3, 1) + timedelta(days=number * 365 // MOVEMENTS)).isoformat(),
            "change": random.choice((-1, -1, -2, -3, 5)) * random.randint(1, 12),
        }
        for number in range(1, MOVEMENTS + 1)
    ]
    return {"suppliers": suppliers, "products": products, "stock": stock, "movements": movements}


def write(path: Path) -> None:
    """Put the database there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    connection = sqlite3.connect(new)
    connection.executescript(_SCHEMA)
    for table, rows in made().items():
        values = ", ".join(f":{column}" for column in rows[0])
        connection.executemany(f"INSERT INTO {table} VALUES ({values})", rows)  # noqa: S608 - names of our own
    connection.commit()
    connection.close()
    new.replace(path)
