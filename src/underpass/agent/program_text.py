"""Finds the program in what a model wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

import orjson
from markdown_it import MarkdownIt

from underpass.codegen.calls import Language

_LANGUAGES: Final[tuple[Language, ...]] = ("python", "typescript")
_NAMES: Final[dict[str, Language]] = {
    "python": "python",
    "py": "python",
    "python3": "python",
    "typescript": "typescript",
    "ts": "typescript",
    "javascript": "typescript",
    "js": "typescript",
}
"""What models write behind the fence, and the language that it is."""

_TAGGED: Final = re.compile(r"<tool_call>\s*(\{.*?\})\s*(?:</tool_call>|\Z)", re.DOTALL)
"""How many open models write a call where their server does not read it."""
_DATA: Final = ("json", "tool_call")
_ARGUMENTS: Final = ("arguments", "parameters", "input")


@dataclass(frozen=True, slots=True)
class ProgramText:
    """A program as a model wrote it."""

    code: str
    language: Language


def find_program(text: str, language: Language) -> ProgramText | None:
    """Return the program in a text of Markdown, or None.

    All blocks of one language are one program: what one defines, the next uses. A block without a
    language counts as one of ``language`` where nothing else is there; blocks of data, of a shell or of
    output are no program. A call of a function that the model has written as text, because nobody told it
    how to make one, gives its argument ``code``.

    Parameters:
        text: what the model wrote.
        language: the one that it was told to write; its blocks are taken before others.
    """
    blocks = list(_blocks(text))
    for wanted in sorted(_LANGUAGES, key=lambda each: each != language):
        if found := [code for name, code in blocks if _NAMES.get(name) == wanted]:
            return ProgramText("\n".join(found), wanted)
    written = [*_TAGGED.findall(text), *(code for name, code in blocks if name in _DATA), text]
    if called := next(filter(None, map(_argument, written)), None):
        return ProgramText(called, language)
    if plain := [code for name, code in blocks if not name]:
        return ProgramText("\n".join(plain), language)
    return None


def _argument(text: str) -> str | None:
    """Return the argument ``code`` of a call that is written as JSON, or None."""
    if '"code"' not in text:
        return None
    try:
        call: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(call, dict):
        return None
    members = cast("dict[str, object]", call)
    given = next((members[name] for name in _ARGUMENTS if isinstance(members.get(name), dict)), members)
    code = cast("dict[str, object]", given).get("code")
    return code if isinstance(code, str) and code.strip() else None


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.content.strip():
            name = token.info.split(maxsplit=1)[0].lower() if token.info.strip() else ""
            yield name, token.content
