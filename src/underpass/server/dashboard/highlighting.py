"""Programs with their parts marked by classes; the style sheet says how those look."""

from __future__ import annotations

from typing import Any, Final, cast

import pygments.formatters
import pygments.lexers
from markupsafe import Markup
from pygments import highlight

# The options of both are not typed.
_LEXERS: Final = cast("Any", pygments.lexers)
_FORMATTERS: Final = cast("Any", pygments.formatters)
_LONGEST: Final = 200_000
"""Characters from which a program is shown plain."""


def highlighted(code: str, language: str) -> Markup:
    """Return a program as HTML, one element for each line.

    Parameters:
        language: ``python`` or ``typescript``.
    """
    lexer = _LEXERS.get_lexer_by_name(
        language if len(code) <= _LONGEST else "text", stripnl=False, ensurenl=False
    )
    formatter = _FORMATTERS.HtmlFormatter(nowrap=True, classprefix="h-")
    # Pygments escapes what it is given; the test of hostile programs holds it to that.
    lines = highlight(code, lexer, formatter).removesuffix("\n").split("\n")
    return Markup("\n").join(Markup('<span class="line">{}</span>').format(Markup(line)) for line in lines)  # noqa: S704
