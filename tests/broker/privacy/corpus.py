"""Made-up texts as office systems have them, with what is personal in them, and how well it is found.

The people, numbers and addresses are drawn at random. Numbers are of the forms that people write; cards and
accounts have right check digits. Some texts hide what they hold, and some hold what only looks personal.
"""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from underpass.broker.privacy.detect import Detector

FIRST = str.split(
    "Anna Berta Carlos Dmitri Elena Farid Grace Hiro Ingrid José Katarzyna Liam Mei Noah Olga Priya Quentin "
    "Renée Søren Tomás Uma Viktor Wanjiru Ximena Yusuf Zoë Anke Björn Chloë Đorđe"
)
LAST = str.split(
    "Berg Castillo Dvořák Eriksson Fontaine García Haddad Ivanova Jensen Kowalski Lindqvist Müller Nakamura "
    "O'Neil Petrov Quispe Rossi Şahin Tanaka Ueda Varga Weiß Xu Y\u0131lmaz Zhang Okafor Nguyen Smith Park"
)
_HOSTS = (
    "example.com",
    "example.org",
    "mail.example.net",
    "firma.example",
    "büro.example.de",
    "ex-ample.co.uk",
)
_WORDS = str.split(
    "the invoice for March is open and nobody has called back about the crane which arrived late on Tuesday "
    "please check the order again before the meeting with finance because two items were missing from it"
)


@dataclass(frozen=True, slots=True)
class Personal:
    """A personal value as it stands in a text."""

    kind: str
    form: str
    text: str
    expected: bool = True
    """Whether it is in a form that is said to be found."""


@dataclass(slots=True)
class Score:
    """How well one kind was found."""

    there: Counter[str] = field(default_factory=Counter[str])
    """By form."""
    caught: Counter[str] = field(default_factory=Counter[str])
    """Nothing of it is left in the text."""
    found: int = 0
    wrong: int = 0
    """Found where nothing personal is."""

    def recall(self, forms: Sequence[str]) -> float:
        """The share that was caught of those forms."""
        return sum(self.caught[form] for form in forms) / (sum(self.there[form] for form in forms) or 1)

    @property
    def precision(self) -> float:
        """The share of what was found that is right."""
        return 1 - self.wrong / (self.found or 1)


def people(dice: random.Random, count: int) -> list[str]:
    """Full names; as many as that or as there are."""
    every = [f"{first} {last}" for first in FIRST for last in LAST]
    return dice.sample(every, min(count, len(every)))


def texts(dice: random.Random, names: Sequence[str], count: int) -> Iterator[tuple[str, list[Personal]]]:
    """Yield texts with what is personal in each."""
    for _ in range(count):
        inside = [dice.choice(_KINDS)(dice, names) for _ in range(dice.randrange(0, 4))]
        parts: list[str] = []
        for personal in inside:
            parts += [_prose(dice), dice.choice(_FRAMES[personal.kind]).format(personal.text)]
            if dice.random() < 0.3:
                parts.append(dice.choice(_DECOYS)(dice))
        parts += [dice.choice(_DECOYS)(dice) for _ in range(dice.randrange(0, 3))]
        yield dice.choice((" ", "\n", "; ")).join([*parts, _prose(dice)]), inside


def score(detector: Detector, corpus: Sequence[tuple[str, list[Personal]]]) -> dict[str, Score]:
    """Search the texts; return how well each kind was found."""
    scores = {kind: Score() for kind in ("email", "phone", "card", "iban", "name")}
    for text, inside in corpus:
        spans = detector.find(text)
        places: list[tuple[int, int]] = []
        at = 0
        for personal in inside:
            at = text.index(personal.text, at)
            end = at + len(personal.text)
            places.append((at, end))
            one = scores[personal.kind]
            one.there[personal.form] += 1
            if any(span.start <= at and end <= span.end for span in spans):
                one.caught[personal.form] += 1
            at = end
        for span in spans:
            # What is of no kind is two that overlap.
            one = scores.get(span.found.kind, Score())
            one.found += 1
            one.wrong += not any(span.start < end and start < span.end for start, end in places)
    return scores


