"""Where a setting stands in its file: the TOML reader does not tell."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]")
_KEY: Final = re.compile(r"""\s*([A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*=""")


def line_of(text: str, setting: str) -> int | None:
    """Return the line of a setting, counted from 1, or else of the nearest table that it is in.

    Parameters:
        setting: its dotted name; the second table of a list is ``policy.rules[2]``.
    """
    found: dict[str, int] = {}
    tables: Counter[str] = Counter()
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = ".".join(part.strip(" \t\"'") for part in header[2].split("."))
            if header[1] == "[[":
                tables[table] += 1
                table = f"{table}[{tables[table]}]"
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            name = key[1].strip("\"'")
            found.setdefault(f"{table}.{name}" if table else name, number)
    while setting not in found and setting:
        parent = setting.rpartition(".")[0]
        # ``rules = [{…}]`` has no header for each.
        setting = setting.rpartition("[")[0] if "[" in setting[len(parent) :] else parent
    return found.get(setting)
