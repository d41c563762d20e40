"""The schemas of the values that the tools return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_INTEGER: dict[str, Any] = {"type": "integer"}
_NUMBER: dict[str, Any] = {"type": "number"}
_OPTIONAL: dict[str, Any] = {"type": ["string", "null"]}


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(properties),
    }


def _list(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(item)}


def wrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of ``{"result": value}``."""
    return _object(result=schema)


DOCUMENTS = _list(
    _object(
        id={**_TEXT, "description": "Made of the file's path; the resource terraphim://ID is the document"},
        url={**_TEXT, "description": "The file's path"},
        title=_TEXT,
        body={**_TEXT, "description": "The whole file"},
        description={
            **_TEXT,
            "description": "Where the query first matches: one line, 200 characters at most",
        },
        tags=_list(_TEXT),
        rank={**_INTEGER, "description": "The higher, the better; comparable within one answer"},
        score={
            **_NUMBER,
            "description": "The rank over the best document's: 1.0 is the best",
            "minimum": 0,
            "maximum": 1,
        },
    )
)
_SUGGESTION: dict[str, Mapping[str, Any]] = {
    "term": _TEXT,
    "normalized_term": {**_TEXT, "description": "The concept that the term stands for"},
    "id": {**_INTEGER, "description": "The concept's number"},
    "url": _OPTIONAL,
    "score": _NUMBER,
}
SUGGESTIONS = _list(_object(**_SUGGESTION))
SNIPPETS = _list(
    _object(**_SUGGESTION, snippet={**_OPTIONAL, "description": "From the best document for the term"})
)
MATCHES = _list(
    _object(
        term={**_TEXT, "description": "The term as the knowledge graph has it"},
        normalized_term={**_TEXT, "description": "The concept that the term stands for"},
        id={**_INTEGER, "description": "The concept's number"},
        url=_OPTIONAL,
        start={**_INTEGER, "description": "Offset in UTF-8 bytes"},
        end=_INTEGER,
        start_char={**_INTEGER, "description": "Offset in characters"},
        end_char=_INTEGER,
    )
)
PARAGRAPHS = _list(_object(term=_TEXT, paragraph=_TEXT))
BUILT = _object(terms={**_INTEGER, "description": "How many terms the index has"}, role=_TEXT)
DESERIALIZED = _object(terms={**_INTEGER, "description": "How many terms the index has"}, name=_TEXT)
THESAURUS = _object(
    name=_TEXT,
    terms={**_INTEGER, "description": "How many terms there are"},
    preview={**_list(_object(term=_TEXT, normalized_term=_TEXT, id=_INTEGER, url=_OPTIONAL)), "maxItems": 10},
)
MESSAGES = _list(
    _object(
        type={**_TEXT, "enum": ["begin", "match", "context", "end", "summary"]},
        data={"type": "object"},
    )
)
UPDATED = _object(updated={"type": "boolean"}, roles=_list(_TEXT))
TEXT = _TEXT
TRUTH: dict[str, Any] = {"type": "boolean"}
