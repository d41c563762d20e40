"""A mailbox for questions of customers, and the rest that lands in one."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from underpass.bench.servers.data import crm
from underpass.bench.servers.data.words import paragraph

MESSAGES = 400
_SUBJECTS = (
    "Invoice",
    "Question about our contract",
    "Renewal",
    "Login problem",
    "Feature request",
    "Outage",
    "Thanks",
)


@cache
def made() -> list[dict[str, Any]]:
    """The messages, the newest first."""
    random = Random(909)
    senders = [contact for account in crm.made() for contact in account["contacts"]]
    return [_message(random, number, random.choice(senders)) for number in range(MESSAGES)]


def _message(random: Random, number: int, sender: dict[str, str]) -> dict[str, Any]:
    subject = random.choice(_SUBJECTS)
    body = paragraph(random, random.randint(3, 9))
    amount = None
    if subject == "Invoice":
        amount = random.randrange(200, 9_000) + random.choice((0.0, 0.5, 0.25))
        body += f"\n\nAmount due: EUR {amount:.2f}"
    return {
        "id": f"m{MESSAGES - number:04}",
        "from": sender["email"],
        "to": "accounts@corp.example",
        "subject": subject,
        "date": (datetime(2026, 3, 2, 8) - timedelta(hours=number * 3)).isoformat(),  # noqa: DTZ001 - local times
        "unread": random.random() < 0.3,
        "answered": random.random() < 0.6,
        "amount": amount,
        "body": f"Hello,\n\n{body}\n\nKind regards,\n{sender['name']}",
    }
