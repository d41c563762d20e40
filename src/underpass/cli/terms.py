"""Quantities for people."""

from __future__ import annotations


def milliseconds(duration: float) -> str:
    """Return a duration with its unit: ``0.8 ms``, ``42 ms``, ``1.3 s``."""
    if duration >= 1000:
        return f"{duration / 1000:.1f} s"
    return f"{duration:.0f} ms" if duration >= 10 else f"{duration:.1f} ms"


def bytes_(size: int) -> str:
    """Return a size with its unit: ``812 B``, ``4.2 kB``, ``1.3 MB``."""
    if size < 1000:
        return f"{size} B"
    if size < 1_000_000:
        return f"{size / 1000:.1f} kB"
    return f"{size / 1_000_000:.1f} MB"


def counted(number: int, what: str) -> str:
    """Return how many there are of something: ``1 tool``, ``2,400 tools``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
