"""Finding what a ``$ref`` points at, within one schema document.

Nothing is ever fetched: a reference that leaves the document resolves to ``None``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote, urldefrag, urljoin

# Members whose content is data, not schemas: an "$id" in there means nothing.
_DATA = frozenset({"enum", "const", "default", "examples", "example"})
_MOST_NODES = 200_000


@dataclass(frozen=True, slots=True)
class Target:
    """A schema that a reference points at, the resource it lies in, and a name for it."""

    schema: Any
    resource: Mapping[str, Any]
    base: str
    name: str


class References:
    """The addresses in one document: JSON pointers, ``$anchor`` and ``$id``."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.base = _identifier(document) or ""
        self._index: dict[str, Target] | None = None

    def resolve(self, reference: str, resource: Mapping[str, Any], base: str) -> Target | None:
        """Return what ``reference`` means inside ``resource``, or ``None`` if it is not in here."""
        address, fragment = _split(reference)
        if address:
            absolute = _join(base, address)
            if absolute == self.base:
                resource, base = self.document, self.base
            else:
                found = self._addresses().get(absolute)
                if found is None:
                    return None
                resource, base = found.schema, found.base
        if fragment.startswith("/"):
            return _walk(resource, base, fragment)
        if fragment:
            return self._addresses().get(f"{base}#{fragment}")
        title: object = resource.get("title")
        return Target(resource, resource, base, title if isinstance(title, str) and title else "Root")

    def _addresses(self) -> dict[str, Target]:
        if self._index is None:
            self._index = {}
            for name, schema, resource, base in _subschemas(self.document, self.base):
                if schema is resource and base:
                    self._index.setdefault(base, Target(schema, resource, base, name))
                for key in ("$anchor", "$dynamicAnchor"):
                    anchor = schema.get(key)
                    if isinstance(anchor, str):
                        self._index.setdefault(f"{base}#{anchor}", Target(schema, resource, base, anchor))
                for key in ("$id", "id"):
                    anchor = schema.get(key)
                    if isinstance(anchor, str) and anchor.startswith("#"):
                        self._index.setdefault(f"{base}{anchor}", Target(schema, resource, base, anchor[1:]))
        return self._index


def scope(schema: Mapping[str, Any], resource: Mapping[str, Any], base: str) -> tuple[Mapping[str, Any], str]:
    """Return the resource and base address that hold inside ``schema``, which lies in ``resource``."""
    identifier = _identifier(schema)
    return (resource, base) if identifier is None else (schema, _join(base, identifier))


def _identifier(schema: Mapping[str, Any]) -> str | None:
    identifier = schema.get("$id")
    if not isinstance(identifier, str) or identifier.startswith("#"):
        return None
    return identifier.removesuffix("#")


def _split(reference: str) -> tuple[str, str]:
    try:
        address, fragment = urldefrag(reference)
    except ValueError:  # such as an unclosed bracket in the host
        return reference, ""
    return address, unquote(fragment)


def _join(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def _walk(resource: Mapping[str, Any], base: str, pointer: str) -> Target | None:
    schema: Any = resource
    name = ""
    for token in pointer[1:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, Mapping):
            members = cast("Mapping[str, Any]", schema)
            if name not in members:
                return None
            schema = members[name]
            if isinstance(schema, Mapping):
                resource, base = scope(cast("Mapping[str, Any]", schema), resource, base)
        elif isinstance(schema, list):
            entries = cast("list[Any]", schema)
            if not (name.isascii() and name.isdigit() and len(name) < 9 and int(name) < len(entries)):
                return None
            schema = entries[int(name)]
        else:
            return None
    return Target(schema, resource, base, name)


def _subschemas(
    document: Mapping[str, Any], base: str
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any], str]]:
    """Yield every object of the document with its name, resource and base, a bounded number of them."""
    pending: list[tuple[str, Any, Mapping[str, Any], str]] = [("Root", document, document, base)]
    for _ in range(_MOST_NODES):
        if not pending:
            return
        name, value, resource, base = pending.pop()
        if isinstance(value, Mapping):
            members = cast("Mapping[str, Any]", value)
            if members is not document:
                resource, base = scope(members, resource, base)
            yield name, members, resource, base
            pending.extend(
                (key, member, resource, base) for key, member in members.items() if key not in _DATA
            )
        elif isinstance(value, list):
            pending.extend((name, entry, resource, base) for entry in cast("list[Any]", value))
