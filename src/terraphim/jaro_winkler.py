"""Jaro-Winkler similarity, added up in the original's order.

The library's function is many times faster and differs in the last bit. That bit decides where a similarity
equals the threshold, and words are short enough for that to be common.
"""

from __future__ import annotations

_PREFIX = 4
_PREFIX_WEIGHT = 0.1
_PREFIX_FROM = 0.7


def similarity(first: str, second: str) -> float:
    """How much two words resemble each other, 0 to 1."""
    jaro = _jaro(first, second)
    if jaro <= _PREFIX_FROM:
        return jaro
    prefix = 0
    for one, other in zip(first[:_PREFIX], second[:_PREFIX], strict=False):
        if one != other:
            break
        prefix += 1
    return jaro + _PREFIX_WEIGHT * prefix * (1.0 - jaro)


def _jaro(first: str, second: str) -> float:
    if not first or not second:
        return float(first == second)
    reach = max(max(len(first), len(second)) // 2 - 1, 0)
    taken = [False] * len(second)
    from_first: list[str] = []
    for position, letter in enumerate(first):
        for candidate in range(max(position - reach, 0), min(position + reach + 1, len(second))):
            if not taken[candidate] and second[candidate] == letter:
                taken[candidate] = True
                from_first.append(letter)
                break
    matches = len(from_first)
    if not matches:
        return 0.0
    from_second = [letter for letter, used in zip(second, taken, strict=True) if used]
    moved = sum(one != other for one, other in zip(from_first, from_second, strict=True)) // 2
    return (matches / len(first) + matches / len(second) + (matches - moved) / matches) / 3.0