def forms(corpus: Sequence[tuple[str, list[Personal]]], kind: str, *, expected: bool) -> list[str]:
    """Return the forms of a kind that are said to be found, or those that are not."""
    found = {
        personal.form
        for _, inside in corpus
        for personal in inside
        if personal.kind == kind and personal.expected is expected
    }
    return sorted(found)


def _prose(dice: random.Random) -> str:
    begin = dice.randrange(len(_WORDS) - 6)
    return " ".join(_WORDS[begin : begin + dice.randrange(3, 7)])


def _digits(dice: random.Random, count: int) -> str:
    return "".join(dice.choices(string.digits, k=count))


def _email(dice: random.Random, names: Sequence[str]) -> Personal:
    first, last = dice.choice(names).lower().split(" ", 1)
    local = dice.choice(
        (f"{first}.{last}", f"{first[0]}{last}", f"{last}_{first}", f"{first}+{_digits(dice, 2)}")
    )
    host = dice.choice(_HOSTS)
    match dice.randrange(20):
        case 0:
            return Personal(
                "email", "name (at) host (dot) com", f"{local} (at) example (dot) com", expected=False
            )
        case 1:
            return Personal("email", "without a dot: name@localhost", f"{local}@localhost", expected=False)
        case 2:
            return Personal("email", "quoted: name%40host", f"{local}%40{host}")
        case 3:
            return Personal("email", "capital letters", f"{local}@{host}".upper())
        case _:
            return Personal("email", "plain", f"{local}@{host}")


def _phone(dice: random.Random, _names: Sequence[str]) -> Personal:
    country, national = dice.choice(
        (
            ("49", f"{dice.choice(('1512', '160', '170', '176'))}{_digits(dice, 7)}"),
            ("49", f"30{dice.randrange(2, 9)}{_digits(dice, 6)}"),
            (
                "1",
                f"{dice.choice(('212', '415', '646'))}{dice.randrange(220, 999)}{_digits(dice, 4)}",
            ),
            ("44", f"74{dice.randrange(10, 99)}{_digits(dice, 6)}"),
            ("33", f"6{dice.randrange(10, 79)}{_digits(dice, 6)}"),
            ("48", f"60{dice.randrange(1, 9)}{_digits(dice, 6)}"),
        )
    )
    groups = _groups(dice, national)
    match dice.randrange(10):
        case 0:
            return Personal("phone", "with 00", f"00{country}{dice.choice(('', ' '))}{groups}")
        case 1:
            return Personal("phone", "+ and digits", f"+{country}{national}")
        case 2 if country == "49":
            return Personal("phone", "+49 (0)", f"+49 (0) {groups}")
        case 3 | 4 if country == "49":
            return Personal("phone", "of the country, with groups", f"0{groups}", expected=False)
        case 5 if country == "49":
            return Personal("phone", "of the country, digits alone", f"0{national}", expected=False)
        case 6:
            return Personal("phone", "of another country, without its prefix", groups, expected=False)
        case _:
            return Personal("phone", "+ and groups", f"+{country}{dice.choice(' -')}{groups}")


def _groups(dice: random.Random, national: str) -> str:
    blank = dice.choice((" ", "-", ".", " "))
    return f"{national[:3]}{blank}{national[3:6]}{blank}{national[6:]}"


def _card(dice: random.Random, _names: Sequence[str]) -> Personal:
    american = dice.random() < 0.2
    begin = dice.choice(("34", "37")) if american else dice.choice(("4", "51", "55", "2221", "6011"))
    digits = begin + _digits(dice, (15 if american else 16) - len(begin) - 1)
    digits = next(digits + check for check in string.digits if _luhn(digits + check))
    blank = dice.choice(("", " ", "-"))
    cuts = (4, 10) if american else (4, 8, 12)
    text = blank.join(digits[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True))
    return Personal("card", "with groups" if blank else "digits alone", text)


