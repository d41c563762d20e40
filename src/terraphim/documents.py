"""A document as haystacks deliver it and rankings order it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a haystack.

    Parameters:
        id: unique in its index; ties in a ranking are decided by it.
        url: where the document is; a path or an address.
        title: shown to people; for a file its stem.
        body: the whole text.
        description: a line about it, if there is one.
        summarization: a longer summary, if there is one.
        stub: a few words that stand for it, if there are any.
        tags: labels, in their order.
    """

    id: str
    url: str
    title: str
    body: str
    description: str | None = None
    summarization: str | None = None
    stub: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def graph_text(self) -> str:
        """The text whose concepts a role graph connects."""
        parts = [self.title, self.body]
        if self.description is not None:
            parts.append(self.description)
        if self.summarization is not None and self.summarization != self.description:
            parts.append(self.summarization)
        return " ".join(parts)
