"""A thesaurus: the terms of a field, and the concept that each of them names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import anyio.to_thread
import orjson

from terraphim.errors import ThesaurusInvalid
from terraphim.loading import Limits, contents

__all__ = ["Concept", "Limits", "Thesaurus", "load"]

_ID_END = 2**64
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Concept:
    """What a term means.

    Parameters:
        id: the concept's number, 0 to 2**64-1; several terms share it.
        value: its normalised name (``nterm`` in the JSON format).
        url: a page about it, if there is one.
        display_value: how to write it, where that differs from ``value``.
    """

    id: int
    value: str
    url: str | None = None
    display_value: str | None = None

    @property
    def text(self) -> str:
        """What stands in a text in place of a term: the display value, or else the name."""
        return self.value if self.display_value is None else self.display_value


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Thesaurus:
    """Terms and their concepts; compared by identity, because an automaton is kept for each.

    Parameters:
        name: the thesaurus's name.
        terms: term to concept, in the document's order; do not change it afterwards.
    """

    name: str
    terms: Mapping[str, Concept] = field(repr=False)

    def __len__(self) -> int:
        return len(self.terms)

    @classmethod
    def from_json(cls, document: str | bytes | Mapping[str, Any]) -> Thesaurus:
        """Read ``{"name": …, "data": {term: {"id": …, "nterm": …, "url"?, "display_value"?}}}``.

        Unknown fields are ignored. Raises ThesaurusInvalid, which names the place in the document.
        """
        top = _object(_parsed(document), "$")
        name = _text(top, "name", "$")
        data = _object(_required(top, "data", "$"), "data")
        return cls(name, {term: _concept(entry, term) for term, entry in data.items()})

    def to_json(self) -> str:
        """The same thesaurus in the JSON format, keys in order."""
        data: dict[str, dict[str, Any]] = {}
        for term, concept in self.terms.items():
            entry: dict[str, Any] = {"id": concept.id, "nterm": concept.value}
            if concept.url is not None:
                entry["url"] = concept.url
            if concept.display_value is not None:
                entry["display_value"] = concept.display_value
            data[term] = entry
        return orjson.dumps({"name": self.name, "data": data}).decode()


async def load(location: str, *, limits: Limits = _DEFAULT_LIMITS) -> Thesaurus:
    """Load a thesaurus from a local file or an ``https`` address.

    Raises:
        ThesaurusUnavailable: it cannot be read, is no https address, or is over a limit.
        ThesaurusInvalid: its content is malformed.
    """
    content = await contents(location, limits)
    return await anyio.to_thread.run_sync(Thesaurus.from_json, content)


def _parsed(document: str | bytes | Mapping[str, Any]) -> Any:
    if isinstance(document, Mapping):
        return document
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise ThesaurusInvalid(f"The thesaurus is no JSON: {error}.", path="$") from error


def _concept(value: Any, term: str) -> Concept:
    path = f"data[{orjson.dumps(term).decode()}]"
    entry = _object(value, path)
    number = _required(entry, "id", path)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _ID_END:
        raise _wrong(f"{path}.id", "a whole number from 0 to 2**64-1", number)
    return Concept(
        id=number,
        value=_text(entry, "nterm", path),
        url=_optional_text(entry, "url", path),
        display_value=_optional_text(entry, "display_value", path),
    )


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(path, "an object", value)
    return cast("Mapping[str, Any]", value)


def _required(entry: Mapping[str, Any], key: str, path: str) -> Any:
    try:
        return entry[key]
    except KeyError:
        raise ThesaurusInvalid(
            f"missing field `{key}` in {path}.",
            hint='A thesaurus is {"name": …, "data": {term: {"id": …, "nterm": …}}}.',
            path=key if path == "$" else f"{path}.{key}",
        ) from None


def _text(entry: Mapping[str, Any], key: str, path: str) -> str:
    value = _required(entry, key, path)
    if not isinstance(value, str):
        raise _wrong(key if path == "$" else f"{path}.{key}", "a string", value)
    return value


def _optional_text(entry: Mapping[str, Any], key: str, path: str) -> str | None:
    return None if entry.get(key) is None else _text(entry, key, path)


def _wrong(path: str, wanted: str, value: Any) -> ThesaurusInvalid:
    found = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    kind = found.get(cast("type[Any]", type(value)), "a number")
    shown = f" ({value})" if isinstance(value, int | float) and not isinstance(value, bool) else ""
    return ThesaurusInvalid(f"{path} must be {wanted}, and is {kind}{shown}.", path=path)
