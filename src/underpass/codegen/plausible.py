"""Plausible values for a parameter, from its name, format and description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_QUOTED = re.compile(
    r"(?:\be\.?g\.?|\bfor example|\bexamples?|\bsuch as|\blike)[:,]?\s*(?:[\"'`]([^\"'`\n]{1,60})[\"'`])",
    re.IGNORECASE,
)

_UNQUOTED = re.compile(r"\(e\.g\.,?\s+([^\s,;()\"'`]{1,60})[,;)]", re.IGNORECASE)
_CHAIN = re.compile(r"wallet|contract|token|account|chain|ethereum|0x", re.IGNORECASE)

_UUID: Final = "123e4567-e89b-42d3-a456-426614174000"
_MOMENT: Final = "2026-01-31T09:30:00Z"
_ADDRESS: Final = "0x" + "1234567890abcdef" * 2 + "12345678"

_FORMATS: Final = {
    "date-time": _MOMENT,
    "date": "2026-01-31",
    "time": "09:30:00Z",
    "duration": "P1D",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "ip": "192.0.2.1",
    "uri": "https://example.com/page",
    "url": "https://example.com/page",
    "iri": "https://example.com/page",
    "uri-reference": "/page",
    "uuid": _UUID,
    "json-pointer": "/name",
    "regex": "^a+$",
    "path": "data/report.csv",
    "byte": "aGVsbG8=",
    "binary": "aGVsbG8=",
}

_TEXTS: Final = """
.: directory dir folder root cwd workspace workdir basedir repopath projectpath rootpath outputdir
data/report.csv: path file filename filepath inputpath
data/result.csv: output destination outputpath outputfile
https://example.com/page: url uri link href endpoint website webpage webhook
example.com: domain host hostname site
192.0.2.1: ip ipaddress
ada@example.com: email mail recipient recipients sender cc bcc
release notes: query q search keyword keywords term terms question
Weekly report: title subject heading headline
Hello, world: text content body message description prompt comment note caption input reason instructions
example: name label nickname
Ada Lovelace: fullname firstname lastname person customer contact author
ada: owner user username login account handle assignee member
engine: repo repository project package library module app application
main: branch ref session
v1.0.0: tag release
1.0.0: version
a1b2c3d: commit sha hash revision
2026-01-31: date day deadline due until end enddate
2026-01-01: start since startdate from
09:30: time
2026-01-31T09:30:00Z: timestamp datetime moment
Europe/London: timezone tz
en: language lang locale
GB: country
London: city location place region
10 Main Street, London: address street
your-token: token apikey secret password credential credentials passphrase
42: id ids identifier number
AAPL: symbol ticker stock
EUR: currency
10.00: amount price
#336699: color colour
print(1): code script source program
ls: command cmd
SELECT 1: sql statement
*.md: pattern glob
#main: selector css
json: format
general: channel
users: table
documents: database collection index bucket db
weather: topic theme
photo.png: image picture photo
A1:C10: range cell
Sheet1: sheet worksheet
{}: json payload data
+442071838750: phone tel mobile
"""
_BY_WORD: Final = {
    word: value
    for line in _TEXTS.strip().splitlines()
    for value, _, words in [line.rpartition(": ")]
    for word in words.split()
}
_OTHERS: Final = ("example", "1", "A1", "a1b2c3d", _UUID, _MOMENT, "2026-01-31", "09:30", _ADDRESS, "ABC-1")
_NUMBERS: Final = {
    word: value
    for words, value in (
        ("limit count max size top results maximum rows length k n", 10),
        ("offset skip start cursor from", 0),
        ("page index", 1),
        ("port", 8080),
        ("year", 2026),
        ("width", 800),
        ("height", 600),
        ("timeout seconds delay duration", 30),
        ("id number iid", 42),
        ("latitude lat", 51.5),
        ("longitude lon lng long", -0.12),
        ("temperature threshold", 0.5),
        ("amount price", 10),
        ("days", 7),
    )
    for word in words.split()
}


def texts(name: str, description: str, form: str) -> Iterator[str]:
    """Yield texts for a member, the most plausible first.

    Parameters:
        name: the member's name; its last words count most.
        description: where it quotes an example (``e.g. "AAPL"``), that comes first.
        form: the schema's ``format``; empty if it has none.
    """
    if form in _FORMATS:
        yield _FORMATS[form]
    for found in _QUOTED.finditer(description[:1000]):
        if found[1].isprintable() and found[1].strip():
            yield found[1]
    for found in _UNQUOTED.finditer(description[:1000]):
        if found[1].isprintable():
            yield found[1]
    named = _named(name, "text")
    if "address" in name.lower() and _CHAIN.search(f"{name} {description[:300]}"):
        yield _ADDRESS
    elif isinstance(named, str):
        yield named
    yield from _OTHERS


def number(name: str) -> float:
    """Return a plausible number for a member of this name."""
    named = _named(name, "number")
    return named if isinstance(named, int | float) else 1


@lru_cache(maxsize=4096)
def _named(name: str, kind: str) -> str | float | None:
    table = _BY_WORD if kind == "text" else _NUMBERS
    words = [word.lower() for word in _WORDS.findall(name[:200])]
    for start in range(len(words)):  # the longest ending first: "start_date" before "date"
        ending = "".join(words[start:])
        if ending in table:
            return table[ending]
        if (single := ending.removesuffix("s")) in table:
            return table[single]
    return next((table[word] for word in reversed(words) if word in table), None)
