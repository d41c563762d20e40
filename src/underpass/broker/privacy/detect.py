"""Finds e-mail addresses, telephone numbers, cards, bank accounts and names in a text, in linear time."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from underpass.broker.privacy.kinds import TOKEN, Found
from underpass.broker.privacy.names import Names
from underpass.broker.privacy.phones import (
    INTERNATIONAL,
    NATIONAL,
    international,
    is_surely_none,
    national,
    without_dates,
)


class Span(NamedTuple):
    """Where a text has something personal."""

    start: int
    end: int
    found: Found


_LONGEST_LOCAL: Final = 64
# The standard knows more signs, which in texts are punctuation before an address: `?to=ada@example.org`.
_LOCAL: Final = re.compile(r"[\w.+'-]{1,64}+\Z")
_NOBODY: Final = "git"
"""Of `git@github.com:team/repository`."""
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN: Final = rf"((?:{_LABEL}\.){{1,8}}(?:xn--[\w-]{{2,59}}|[^\W\d_]{{2,24}}))"
_AT: Final = re.compile(f"@{_DOMAIN}")
_QUOTED_AT: Final = re.compile(f"%40{_DOMAIN}")

# What is looked behind for comes after the first character: so the search for that one is fast.
_CARD: Final = re.compile(
    r"[2-6](?<![\w][2-6])(?<!\d[.,][2-6])"
    r"(?:\d{3}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{3}[ -]\d{6}[ -]\d{5}|\d{12,18})(?![\w])"
)
_ISSUERS: Final = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[689])|35|6(?:011|4[4-9]|5|[23]|7)|50|5[6-8]"
)
_IBAN: Final = re.compile(r"[A-Za-z](?<![^\W_][A-Za-z])[A-Za-z]\d\d[ -]?[0-9A-Za-z]{4}", re.ASCII)
_IBAN_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC",
        32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Characters of an account number, by country."""


class TooMuch(Exception):
    """There is more in a text than can be looked at in seconds."""


MOST_ROWS: Final = 200_000
"""Different rows of digits in one text that begin as an international telephone number does."""
MOST_DOUBTFUL: Final = 100_000
"""The same that may have one of the country in them: each takes 0.1 ms."""


class Detector:
    """Finds what is personal in texts.

    Parameters:
        kinds: what is looked for.
        names: of people, as whole words in any case of letters.
        region: the country whose telephone numbers are known without its prefix; empty for none.

    Safe to be used in several threads at once.
    """

    def __init__(self, kinds: Collection[str], names: Collection[str], region: str) -> None:
        self._kinds = frozenset(kinds)
        self._region = region or None
        self._names = Names(names) if names and "name" in self._kinds else None

    def find(self, text: str) -> list[Span]:
        """Return what is personal, in order.

        Raises:
            TooMuch: it would take too long.
        """
        found: list[Span] = []
        if "email" in self._kinds:
            found += _emails(text)
        if "iban" in self._kinds:
            found += _ibans(text)
        if "card" in self._kinds:
            found += _cards(text)
        if "phone" in self._kinds:
            found += self._phones(text)
        if self._names is not None:
            found += [
                Span(start, end, Found("name", text[start:end])) for start, end in self._names.find(text)
            ]
        return apart(text, found) if found else found

    def whole(self, text: str) -> Found | None:
        """Return what a text is as a whole; None where it is none of all this. Raises ``TooMuch``."""
        spans = self.find(text)
        return spans[0].found if spans and (spans[0].start, spans[0].end) == (0, len(text)) else None

    def _phones(self, text: str) -> list[Span]:
        """Telephone numbers that exist, by the numbering plans of all countries."""
        found: list[Span] = []
        if "+" in text or "00" in text:
            known: dict[str, tuple[int, str] | None] = {}
            for match in INTERNATIONAL.finditer(text):
                if (window := match[0]) not in known:
                    if len(known) >= MOST_ROWS:
                        raise TooMuch
                    known[window] = international(window)
                if (number := known[window]) is not None:
                    found.append(Span(match.start(), match.start() + number[0], Found("phone", number[1])))
        if self._region is not None:
            found += _nationals(text, self._region, found)
        return found


def _nationals(text: str, region: str, taken: Sequence[Span]) -> Iterator[Span]:
    """Numbers without a country's prefix, beside those that have one."""
    known: dict[str, list[tuple[int, int, str]]] = {}
    doubtful = upcoming = 0
    for match in NATIONAL.finditer(without_dates(text)):
        while upcoming < len(taken) and taken[upcoming].end <= match.start():
            upcoming += 1
        if upcoming < len(taken) and taken[upcoming].start < match.end():
            continue
        if (window := match[0]) not in known:
            if is_surely_none(window, region):
                known[window] = []
            else:
                doubtful += 1
                if doubtful > MOST_DOUBTFUL:
                    raise TooMuch
                known[window] = national(window, region)
        for start, end, normal in known[window]:
            yield Span(match.start() + start, match.start() + end, Found("phone", normal))


def apart(text: str, spans: list[Span]) -> list[Span]:
    """Return the ``spans`` of a text so that none overlap.

    One inside of another one is left out, as is one that overlaps a token. Two that overlap in part become
    one, of no kind: what would be left of the one could tell.
    """
    tokens = [match.span() for match in TOKEN.finditer(text)]
    kept: list[Span] = []
    upcoming = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        while upcoming < len(tokens) and tokens[upcoming][1] <= span.start:
            upcoming += 1
        if upcoming < len(tokens) and tokens[upcoming][0] < span.end:
            continue
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
        elif span.end > kept[-1].end:
            start = kept.pop().start
            kept.append(Span(start, span.end, Found("value", text[start : span.end])))
    return kept


def _emails(text: str) -> Iterator[Span]:
    for sign, pattern in (("@", _AT), ("%40", _QUOTED_AT)):
        if sign not in text:
            continue
        for domain in pattern.finditer(text):
            at = domain.start()
            local = _LOCAL.search(text, max(0, at - _LONGEST_LOCAL), at)
            if local is None:
                continue
            name = local[0].lstrip(".'+-")
            if name and name != _NOBODY:
                start = at - len(name)
                yield Span(start, domain.end(), Found("email", f"{name}{sign}{domain[1]}".casefold()))


def _cards(text: str) -> Iterator[Span]:
    for match in _CARD.finditer(text):
        digits = match[0].replace(" ", "").replace("-", "")
        if 13 <= len(digits) <= 19 and digits.isascii() and _ISSUERS.match(digits) and _luhn(digits):
            yield Span(*match.span(), Found("card", digits))


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2])) + sum(sum(divmod(int(digit) * 2, 10)) for digit in digits[-2::-2])
    return total % 10 == 0


def _ibans(text: str) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        start = match.start()
        length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
        if length is None:
            continue
        end, compact = start, ""
        while len(compact) < length and end < len(text):
            if text[end] in " -" and compact and text[end - 1] not in " -":
                end += 1
                continue
            if not (text[end].isascii() and text[end].isalnum()):
                break
            compact += text[end]
            end += 1
        if len(compact) == length and not text[end : end + 1].isalnum() and _mod_97(compact.upper()):
            yield Span(start, end, Found("iban", compact.upper()))


def _mod_97(account: str) -> bool:
    return int("".join(str(int(each, 36)) for each in account[4:] + account[:4])) % 97 == 1
