"""Scores tools for a request: gathers candidates from the rarest terms, then weighs each of them fully."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from heapq import nlargest
from itertools import islice
from math import log

from underpass.discovery.postings import Postings
from underpass.discovery.synonyms import SYNONYMS
from underpass.discovery.weights import SCALE

_READ = 2_000
"""So many entries of postings are read at most, of the rarest terms first …"""
_LEAST = 150
"""… but of each term at least these, the tools it says most of."""
_CANDIDATES = 100

_UNIT = 2.2 / SCALE
_SYNONYM = 0.3
_TELLING = 2.7
"""Synonyms of commoner terms ("get", "list") find everything, and are left out. Among few tools no term
is as rare: there half of what the rarest has is enough."""
_COVERAGE = 0.3
_MANY = 5
"""No tool has more terms of a request, however long it is."""
_NAMED = 3.0
"""How many times more a tool counts whose server is named."""
_NAMED_BASE = 3.0
"""What it counts even if no other term fits: about one term of middling rarity."""


def rank(
    found: Sequence[str],
    postings: Postings,
    tools: int,
    *,
    names: Callable[[int], Sequence[str]],
    allowed: Collection[int] | None = None,
    named: Mapping[int, float],
    also: Collection[int] = (),
) -> dict[int, float]:
    """Return scores of the tools that fit best, and of those of ``also``; further ones are left out.

    Parameters:
        found: the request's terms.
        postings: of all tools.
        tools: how many there are.
        names: the terms of a tool's own name.
        allowed: only these tools. Default: all.
        named: tools of servers that the request names, and how surely.
        also: tools that are near by other measures; they may be scored 0.
    """
    weighed = sorted(((postings.rarity(term, tools), term) for term in found), reverse=True)
    present = [(rarity, term, postings.of(term)) for rarity, term in weighed]
    known = [entry for entry in present if entry[2] or entry[1] in SYNONYMS]
    if allowed is not None and len(allowed) <= _CANDIDATES:
        candidates: Collection[int] = allowed
    else:
        candidates = _candidates(known, postings, tools, allowed, named)
    if also:
        candidates = {*candidates, *also}
    return _weigh(candidates, known, postings, tools, names=names, named=named)


def ideal(found: Sequence[str], postings: Postings, tools: int, *, named: bool = False) -> float:
    """Return about the score of a tool that has all terms of a request, or five of a long one.

    Parameters:
        named: whether its server is named as well.
    """
    if not found:
        return 0.0
    usual = sum(postings.rarity(term, tools) for term in found) / len(found)
    whole = _UNIT * SCALE * usual * min(len(found), _MANY)
    return (whole + _NAMED_BASE) * (1 + _NAMED) if named else whole


_Known = Sequence[tuple[float, str, Mapping[int, int]]]


def _candidates(
    known: _Known,
    postings: Postings,
    tools: int,
    allowed: Collection[int] | None,
    named: Mapping[int, float],
) -> Collection[int]:
    telling = _telling(tools)
    scores: dict[int, float] = {}
    get = scores.get
    left = _READ
    for rarity, term, posting in known:
        entries = posting.items()
        if allowed is not None:
            entries = [(number, posting[number]) for number in allowed if number in posting]
        elif len(entries) > left:
            entries = islice(entries, max(left, _LEAST))
        left -= len(posting)
        unit = rarity * _UNIT
        for number, impact in entries:
            scores[number] = get(number, 0.0) + unit * impact
        for other in SYNONYMS.get(term, ()):
            if (other_rarity := postings.rarity(other, tools)) < telling or allowed is not None:
                continue
            unit = _SYNONYM * min(rarity, other_rarity) * _UNIT
            for number, impact in islice(postings.of(other).items(), _LEAST):
                scores[number] = get(number, 0.0) + unit * impact
    for number, sure in named.items():
        if allowed is None or number in allowed:
            scores[number] = (get(number, 0.0) + _NAMED_BASE * sure) * (1 + _NAMED * sure)
    return scores if len(scores) <= _CANDIDATES else nlargest(_CANDIDATES, scores, key=scores.__getitem__)


def _weigh(
    candidates: Collection[int],
    known: _Known,
    postings: Postings,
    tools: int,
    *,
    names: Callable[[int], Sequence[str]],
    named: Mapping[int, float],
) -> dict[int, float]:
    telling = _telling(tools)
    whole = sum(rarity for rarity, _, _ in known) or 1.0
    asked = {term for _, term, _ in known}
    sources: list[tuple[float, float, Mapping[int, int], list[tuple[float, Mapping[int, int]]]]] = []
    for rarity, term, posting in known:
        others: list[tuple[float, Mapping[int, int]]] = []
        for other in SYNONYMS.get(term, ()):
            asked.add(other)
            other_rarity = postings.rarity(other, tools)
            if other_rarity >= telling and (other_posting := postings.of(other)):
                others.append((_SYNONYM * min(rarity, other_rarity) * _UNIT, other_posting))
        sources.append((rarity, rarity * _UNIT, posting, others))
    rarities: dict[str, float] = {}
    scores: dict[int, float] = {}
    for number in candidates:
        score = covered = 0.0
        for rarity, unit, posting, others in sources:
            best = unit * posting[number] if number in posting else 0.0
            for other_unit, other in others:
                if number in other and (value := other_unit * other[number]) > best:
                    best = value
            if best:
                score += best
                covered += rarity
        total = matched = 0.0
        for term in names(number):
            if (weight := rarities.get(term)) is None:
                weight = rarities[term] = postings.rarity(term, tools)
            total += weight
            if term in asked:
                matched += weight
        score *= (covered / whole) ** _COVERAGE * (1 + matched / total if total else 1)
        if sure := named.get(number):
            score = (score + (_NAMED_BASE if sure == 1 else 0)) * (1 + _NAMED * sure)
        scores[number] = score
    return scores


def _telling(tools: int) -> float:
    return min(_TELLING, log(1 + tools) / 2)
