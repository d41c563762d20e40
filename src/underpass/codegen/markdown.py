"""Other people's words in a page of Markdown: they stay words.

Headings, fences, rules, links, images, definitions and HTML lose their effect; lists, emphasis and short
code stay what they are. Plain text is not touched.
"""

from __future__ import annotations

import re

from underpass.codegen.text import clean, clean_line

_MARKS = re.compile(r"[<\]`~#=_*-]")
_LIST = r"(?:[>*+-][ ]|\d+[.)][ ])"
_HEADING = re.compile(rf"^((?:[ ]|{_LIST})*)(#{{1,6}}(?:[ ]|$))", re.MULTILINE)
_RULE = re.compile(rf"^((?:[ ]|{_LIST})*)((?:=+|(?:-[ ]*)+|(?:_[ ]*){{3,}}|(?:\*[ ]*){{3,}})$)", re.MULTILINE)
_FENCE = re.compile(r"`{3,}|~{3,}")
_TAG = re.compile(r"(\\*)<(?=[A-Za-z/!?])")
_LINK = re.compile(r"\](?=[(\[:])")


def inert(text: str, limit: int) -> str:
    """Return ``text`` as paragraphs of at most ``limit`` characters that bring no structure of their own."""
    shown = clean(text, limit)
    if not _MARKS.search(shown):
        return shown
    shown = _HEADING.sub(r"\1\\\2", shown)
    shown = _RULE.sub(r"\1\\\2", shown)
    return _inline(shown)


def inert_line(text: str, limit: int) -> str:
    """Return ``text`` as one line for the middle of a paragraph."""
    shown = clean_line(text, limit)
    return _inline(shown) if _MARKS.search(shown) else shown


def code(text: str) -> str:
    """Return ``text`` as code within a line."""
    return f"`{' '.join(text.split()).replace('`', chr(39))}`" if text.strip() else "` `"


def _inline(text: str) -> str:
    # What looks like a fence would take in the rest of the page.
    text = _FENCE.sub(lambda found: "'" * len(found[0]) if found[0][0] == "`" else "\\" + found[0], text)
    # An odd number of backslashes takes the meaning away already: one more would give it back.
    text = _TAG.sub(lambda found: found[0] if len(found[1]) % 2 else f"{found[1]}\\<", text)
    return _LINK.sub(r"]\\", text)
