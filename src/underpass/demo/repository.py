"""A git repository with a long, varied history, the same on every machine.

Two years of a small team's work on an invented harbour program: several authors in several time
zones, features on branches that are merged, fixes, documentation, releases.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from underpass.errors import UnderpassError

_BEGIN = datetime(2024, 10, 7, 6, 0, tzinfo=UTC)
_DAYS = 730
_MARKER = "underpass-demo"

# Name, minutes east of Greenwich, share of the work.
_AUTHORS = [
    ("Ingrid Solheim", 60, 9),
    ("Mateus Okafor", 60, 7),
    ("Priya Raghunathan", 330, 6),
    ("Jonah Whitfield", -300, 5),
    ("Chiyo Tanabe", 540, 4),
    ("Łucja Wójcik", 60, 2),
    ("dependency-bot", 0, 2),
]
_SUBJECTS = (
    "berth",
    "crane",
    "manifest",
    "tide",
    "pilot",
    "customs",
    "invoice",
    "container",
    "gate",
    "weather",
)
_VERBS = ("Add", "Rework", "Tighten", "Speed up", "Simplify", "Fix", "Document", "Test", "Rename", "Split")
_PARTS = (
    "allocator",
    "parser",
    "cache",
    "schedule",
    "report",
    "validation",
    "export",
    "notifications",
    "index",
)
_REASONS = (
    "The old order of checks let a vessel keep a berth that it had already left.",
    "Two reports of last week's night shift showed the same rounding mistake.",
    "Measured on the March traffic: a third of the time, half of the memory.",
    "The port authority's new format has one column more and a different time zone.",
    "Reviewed together; the remaining questions are in the notes of Thursday.",
    "Nothing changes for callers. The test fails without it.",
)


@dataclass(slots=True)
class _Commit:
    author: tuple[str, int, int]
    when: datetime
    message: str
    files: dict[str, str]
    merge: str | None = None


def build_repository(path: Path) -> int:
    """Build the repository at ``path`` unless it is there, and return how many commits it has.

    Raises:
        UnderpassError: git is missing or failed.
    """
    if _git(path.parent, "-C", str(path), "config", "--get", "underpass.demo", check=False) != _MARKER:
        path.mkdir(parents=True, exist_ok=True)
        _git(path, "init", "--quiet", "--initial-branch=main")
        _git(path, "fast-import", "--quiet", "--force", stdin=b"".join(_stream()))
        _git(path, "reset", "--quiet", "--hard", "main")
        _git(path, "config", "underpass.demo", _MARKER)
    return int(_git(path, "rev-list", "--count", "HEAD"))


def _git(folder: Path, *arguments: str, stdin: bytes = b"", check: bool = True) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=_environment(), input=stdin, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise UnderpassError("git is not installed, or its folder is missing", hint=str(error)) from error
    if check and done.returncode:
        raise UnderpassError(f"git {arguments[0]} failed", hint=done.stderr.decode(errors="replace").strip())
    return done.stdout.decode(errors="replace").strip()


def _environment() -> dict[str, str]:
    # Inside a git hook these would point git at the hook's own repository.
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def _stream() -> Iterator[bytes]:
    """Yield the history in the format of `git fast-import`."""
    random = Random(20241007)  # noqa: S311 - the point is that it repeats
    main: dict[str, str] = {"README.md": "# Harbour\n\nBerths, cranes and papers of a small port.\n"}
    yield _commit("main", _Commit(_AUTHORS[0], _BEGIN, "Begin\n", dict(main)))
    for day in range(1, _DAYS):
        morning = _BEGIN + timedelta(days=day, minutes=random.randint(-300, 500))
        quiet = morning.weekday() >= 5 or morning.month == 8
        if random.random() < (0.12 if quiet else 0.6):
            yield from _day(random, morning, main)


def _day(random: Random, morning: datetime, main: dict[str, str]) -> Iterator[bytes]:
    if random.random() < 0.1:
        yield from _feature(random, morning, main)
        return
    when = morning
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        when += timedelta(minutes=random.randint(20, 200))
        commit = _change(random, when, main)
        main.update(commit.files)
        yield _commit("main", commit)
    if morning.day <= 2:
        version = f"{morning.year - 2023}.{morning.month}"
        yield f"reset refs/tags/v{version}\nfrom refs/heads/main\n\n".encode()


def _feature(random: Random, morning: datetime, main: dict[str, str]) -> Iterator[bytes]:
    """A branch of a few commits on files of its own, so that its merge has no conflict."""
    subject, part = random.choice(_SUBJECTS), random.choice(_PARTS)
    name = f"feature/{subject}-{part}-{morning:%m%d}"
    author = _author(random, morning)
    files: dict[str, str] = {}
    yield f"reset refs/heads/{name}\nfrom refs/heads/main\n\n".encode()
    when = morning
    for step in range(random.randint(2, 5)):
        when += timedelta(minutes=random.randint(30, 120))
        path = (
            f"harbour/{subject}/{part}_{morning:%m%d}.py"
            if step % 2 == 0
            else f"tests/test_{subject}_{part}.py"
        )
        files[path] = _grow(random, files.get(path, main.get(path, "")), subject, part)
        message = _message(random, f"{random.choice(_VERBS)} {subject} {part}")
        yield _commit(name, _Commit(author, when, message, {path: files[path]}))
    main.update(files)
    merge = f"Merge branch '{name}'\n"
    yield _commit(
        "main", _Commit(_author(random, when), when + timedelta(minutes=15), merge, files, merge=name)
    )
    yield f"reset refs/heads/{name}\nfrom {'0' * 40}\n\n".encode()


def _change(random: Random, when: datetime, main: dict[str, str]) -> _Commit:
    author = _author(random, when)
    subject, part = random.choice(_SUBJECTS), random.choice(_PARTS)
    if author[0] == "dependency-bot":
        pins = "".join(f"{name}=={random.randint(1, 9)}.{random.randint(0, 40)}\n" for name in _SUBJECTS)
        return _Commit(author, when, f"Bump {subject}-client\n", {"requirements.txt": pins})
    kind = random.random()
    if kind < 0.2:
        path = f"docs/{subject}.md"
        text = (
            main.get(path, f"# {subject.title()}\n") + f"\n## {part.title()}\n\n{random.choice(_REASONS)}\n"
        )
        return _Commit(author, when, _message(random, f"Document the {subject} {part}"), {path: text})
    if kind < 0.3:
        path = f"data/{subject}.csv"
        rows = "".join(
            f"{when:%Y-%m-%d},{part},{random.randint(1, 900)}\n" for _ in range(random.randint(3, 30))
        )
        return _Commit(author, when, f"Update the {subject} table\n", {path: main.get(path, "") + rows})
    path = f"harbour/{subject}/{part}.py"
    message = _message(random, f"{random.choice(_VERBS)} the {subject} {part}")
    return _Commit(author, when, message, {path: _grow(random, main.get(path, ""), subject, part)})


def _author(random: Random, when: datetime) -> tuple[str, int, int]:
    """Choose who works at that time: mostly those whose day it is."""
    hours = [(when + timedelta(minutes=offset)).hour for _, offset, _ in _AUTHORS]
    weights = [
        share * (10 if 8 <= hour < 19 else 1) for (*_, share), hour in zip(_AUTHORS, hours, strict=True)
    ]
    return random.choices(_AUTHORS, weights=weights)[0]


def _message(random: Random, title: str) -> str:
    if random.random() < 0.5:
        return f"{title}\n"
    body = " ".join(random.sample(_REASONS, random.randint(1, 3)))
    return f"{title}\n\n{body}\n"


def _grow(random: Random, text: str, subject: str, part: str) -> str:
    """Add a function; from time to time drop the oldest ones."""
    number = text.count("def ") + 1
    function = (
        f"\n\ndef {part}_{number}({subject}: dict[str, float], limit: int = {random.randint(2, 99)}):\n"
        f'    """{random.choice(_REASONS)}"""\n'
        f"    chosen = sorted({subject}, key={subject}.__getitem__)[:limit]\n"
        f"    return [name for name in chosen if {subject}[name] > {random.randint(1, 50)}]\n"
    )
    kept = text[len(text) // 2 :].partition("\n\ndef ")[2] if random.random() < 0.1 else ""
    return (f"def {kept}" if kept else text) + function


def _commit(branch: str, commit: _Commit) -> bytes:
    name, offset, _ = commit.author
    hours, minutes = divmod(abs(offset), 60)
    zone = f"{'-' if offset < 0 else '+'}{hours:02}{minutes:02}"
    address = f"{name.split()[0].lower()}@harbour.example"
    stamp = f"{name} <{address}> {int(commit.when.timestamp())} {zone}"
    head = f"commit refs/heads/{branch}\nauthor {stamp}\ncommitter {stamp}\n"
    lines = [head.encode(), _data(commit.message)]
    if commit.merge is not None:
        lines.append(f"merge refs/heads/{commit.merge}\n".encode())
    for path, content in sorted(commit.files.items()):
        lines += [f"M 100644 inline {path}\n".encode(), _data(content)]
    return b"".join([*lines, b"\n"])


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%b\n" % (len(content), content)
