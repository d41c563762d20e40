"""Whether a function's code has the answer of a run that it was made of, instead of the way to it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, Final

from underpass.skills.promotion.places import key_of, leaves
from underpass.skills.skill import Case

SHORTEST_TEXT: Final = 4
"""Characters from which a text of a result says something."""
SMALLEST_NUMBER: Final = 100
"""Smaller numbers are everywhere."""
SHARE: Final = 0.5
"""The share of a result from which it is its answer: more than this of its scalars, or of its characters."""
_COMPARED: Final = 4_000
"""Characters of two texts that are compared."""
_LONG: Final = 20
"""Characters of a text from which a part of it can give it away."""


def answers_in(literals: Sequence[Any], cases: Sequence[Case]) -> str | None:
    """Return what gives a case's result away among the literals of a skill's code; None where nothing does.

    What a program hands to its tools are its inputs: a result may repeat them.

    Parameters:
        literals: of the code, its parameters' defaults among them.
        cases: the runs that it was made of.
    """
    known = {key_of(each): each for literal in literals for each in (literal, *leaves(literal))}
    for case in cases:
        given = {key_of(each) for call in case.calls for each in leaves(call.arguments)}
        if type(case.result) in {list, dict} and case.result and key_of(case.result) in known:
            return "a literal of the code is the result of its run"
        told = [each for each in leaves(case.result) if key_of(each) not in given]
        telling = [each for each in told if _says_something(each)]
        found = [each for each in telling if _is_in(each, known)]
        if found and len(found) > SHARE * len(told):
            return f"{len(found)} of {len(told)} values of a run's result stand in the code"
    return None


def _says_something(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.strip()) >= SHORTEST_TEXT
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= SMALLEST_NUMBER


def _is_in(value: Any, known: dict[bytes, Any]) -> bool:
    if key_of(value) in known:
        return True
    return isinstance(value, str) and any(_gives_away(each, value) for each in known.values())


def _gives_away(literal: Any, value: str) -> bool:
    if not isinstance(literal, str) or len(literal) < SHORTEST_TEXT:
        return False
    if len(value) < _LONG:
        return value in literal
    first, second = literal[:_COMPARED], value[:_COMPARED]
    longest = SequenceMatcher(None, first, second, autojunk=False).find_longest_match()
    return longest.size > SHARE * len(second)
