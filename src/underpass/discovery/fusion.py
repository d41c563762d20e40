"""One ranking of two: how well the words fit, and how near the meaning is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_MEANING = 0.5
"""The part of the meaning where the words fit well, or one server is asked …"""
_MEANING_ALONE = 0.9
"""… and where no tool has the words of the request."""
_FITS = 0.6
"""This share of what the words could score at best is a good fit."""
_LEAST = 0.15
"""What is less near, and shares no word with the request, has nothing to do with it."""


def share_of_meaning(best: float, ideal: float) -> float:
    """Return the weight of the meaning, from 0 to 1.

    A request in other words than the tools' has a low best score, from accidents; it decides little then.

    Parameters:
        best: the best score that words gave.
        ideal: what they give a tool that has all words; 0 where one server is asked.
    """
    fit = min(best / (ideal * _FITS), 1.0) if ideal else 1.0
    return _MEANING_ALONE - (_MEANING_ALONE - _MEANING) * fit


def fuse(
    words: Mapping[int, float],
    nearness: Callable[[int], float | None],
    *,
    usual: float,
    share: float,
) -> dict[int, float]:
    """Return a score from 0 to 1 for each tool of ``words`` that has to do with the request.

    Both rankings are brought to 1 at their best. A tool whose vector is missing is taken to mean as much
    as its words say.

    Parameters:
        words: scores of the words, with those of the nearest tools among them.
        nearness: how near a tool is, from -1 to 1; None if its vector is missing.
        usual: the mean similarity of all tools, which counts as nothing.
        share: the weight of the meaning.
    """
    best = max(words.values(), default=0.0) or 1.0
    similarities = {number: found for number in words if (found := nearness(number)) is not None}
    nearest = max(similarities.values(), default=usual) - usual or 1.0
    fused: dict[int, float] = {}
    for number, score in words.items():
        fit = meaning = score / best
        if (similarity := similarities.get(number)) is not None:
            if not score and similarity < _LEAST:
                continue
            meaning = (similarity - usual) / nearest
        fused[number] = (1 - share) * fit + share * meaning
    return fused


def unit_of(words: Mapping[int, float], ideal: float) -> float:
    """Return what a score of words is multiplied by, so that scores of different indexes compare.

    Parameters:
        ideal: the score of what has all words; the best one counts as having them, at most.
    """
    return 1 / max(ideal, max(words.values(), default=0.0)) if ideal else 0.0


def unit_of_both(
    words: Mapping[int, float], unit: float, nearness: Callable[[int], float | None], *, share: float
) -> float:
    """Return the same for a score of ``fuse``, which is about 1 at its best, however bad that is.

    Parameters:
        words, nearness, share: as for ``fuse``.
        unit: of the words.
    """
    nearest = max((found for number in words if (found := nearness(number)) is not None), default=0.0)
    return (1 - share) * max(words.values(), default=0.0) * unit + share * max(nearest, 0.0)
