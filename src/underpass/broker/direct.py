"""What a direct tool-calling loop would have put through the model's context, for honest accounting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import anyio.to_thread
import orjson

HELD_CHARACTERS = 4 * 1024 * 1024
"""Text kept until someone asks for the count; what comes after is counted at once and let go."""

CREDITED_TOKENS = 25_000
"""Of each call and result at most so many count as kept out of a context: clients cut what is longer."""

Count = Callable[[str], int]
"""Counts the tokens of a text."""
ToolName = tuple[str, str]
"""A server and one of its tools."""


class DirectTexts:
    """The calls and results of one run, as the protocol would have shown them to a model.

    Nothing is counted while the texts are few, so that a run does not wait for it.
    """

    def __init__(self, count: Count) -> None:
        self._count = count
        self._texts: list[str] = []
        self._of: list[ToolName | None] = []
        self._held = 0
        self._counted = 0
        self.calls = 0
        """Of what is counted: the tokens of calls, ``CREDITED_TOKENS`` of each at most."""
        self.credited: dict[ToolName, int] = {}
        """Of what is counted: the tokens of each tool's results, ``CREDITED_TOKENS`` of each at most."""

    @property
    def texts(self) -> Sequence[str]:
        """The texts that are still held, in the order of the calls."""
        return self._texts

    def tokens(self) -> int:
        """Count the tokens of all texts. Takes a while for megabytes; the held texts are let go."""
        for text, tool in zip(self._texts, self._of, strict=True):
            self._add(self._count(text), tool)
        self._texts.clear()
        self._of.clear()
        self._held = 0
        return self._counted

    async def add(self, text: str, result_of: ToolName | None = None) -> None:
        """Add one text: the result of a tool, or by default a call."""
        if self._held + len(text) <= HELD_CHARACTERS:
            self._texts.append(text)
            self._of.append(result_of)
            self._held += len(text)
        else:
            # Megabytes take seconds to count, and other runs share this event loop.
            self._add(await anyio.to_thread.run_sync(self._count, text), result_of)

    def _add(self, tokens: int, tool: ToolName | None) -> None:
        self._counted += tokens
        if tool is None:
            self.calls += min(tokens, CREDITED_TOKENS)
        else:
            self.credited[tool] = self.credited.get(tool, 0) + min(tokens, CREDITED_TOKENS)


def call_text(tool: str, arguments: bytes) -> str:
    """What a model writes to call a tool directly."""
    return f'{{"name":{orjson.dumps(tool).decode()},"arguments":{arguments.decode()}}}'


def result_text(content: Sequence[Mapping[str, Any]], structured: Any, *, has_structured: bool) -> str:
    """What a model reads of a result: its text, or its structured content when there is no text.

    Images and sounds count nothing: what they cost differs by model.
    """
    texts = [_block_text(block) for block in content]
    if has_structured and not any(texts):
        return orjson.dumps(structured).decode()
    return "\n".join(text for text in texts if text)


def _block_text(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block.get("text", ""))
        case "image" | "audio":
            return ""
        case "resource":
            resource = block.get("resource")
            text = cast("Mapping[str, Any]", resource).get("text") if isinstance(resource, Mapping) else ""
            return text if isinstance(text, str) else ""
        case _:
            return orjson.dumps(block).decode()
