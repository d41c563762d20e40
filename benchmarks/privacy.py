"""What concealing personal data costs, and how well it is found: `python -m benchmarks.privacy`.

Times are of the processor, of one process with everything in it. A value is new when the vault has never seen
it; everything else about a call is the same with and without.
"""

from __future__ import annotations

import random
import string
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from tests.broker.privacy.corpus import forms, people, score, texts

from benchmarks.measure import machine
from underpass.broker import Broker, InMemoryCatalog
from underpass.broker.call import Stages
from underpass.broker.privacy.detect import Detector, TooMuch
from underpass.broker.privacy.kinds import SEARCHED
from underpass.broker.privacy.privacy import PersonalData
from underpass.catalog import InMemoryUpstream, ToolDefinition, ToolOutcome
from underpass.config import PrivacySettings

_CALLS = 2_000
_NAMES = 5_000
_TEXTS = 5_000


def main() -> None:
    """Print the tables."""
    print(machine() + "\n")
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(_calls, Path(folder))
        anyio.run(_large, Path(folder))
    _hostile()
    _found()


async def _calls(folder: Path) -> None:
    print("| one small call, in process | µs | more |\n|---|---|---|")
    contact = {"id": 7, "email": "ada@example.org", "note": "call +49 170 1234567", "tags": ["a", "b"]}
    plain = {"id": 7, "title": "the crane is late", "note": "nobody called back", "tags": ["a", "b"]}
    privacy = PersonalData(PrivacySettings(("crm",), restore=("mail",)), folder / "small", _SERVERS)
    without = await _microseconds(None, "crm", plain, {})
    print(f"| no settings | {without:.0f} | |")
    token = (await _broker(privacy, contact).call("crm", "read", {}))["email"]
    for name, server, answer, arguments in (
        ("settings, but none for its server", "web", plain, {}),
        ("searched, nothing personal", "crm", plain, {}),
        ("searched, two values that are known", "crm", contact, {}),
        ("a token restored, and concealed in the answer", "mail", contact, {"to": token}),
    ):
        took = await _microseconds(privacy, server, answer, arguments)
        print(f"| {name} | {took:.0f} | {took - without:.0f} |")
    privacy.close()


async def _microseconds(
    privacy: PersonalData | None, server: str, answer: Any, arguments: Mapping[str, Any]
) -> float:
    """The least of five batches: other processes only ever add."""
    broker = _broker(privacy, answer)
    batches: list[float] = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(_CALLS // 5):
            await broker.call(server, "read", arguments)
        batches.append((time.process_time() - begun) / (_CALLS // 5) * 1e6)
    return min(batches)


async def _large(folder: Path) -> None:
    dice = random.Random(3)
    words = ["".join(dice.choices(string.ascii_lowercase, k=dice.randrange(2, 9))) for _ in range(5_000)]
    names = [f"{dice.choice(words)} {dice.choice(words)}" for _ in range(_NAMES)]
    prose = " ".join(dice.choices(words, k=1_650_000))
    lines = [prose[n : n + 100] for n in range(0, 10_000_000, 100)]
    rows = [
        {
            "name": dice.choice(names),
            "email": f"{dice.choice(words)}{n}@example.org",
            "phone": f"+49 170 {dice.randrange(10**7):07}",
            "note": f"{dice.choice(words)} {dice.randrange(10**9)}",
        }
        for n in range(90_000)
    ]
    print(f"\n| one large result, {_NAMES:,} names looked for | s | without settings |\n|---|---|---|")
    for number, (name, answer) in enumerate(
        (
            ("10 MB, one text, nothing personal", prose[:10_000_000]),
            ("10 MB, 100,000 texts, nothing personal", lines),
            ("1 MB, 9,000 rows with 18,000 addresses and telephone numbers, all new", rows[:9_000]),
            ("10 MB, 90,000 rows with 180,000, all new", rows),
        )
    ):
        settings = PrivacySettings(("crm",), names=tuple(names))
        privacy = PersonalData(settings, folder / f"large {number}", _SERVERS)
        took = [await _seconds(each, answer) for each in (privacy, None)]
        print(f"| {name} | {took[0]:.2f} | {took[1]:.2f} |", flush=True)
        if number == 3:
            again = await _seconds(privacy, answer)
            size = sum(path.stat().st_size for path in privacy.vault.folder.iterdir())
            print(
                f"| … once more; the vault has {size / 1e6:.0f} MB | {again:.2f} | {took[1]:.2f} |",
                flush=True,
            )
        privacy.close()


async def _seconds(privacy: PersonalData | None, answer: Any) -> float:
    broker = _broker(privacy, answer)
    begun = time.process_time()
    await broker.call("crm", "read", {})
    return time.process_time() - begun


_SERVERS = ("crm", "mail", "web")


def _broker(privacy: PersonalData | None, answer: Any) -> Broker:
    async def handle(_arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=answer, has_structured=True)

    servers = {name: InMemoryUpstream(name) for name in _SERVERS}
    for name, server in servers.items():
        server.add(ToolDefinition(name, "read"), handle)
    return Broker(InMemoryCatalog(servers), count=len, stages=Stages(privacy=privacy))


def _hostile() -> None:
    dice = random.Random(4)
    numbers = " / ".join(f"+{dice.randrange(10**6)} {dice.randrange(10**6)}" for _ in range(580_000))
    print("\n| 10 MB made to take long, `region` set | s | |\n|---|---|---|")
    detector = Detector(SEARCHED, ("Ada Berg",), "DE")
    for name, text in (
        ("`@a.@a.…`", "@a." * 3_300_000),
        ("one letter", "a" * 10_000_000),
        ("digits without end", "1" * 10_000_000),
        ("`DE89 1234 DE89 …`", "DE89 1234 " * 1_000_000),
        ("rows of digits that are no telephone numbers", numbers),
    ):
        begun = time.process_time()
        try:
            detector.find(text)
        except TooMuch:
            end = "refused"
        else:
            end = "searched"
        print(f"| {name} | {time.process_time() - begun:.1f} | {end} |", flush=True)


def _found() -> None:
    dice = random.Random(7)
    names = people(dice, 600)
    corpus = list(texts(dice, names, _TEXTS))
    scores = {region: score(Detector(SEARCHED, names, region), corpus) for region in ("", "DE")}
    print(
        f"\n| found in {_TEXTS:,} made-up texts | there | found | with `region` | right, of what was found |"
    )
    print("|---|---|---|---|---|")
    for kind in SEARCHED:
        one, with_region = scores[""][kind], scores["DE"][kind]
        precision = f"{one.precision:.1%}; with `region` {with_region.precision:.1%}"
        for form in _in_order(forms(corpus, kind, expected=True), forms(corpus, kind, expected=False)):
            there = one.there[form]
            found = one.caught[form] / there
            both = with_region.caught[form] / there
            print(f"| {kind}: {form} | {there} | {found:.1%} | {both:.1%} | {precision} |")
            precision = ""


def _in_order(expected: Sequence[str], hidden: Sequence[str]) -> list[str]:
    return [*expected, *hidden]


if __name__ == "__main__":
    main()
