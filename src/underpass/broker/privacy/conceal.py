"""Puts tokens in the place of what is personal in a value, and values in the place of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from underpass.broker.privacy.detect import Detector, Span, TooMuch, apart
from underpass.broker.privacy.fields import Fields
from underpass.broker.privacy.kinds import TOKEN, TOKEN_BYTES, Found, Value, canonical
from underpass.broker.privacy.names import Literals
from underpass.broker.privacy.rewrite import Rewriter

MOST: Final = 200_000
"""Different personal values in one result: more take too long, and fill the vault."""
_SHORTEST: Final = 4
"""Characters of a value that was given out and is found inside of a text; shorter ones are everywhere."""
_SMALL: Final = 10_000
"""Numbers below it are everywhere, too."""
_BETWEEN: Final = "\0"

MakeTokens = Callable[[Sequence[Value]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Echoes:
    """Values that a tool was given for tokens, and may send back."""

    texts: Mapping[str, str]
    """The tokens of texts."""
    words: frozenset[str]
    """Those of the texts that may well be the names of fields, and are not looked for there."""
    numbers: Mapping[int | float, str]
    """The tokens of numbers; small ones are left out."""


class Concealer:
    """Conceals what is personal in values.

    Parameters:
        detector: knows what is personal.
        search: whether all texts are searched for it; otherwise only fields and echoes count.
        fields: whose whole values are personal.
        echoes: what was given out.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        search: bool,
        fields: Fields | None = None,
        echoes: Echoes | None = None,
    ) -> None:
        self._detector = detector
        self._search = search
        self._fields = fields
        self._echoes = echoes
        self._literals: Literals | None = None
        self._literals_of_keys: Literals | None = None
        if echoes is not None:
            longer = {text: token for text, token in echoes.texts.items() if len(text) >= _SHORTEST}
            self._literals = Literals(longer)
            self._literals_of_keys = Literals(
                {text: token for text, token in longer.items() if text not in echoes.words}
            )

    def conceal(self, value: Any, tokens: MakeTokens) -> Any:
        """Return the value with tokens; the same object where nothing is personal.

        Parameters:
            tokens: gives the tokens of values.

        Raises:
            TooMuch: it would take too long.
        """
        texts: dict[str, str] = {}
        keys: dict[str, str] = {}
        leaves: dict[tuple[str, Any], Value] = {}
        reads_texts = self._search or self._echoes is not None

        def note_leaf(leaf: Any) -> None:
            if (key := _key(leaf)) not in leaves:
                leaves[key] = Value(self._leaf(leaf), leaf)

        Rewriter(
            (lambda text: texts.setdefault(text, text)) if reads_texts else None,
            key=(lambda key: keys.setdefault(key, key)) if reads_texts else None,
            field=note_leaf,
            fields=self._fields,
        ).of(value)
        in_texts = self._spans(_BETWEEN.join(texts), self._literals)
        in_keys = self._spans(_BETWEEN.join(keys), self._literals_of_keys)
        if not (leaves or in_texts or in_keys or self._echoes is not None):
            return value
        wanted = {leaf.found: leaf for leaf in leaves.values()}
        for part in (*in_texts, *in_keys):
            if part.value is not None:
                wanted.setdefault(part.value.found, part.value)
        if len(wanted) > MOST:
            raise TooMuch
        made = dict(zip(wanted, tokens(list(wanted.values())), strict=True))
        _replace(texts, in_texts, made)
        _replace(keys, in_keys, made)
        numbers: Mapping[int | float, str] = {}
        if self._echoes is not None:
            numbers = self._echoes.numbers
            texts |= {text: token for text, token in self._echoes.texts.items() if text in texts}
        return Rewriter(
            texts.__getitem__ if reads_texts else None,
            key=keys.__getitem__ if reads_texts else None,
            number=(lambda number: numbers.get(number, number)) if numbers else None,
            field=lambda leaf: made[leaves[_key(leaf)].found],
            fields=self._fields,
        ).of(value)

    def _leaf(self, leaf: Any) -> Found:
        """What a field's value is: what it would be in a text, else its kind is ``value``."""
        found = self._detector.whole(leaf) if isinstance(leaf, str) else None
        return Found("value", orjson.dumps(leaf).decode()) if found is None else found

    def _spans(self, text: str, literals: Literals | None) -> list[_Part]:
        """What is personal in the text."""
        found = self._detector.find(text) if self._search and text else []
        if literals is None:
            return [
                _Part(span.start, span.end, Value(span.found, text[span.start : span.end])) for span in found
            ]
        echoed = {(start, end): token for start, end, token in literals.find(text)}
        both = [Span(start, end, _NOTHING) for start, end in echoed] + found
        return [
            _Part(span.start, span.end, None, token)
            if (token := echoed.get((span.start, span.end))) is not None
            else _Part(span.start, span.end, Value(span.found, text[span.start : span.end]))
            for span in apart(text, both)
        ]


class _Part(NamedTuple):
    """A part of a text that is personal: a value, or what has a token already."""

    start: int
    end: int
    value: Value | None
    token: str = ""


_NOTHING: Final = Found("value", "")


def _replace(texts: dict[str, str], parts: Sequence[_Part], made: Mapping[Found, str]) -> None:
    """Put tokens into the ``texts``; the ``parts`` are of all of them, joined."""
    if not parts:
        return
    upcoming = iter(parts)
    current = next(upcoming, None)
    begin = 0
    for text in texts:
        end = begin + len(text)
        if current is not None and current.start < end:
            pieces: list[str] = []
            seen = begin
            while current is not None and current.start < end:
                token = current.token if current.value is None else made[current.value.found]
                pieces += (text[seen - begin : current.start - begin], token)
                seen = current.end
                current = next(upcoming, None)
            pieces.append(text[seen - begin :])
            texts[text] = "".join(pieces)
        begin = end + len(_BETWEEN)


def _key(leaf: Any) -> tuple[str, Any]:
    # True, 1 and 1.0 are equal in Python.
    return type(leaf).__name__, leaf


def tokens_in(encoded: bytes) -> set[str]:
    """Return the tokens that may be in arguments, as they were made."""
    return {canonical(match.decode()) for match in TOKEN_BYTES.findall(encoded)}


def restored(value: Any, values: Mapping[str, Any]) -> Any:
    """Return arguments with ``values`` in the place of their tokens.

    A text that is a token becomes its value, a number where it was one; inside of a longer text, and in the
    key of an object, it becomes the value's text.
    """

    def part(text: str) -> str:
        return TOKEN.sub(lambda match: _text(values.get(canonical(match[0]), match[0])), text)

    def whole(text: str) -> Any:
        if TOKEN.fullmatch(text):
            return values.get(canonical(text), text)
        return part(text)

    return Rewriter(whole, key=part).of(value)


def echoes(values: Mapping[str, Any]) -> Echoes | None:
    """Return what a tool may send back that was given ``values`` for their tokens; None for nothing."""
    texts = {text: token for token, value in values.items() if (text := _text(value))}
    numbers = {
        value: token
        for token, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _SMALL
    }
    words = frozenset(
        text for text, token in texts.items() if text.isidentifier() and token.startswith("VALUE_")
    )
    return Echoes(texts, words, numbers) if texts else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
