"""Accounts of customers, their contacts and their contracts."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data.words import CITIES, address, names

_FIRMS = (
    "Aldermoor Foods", "Brightwater Logistics", "Cobalt Insurance", "Dunmore Energy", "Eastgate Clinics",
    "Fernhill Media", "Greyling Motors", "Harbour Bank", "Ironbridge Steel", "Juniper Hotels", "Kestrel Air",
    "Larkspur Retail", "Mossfield Dairy", "Northwind Telecom", "Oakley Pharma", "Pinecrest Homes",
    "Quarry Lane Tools", "Redwood Robotics", "Silverton Print", "Thornbury Law",
)  # fmt: skip


@cache
def made() -> list[dict[str, Any]]:
    """The accounts, as the server gives them."""
    random = Random(404)
    owners = names(random, 5)
    return [_account(random, number, firm, owners) for number, firm in enumerate(_FIRMS, start=1)]


def _account(random: Random, number: int, firm: str, owners: list[str]) -> dict[str, Any]:
    domain = firm.lower().replace(" ", "") + ".example"
    return {
        "id": f"ACC-{number:03}",
        "name": firm,
        "domain": domain,
        "city": random.choice(CITIES),
        "owner": random.choice(owners),
        "stage": random.choice(("prospect", "negotiation", "customer", "customer", "churn risk")),
        "annual_value_eur": random.randrange(8_000, 240_000, 500),
        "renewal": (date(2026, 3, 1) + timedelta(days=random.randrange(400))).isoformat(),
        "contacts": [
            {"name": name, "email": address(name, domain), "role": role}
            for name, role in zip(
                names(random, 3), ("Head of IT", "Procurement", "Finance director"), strict=True
            )
        ],
    }
