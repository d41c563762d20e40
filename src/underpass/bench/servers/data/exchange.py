"""Rates of exchange: what one euro is worth."""

from __future__ import annotations

from typing import Any

DAY = "2026-02-27"
RATES = {
    "EUR": 1.0, "USD": 1.0842, "GBP": 0.8391, "CHF": 0.9415, "SEK": 11.1875, "NOK": 11.6520, "DKK": 7.4583,
    "PLN": 4.2310, "CZK": 25.0480, "JPY": 162.37, "CAD": 1.5523, "AUD": 1.7016, "INR": 94.215, "BRL": 6.1384,
}  # fmt: skip


def made() -> dict[str, Any]:
    """``day`` and ``rates``."""
    return {"day": DAY, "rates": RATES}
