"""The skills in a few lines, for a model that is told of them at the start."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from underpass.discovery.hit import summary
from underpass.discovery.words import is_stop_word
from underpass.metrics import tokens
from underpass.skills.search.view import server_of
from underpass.skills.skill import SkillEntry

_HEAD: Final = "Skills, to import (`from skills import NAME`):"
_OTHERS: Final = "other"
_WORDS: Final = 6
# A few lowercase words without the small ones, sorted, are no sentence of somebody else's.
_WORD: Final = re.compile(r"[a-z]{2,16}", re.ASCII)
_SERVER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)


def catalog_text(entries: Sequence[SkillEntry], servers: Collection[str], most: int) -> str:
    """Return a line for each skill, below the name of the first server that it calls.

    Parameters:
        entries: the most important first; the last ones are left out where there is no room.
        servers: the names of the configured servers.
        most: tokens of the whole text.
    """
    if not entries:
        return ""
    # Each line has two tokens at least.
    shown = list(entries[: max(most // 2, 0)])
    sizes = [tokens.count(f"{_line(entry)}\n") for entry in shown]
    while shown and sum(sizes) > most:
        shown.pop()
        sizes.pop()
    while shown:
        text = _text(shown, servers, len(entries) - len(shown))
        if tokens.count(text) <= most:
            return text
        shown.pop()
    text = f"{len(entries)} skills: search_skills finds them"
    return text if tokens.count(text) <= most else ""


def plain_words(description: str) -> str:
    """Return the first telling words of a description that are plain, sorted: they are no sentence."""
    words = re.findall(r"\S+", summary(description).lower())
    plain = (word.strip(".,;:()'\"`") for word in words)
    kept = [word for word in plain if _WORD.fullmatch(word) and not is_stop_word(word)]
    return " ".join(sorted(list(dict.fromkeys(kept))[:_WORDS]))


def _text(entries: Sequence[SkillEntry], servers: Collection[str], left_out: int) -> str:
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(_group(entry, servers), []).append(_line(entry))
    lines = [_HEAD]
    for group in sorted(groups, key=lambda name: (name == _OTHERS, name)):
        lines += [f"# {group}", *sorted(groups[group])]
    if left_out:
        lines.append(f"and {left_out} more: search_skills finds them")
    return "\n".join(lines)


def _line(entry: SkillEntry) -> str:
    name = entry.name if entry.language == "typescript" else entry.name.replace("-", "_")
    words = plain_words(entry.description)
    return f"{name}: {words}" if words else name


def _group(entry: SkillEntry, servers: Collection[str]) -> str:
    named = (server_of(tool, servers) for tool in entry.tools)
    return next((server for server in named if server and _SERVER.fullmatch(server)), _OTHERS)
