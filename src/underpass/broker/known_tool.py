"""A tool ready to be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from underpass.broker.arguments import ArgumentValidator
from underpass.broker.call import ToolPrivacy
from underpass.broker.resources import Answer
from underpass.catalog import ToolDefinition


@dataclass(frozen=True, slots=True)
class KnownTool:
    """A definition, and what is done with calls of it."""

    definition: ToolDefinition
    validator: ArgumentValidator
    observe: Callable[[object], None]
    answer: Answer | None = None
    """Makes the request, where it is no tool but a request for resources or prompts."""
    digest: str = ""
    """Of the definition; a request has none."""
    privacy: ToolPrivacy | None = None
    """What is done about its personal data."""

    @property
    def idempotent(self) -> bool:
        """Whether a second call with the same arguments changes nothing, by the server's own word."""
        hints = self.definition.annotations
        return self.answer is not None or True in (hints.get("readOnlyHint"), hints.get("idempotentHint"))
