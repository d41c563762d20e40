"""Files of ``NAME=value`` lines, as an entry's ``envFile`` names one."""

from __future__ import annotations

import re

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>[^\r\n]*))""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_file(text: str) -> dict[str, str]:
    r"""Return the variables of a file's text; the last of a name counts.

    Values may stand in single quotes, or in double quotes with ``\n``, ``\r``, ``\t``, ``\"`` and ``\\``;
    both may go over several lines. ``#`` begins a comment at the start of a line and, outside quotes,
    after a blank. Nothing is expanded. Other lines are passed over.
    """
    found: dict[str, str] = {}
    for line in _LINE.finditer(text):
        if (quoted := line["double"]) is not None:
            value = _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), quoted)
        elif line["single"] is not None:
            value = line["single"]
        else:
            value = _COMMENT.sub("", line["bare"]).strip()
        found[line["name"]] = value
    return found
