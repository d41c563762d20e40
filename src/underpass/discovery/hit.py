"""What a search returns for one tool."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import documentation
from underpass.codegen.documentation import Detail, Language
from underpass.codegen.facts import ToolFacts
from underpass.codegen.observed import ObservedShape

_SUMMARY = 160
_SIGNATURE = 220
"""Characters; the last optional parameters are left out beyond them."""
_FULL_SIGNATURE = 2_000
_SENTENCE = re.compile(r"(?<=[.!?])\s")


@dataclass(frozen=True, slots=True)
class Hit:
    """One tool that a search found."""

    tool: ToolDefinition = field(repr=False)
    score: float
    """Comparable within one search only."""
    category: str
    capabilities: tuple[str, ...]
    also: tuple[str, ...] = ()
    """The ids of nearly equal tools of other servers, where a search was asked to collapse them."""
    observed: ObservedShape | None = field(default=None, repr=False)
    """What earlier results of the tool looked like, for its signature."""
    detail: Detail = "brief"
    """How much the search was asked to show."""
    fit: float = field(default=0.0, repr=False)
    """About 1 for one that has all words of the request: comparable with what other indexes find for it."""

    @property
    def id(self) -> str:
        """``server::name``."""
        return self.tool.id

    @property
    def server(self) -> str:
        """The server's name in the configuration."""
        return self.tool.server

    @property
    def name(self) -> str:
        """The tool's name in its server's listing."""
        return self.tool.name

    @property
    def summary(self) -> str:
        """The first sentence of the description, at most 160 characters."""
        return summary(self.tool.description)

    def signature(self, language: Language = "python") -> str:
        """Return how generated code calls the tool, in one line.

        Where it is long, ``…`` stands for optional parameters; ``detail="full"`` and the documentation
        have more of them.

        Parameters:
            language: ``"python"`` or ``"typescript"``.
        """
        longest = _SIGNATURE if self.detail == "brief" else _FULL_SIGNATURE
        return documentation.signature(self.tool, language, observed=self.observed, longest=longest)

    def documentation(self, language: Language = "python") -> str:
        """Return the tool's documentation as Markdown, about 600 tokens at most.

        Parameters:
            language: ``"python"`` or ``"typescript"``, of the signature and the example.
        """
        facts = ToolFacts(self.category, self.capabilities)
        return documentation.document(self.tool, language, facts=facts, observed=self.observed)

    def to_dict(self, language: Language = "python") -> dict[str, Any]:
        """The hit as a JSON object; the score rounded to three places.

        With ``detail="full"`` it has ``documentation`` as well.
        """
        shown: dict[str, Any] = {
            "id": self.id,
            "server": self.server,
            "name": self.name,
            "summary": self.summary,
            "signature": self.signature(language),
            "category": self.category,
            "capabilities": list(self.capabilities),
            "score": round(self.score, 3),
        }
        if self.detail == "full":
            shown["documentation"] = self.documentation(language)
        return shown | ({"also": list(self.also)} if self.also else {})


def summary(description: str) -> str:
    """Return the first sentence of ``description`` in one line of at most 160 characters."""
    paragraph = description.strip().partition("\n\n")[0]
    sentence = _SENTENCE.split(" ".join(paragraph.split()), maxsplit=1)[0]
    return sentence if len(sentence) <= _SUMMARY else sentence[: _SUMMARY - 1].rstrip() + "…"