def _luhn(digits: str) -> bool:
    doubled = [int(d) * 2 if n % 2 else int(d) for n, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _iban(dice: random.Random, _names: Sequence[str]) -> Personal:
    country, account = dice.choice(
        (
            ("DE", _digits(dice, 18)),
            ("FR", _digits(dice, 23)),
            ("NL", f"ABNA{_digits(dice, 10)}"),
            ("GB", f"NWBK{_digits(dice, 14)}"),
            ("PL", _digits(dice, 24)),
        )
    )
    number = int("".join(str(int(each, 36)) for each in f"{account}{country}00"))
    compact = f"{country}{98 - number % 97:02}{account}"
    match dice.randrange(5):
        case 0 | 1:
            return Personal(
                "iban", "with groups", " ".join(compact[n : n + 4] for n in range(0, len(compact), 4))
            )
        case 2:
            return Personal("iban", "small letters", compact.lower())
        case _:
            return Personal("iban", "compact", compact)


def _name(dice: random.Random, names: Sequence[str]) -> Personal:
    name = dice.choice(names)
    first, last = name.split(" ", 1)
    match dice.randrange(12):
        case 0:
            return Personal("name", "capital letters", name.replace("ß", "ẞ").upper())
        case 1:
            return Personal(
                "name",
                "other signs between: first_last, first-last",
                dice.choice(("_", "-", ".")).join((first, last)),
            )
        case 2:
            return Personal("name", "last, first", f"{last}, {first}", expected=False)
        case 3:
            return Personal("name", "first name alone", first, expected=False)
        case 4:
            return Personal("name", "initial", f"{first[0]}. {last}", expected=False)
        case 5:
            return Personal(
                "name", "misspelt", f"{first} {last[:-1]}{dice.choice('aeo')}{last[-1]}", expected=False
            )
        case _:
            return Personal("name", "as listed", name)


_KINDS: Sequence[Callable[[random.Random, Sequence[str]], Personal]] = (_email, _phone, _card, _iban, _name)
_FRAMES = {
    "email": ("{}", "<{}>", "mailto:{}", "to={}&cc=", '"{}"', "({})", "{},", "E-Mail: {}."),
    "phone": ("{}", "Tel. {}", "tel:{}", "({})", "{},", "call {}.", '"{}"'),
    "card": ("{}", "card {},", "({})", "paid with {}."),
    "iban": ("{}", "IBAN {},", "({})", "account: {}."),
    "name": ("{}", "Dear {},", "{}'s desk", "({})", "by {}:", '"{}"'),
}
_DECOYS: Sequence[Callable[[random.Random], str]] = (
    lambda dice: f"order {_digits(dice, 8)}",
    lambda dice: f"invoice RE-2026-{_digits(dice, 6)}",
    lambda dice: f"2026-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}T{dice.randrange(24):02}:00:00Z",
    lambda dice: f"{dice.randrange(1, 29):02}.{dice.randrange(1, 13):02}.2026 {dice.randrange(24):02}:15",
    lambda dice: f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}:8080",
    lambda dice: "-".join("".join(dice.choices("0123456789abcdef", k=n)) for n in (8, 4, 4, 4, 12)),
    lambda dice: f"tracking {_digits(dice, 16)}",
    lambda dice: f"ts={1_700_000_000_000 + dice.randrange(10**11)}",
    lambda dice: f"EUR {dice.randrange(1, 999)},{dice.randrange(100, 999)}.{_digits(dice, 2)}",
    lambda dice: f"pi 3.{_digits(dice, 14)}",
    lambda dice: f"npm install left-pad@{dice.randrange(9)}.{dice.randrange(9)}.1",
    lambda dice: f"@{dice.choice(LAST).lower()} #{dice.randrange(9999)}",
    lambda dice: f"ISBN 978-{_digits(dice, 1)}-{_digits(dice, 4)}-{_digits(dice, 4)}-{_digits(dice, 1)}",
    lambda dice: f"part DE{_digits(dice, 2)} {dice.choice('ABC')}{_digits(dice, 5)}",
    lambda dice: f"git@{dice.choice(('github.com', 'git.example.org'))}:team/repo.git",
    lambda dice: "a young park ranger smith",
)
