"""What a tool returns: a value for code, and the texts that terraphim's own server gives to people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_types import ContentBlock, EmbeddedResource, TextContent, TextResourceContents

from terraphim.autocomplete import Suggestion
from terraphim.documents import Document
from terraphim.matching import Match, Paragraph
from terraphim.ranking import Ranked
from terraphim.thesaurus import Thesaurus

SCHEME = "terraphim://"
_PREVIEW = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a call.

    Parameters:
        value: what code works with; it fits the tool's output schema.
        content: what people read.
        meta: more facts, for the result's ``_meta``.
    """

    value: Any
    content: Sequence[ContentBlock]
    meta: dict[str, Any] = field(default_factory=dict[str, Any])


def texts(lines: Iterable[str]) -> list[ContentBlock]:
    """One block for each text."""
    return [TextContent(type="text", text=line) for line in lines]


def resource_text(document: Document) -> str:
    """A document as people read it."""
    text = f"# {document.title}\n\n{document.body}"
    if document.tags:
        text += "\n\n**Tags:**\n\n" + "\n".join(f"- {tag}" for tag in document.tags)
    return text


def contents(document: Document) -> TextResourceContents:
    """A document as the contents of its resource."""
    return TextResourceContents(
        uri=SCHEME + document.id, mime_type="text/markdown", text=resource_text(document)
    )


def embedded(document: Document) -> EmbeddedResource:
    """A document as a part of a result."""
    return EmbeddedResource(type="resource", resource=contents(document))


def found_document(ranked: Ranked) -> dict[str, Any]:
    """A document with its rank."""
    document = ranked.document
    return {
        "id": document.id,
        "url": document.url,
        "title": document.title,
        "body": document.body,
        "description": document.description or "",
        "tags": list(document.tags),
        "rank": ranked.rank,
        "score": ranked.score,
    }


def suggestion(found: Suggestion) -> dict[str, Any]:
    """A suggested term."""
    return {
        "term": found.term,
        "normalized_term": found.normalized_term,
        "id": found.id,
        "url": found.url,
        "score": found.score,
    }


def match(found: Match) -> dict[str, Any]:
    """A term in a text."""
    return {
        "term": found.term,
        "normalized_term": found.concept.value,
        "id": found.concept.id,
        "url": found.concept.url,
        "start": found.start,
        "end": found.end,
        "start_char": found.start_char,
        "end_char": found.end_char,
    }


def paragraph(found: Paragraph) -> dict[str, Any]:
    """A term and the text behind it."""
    return {"term": found.term, "paragraph": found.text}


def thesaurus(loaded: Thesaurus, source: str) -> Answer:
    """A loaded thesaurus; ``source`` is where it came from, in words."""
    shown = list(loaded.terms.items())[:_PREVIEW]
    lines = [f"Successfully loaded thesaurus from {source} with {len(loaded)} terms", "Preview of terms:"]
    lines += [f"• {term} -> {concept.value}" for term, concept in shown]
    if len(loaded) > len(shown):
        lines.append(f"... and {len(loaded) - len(shown)} more terms")
    preview = [
        {"term": term, "normalized_term": concept.value, "id": concept.id, "url": concept.url}
        for term, concept in shown
    ]
    return Answer({"name": loaded.name, "terms": len(loaded), "preview": preview}, texts(lines))


def listed(names: Iterable[str]) -> str:
    """Names in brackets, each in quotes."""
    return json.dumps(list(names), ensure_ascii=False)
