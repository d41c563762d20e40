"""Finds e-mail addresses, telephone numbers, cards, bank accounts and names in a text, in linear time."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from underpass.broker.privacy.kinds import TOKEN, Found
from underpass.broker.privacy.names import Names
from underpass.broker.privacy.phones import INTERNATIONAL, NATIONAL, phone_as_a_whole, phones_inside


class Span(NamedTuple):
    """Where a text has something personal."""

    start: int
    end: int
    found: Found


_LONGEST_LOCAL: Final = 64
# The standard knows more signs, which in texts are punctuation before an address: `?to=ada@example.org`.
_LOCAL: Final = re.compile(r"[\w.+'-]{1,64}+\Z")
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


MOST_DOUBTFUL: Final = 100_000
"""Rows of digits in one text that may be a telephone number in part; each takes 0.1 ms to look at."""


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
        """Return what is personal, in order; of what overlaps, what begins first and is the longest.

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
        """Return what a text is as a whole, blanks at its ends aside; None where it is none of all this."""
        spans = self.find(text.strip())
        if len(spans) == 1 and (spans[0].start, spans[0].end) == (0, len(text.strip())):
            return spans[0].found
        return None

    def _phones(self, text: str) -> list[Span]:
        """Telephone numbers that exist, by the numbering plans of all countries."""
        found: list[Span] = []
        windows: dict[str, list[tuple[int, int, str]]] = {}
        doubtful = 0
        for offset, window in self._windows(text):
            if window not in windows:
                spans = phone_as_a_whole(window, self._region)
                if spans is None:
                    doubtful += 1
                    if doubtful > MOST_DOUBTFUL:
                        raise TooMuch
                    spans = phones_inside(window, self._region)
                windows[window] = spans
            found += [
                Span(offset + start, offset + end, Found("phone", normal))
                for start, end, normal in windows[window]
            ]
        return found

    def _windows(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield what has as many digits as a telephone number, and no other signs than those have."""
        taken: list[tuple[int, int]] = []
        if "+" in text or "00" in text:
            for match in INTERNATIONAL.finditer(text):
                taken.append(match.span())
                yield match.start(), match[0]
        if self._region is None:
            return
        upcoming = 0
        for match in NATIONAL.finditer(text):
            while upcoming < len(taken) and taken[upcoming][1] <= match.start():
                upcoming += 1
            if upcoming == len(taken) or taken[upcoming][0] >= match.end():
                yield match.start(), match[0]


def apart(text: str, spans: list[Span]) -> list[Span]:
    """Return those of the ``spans`` that overlap neither each other nor a token."""
    tokens = [match.span() for match in TOKEN.finditer(text)]
    # A token counts first, then what begins first, then the longest, then the order of the kinds.
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    end, upcoming = 0, 0
    for span in ordered:
        while upcoming < len(tokens) and tokens[upcoming][1] <= span.start:
            upcoming += 1
        if span.start >= end and not (upcoming < len(tokens) and tokens[upcoming][0] < span.end):
            kept.append(span)
            end = span.end
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
            if name := local[0].lstrip(".'+-"):
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
