"""Which servers a request names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from underpass.discovery.words import terms

# Parts of servers' names that tell none from another.
_GENERIC = frozenset(terms("mcp server servers npm pypi github com io ref all live tools the api ai"))
_CUE = r"(?:using|use|via|with|from|on|in|through|by|at)\s+(?:the\s+)?"
_RARE = 6.5
"""From this rarity on, a name of one word is taken for the server and not for the word."""
_CERTAIN = 9.0


class ServerNames:
    """The servers of an index by the words of their names."""

    def __init__(self) -> None:
        self._words: dict[str, frozenset[str]] = {}
        self._by_word: dict[str, set[str]] = {}

    def add(self, server: str) -> None:
        """Enter a server."""
        found = terms(server.rpartition("/")[2])
        words = frozenset(found) - _GENERIC or frozenset(found) or frozenset((server.casefold(),))
        self._words[server] = words
        for word in words:
            self._by_word.setdefault(word, set()).add(server)

    def remove(self, server: str) -> None:
        """Forget a server."""
        for word in self._words.pop(server):
            self._by_word[word].discard(server)

    def mentioned(
        self, query: str, found: Sequence[str], rarity: Callable[[str], float]
    ) -> Iterator[tuple[str, float]]:
        """Yield each server that a request names, and how surely, from 0 to 1.

        Parameters:
            query, found: the request, and its terms.
            rarity: how rare a term is among the tools.
        """
        present = set(found)
        text = query.casefold()
        seen: set[str] = set()
        for term in found:
            for server in self._by_word.get(term, ()):
                if server in seen:
                    continue
                seen.add(server)
                words = self._words[server]
                if words <= present:
                    name = server.casefold()
                    rare = sum(map(rarity, words))
                    if name in text and _is_distinct(name, text, words, rare):
                        yield server, 1.0
                    else:
                        yield server, 0.25 * min(rare / _CERTAIN, 1.0)


def _is_distinct(name: str, text: str, words: frozenset[str], rare: float) -> bool:
    if len(words) > 1 or not name.isalpha() or rare >= _RARE:
        return True
    return (
        re.search(rf"{_CUE}{re.escape(name)}(?!\w)|(?<!\w){re.escape(name)}(?::|\s+server)", text) is not None
    )
