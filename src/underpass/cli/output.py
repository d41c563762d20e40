"""How commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from underpass.errors import UnderpassError

if TYPE_CHECKING:
    from rich.status import Status
    from rich.table import Table

# Control characters can rewrite what a terminal shows: servers and programs must not send them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return ``text`` with control characters written out, except newline and tab."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text.replace("\r\n", "\n"))


def text(content: str, style: str = "") -> Text:
    """Return foreign text for rich: no markup, no control characters."""
    return Text(plain(content), style=style)


def out() -> Console:
    """A console on stdout; plain and wide when that is no terminal."""
    return _console(sys.stdout)


def err() -> Console:
    """A console on stderr."""
    return _console(sys.stderr)


def _console(file: Any) -> Console:
    # In a pipe a line belongs to one row: rich would wrap it at 80.
    return Console(file=file, highlight=False, width=None if file.isatty() else 160, soft_wrap=False)


def highlighted(code: str, language: str, *, line_numbers: bool = False) -> Syntax:
    """Return code in the terminal's own colours, which its owner chose to be readable."""
    return Syntax(
        plain(code),
        language,
        theme="ansi_dark",
        background_color="default",
        line_numbers=line_numbers,
        word_wrap=True,
    )


def table(*headings: str) -> Table:
    """Return an empty table without lines; a heading that begins with ``>`` is of a column of numbers."""
    from rich.table import Table  # few commands show one

    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in headings:
        justify = "right" if heading[0] == ">" else "left"
        made.add_column(heading.lstrip(">"), overflow="fold", justify=justify)
    return made


def print_json(value: Any) -> None:
    """Print one JSON object, in UTF-8 whatever the locale."""
    shown = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(shown.encode("utf-8", "backslashreplace"))


def show_error(error: UnderpassError) -> None:
    """Print an error and what to do about it on stderr."""
    console = err()
    console.print(Text.assemble(("error: ", "bold red"), plain(error.message)), soft_wrap=True)
    if error.hint:
        console.print(Text.assemble(("hint: ", "bold"), plain(error.hint)), soft_wrap=True)


@contextmanager
def progress(message: str) -> Generator[Status | None]:
    """Show that something long is going on, on stderr and only to a terminal."""
    console = err()
    if not console.is_terminal:
        yield None
        return
    with console.status(message) as status:
        yield status
