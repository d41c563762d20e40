"""A day of a system's logs and metrics."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

DAY = "2026-03-01"
SERVICES = ("checkout", "catalog", "search", "identity", "payments", "shipping")
REQUESTS = 4_200
_ENDPOINTS = ("/cart", "/items", "/search", "/login", "/pay", "/refund", "/track", "/profile")
_ERRORS = (
    "connection to replica lost", "upstream timed out", "rate limit of the bank reached",
    "could not parse the payload", "certificate expires soon", "deadlock found, transaction retried",
)  # fmt: skip


@cache
def made() -> dict[str, Any]:
    """``logs`` and ``metrics``, both by service: ``latency_ms`` and ``memory_mb`` for each minute."""
    random = Random(1111)
    logs = {
        service: [_line(random, number) for number in range(REQUESTS if service == "checkout" else 600)]
        for service in SERVICES
    }
    return {"logs": logs, "metrics": {service: _metrics(random) for service in SERVICES}}


def _line(random: Random, number: int) -> dict[str, Any]:
    second = number * 86_400 // REQUESTS
    at = f"{DAY}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    if random.random() < 0.06:
        return {
            "at": at,
            "level": "ERROR",
            "message": random.choice(_ERRORS),
            "trace": f"{random.getrandbits(48):012x}",
        }
    return {
        "at": at,
        "level": "INFO",
        "endpoint": random.choice(_ENDPOINTS),
        "status": random.choices((200, 201, 404, 500), (88, 6, 4, 2))[0],
        "ms": int(random.lognormvariate(4.2, 0.7)),
        "trace": f"{random.getrandbits(48):012x}",
    }


def _metrics(random: Random) -> dict[str, list[float]]:
    latency, memory = [80.0], [512.0]
    for _ in range(1_439):
        latency.append(
            round(max(20.0, latency[-1] * 0.9 + random.uniform(0, 18) + (random.random() < 0.01) * 160), 1)
        )
        memory.append(round(min(2_000.0, max(300.0, memory[-1] + random.uniform(-9, 9.4))), 1))
    return {"latency_ms": latency, "memory_mb": memory}
