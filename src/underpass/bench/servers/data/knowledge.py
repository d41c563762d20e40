"""Notes of a team of programmers, and the knowledge graph that says which of their words mean the same."""

from __future__ import annotations

from functools import cache
from random import Random

from underpass.bench.servers.data.words import paragraph

CONCEPTS = {
    "rust": "rust language, rustlang",
    "async": "async patterns, asynchronous programming, futures",
    "tokio": "async runtime",
    "python": "cpython, python language",
    "databases": "postgres, sqlite",
    "testing": "unit tests, property tests",
    "deployment": "rollout, continuous delivery",
    "observability": "tracing, telemetry",
}
"""The concepts, and their synonyms."""

PATTERNS = {
    "Cancellation by drop": "dropping a future cancels it, so every await is a place where work may end.",
    "Structured concurrency": "tasks live in a scope, and the scope ends only when all of them have.",
    "Select loop": "one task waits for several sources, and each branch must be safe to cancel.",
    "Actor with channels": "state belongs to one task, and others send it messages.",
    "Bounded channels": "a full channel makes the sender wait, which is all the backpressure there is.",
    "Blocking work aside": "what blocks goes to a pool of threads, never to the executor's own.",
    "Timeouts at the edge": "the outermost caller sets the deadline, and inner layers only obey it.",
    "Retry with jitter": "a failed call waits a random while before it is made again.",
}
"""The patterns that notes are about, and each in one sentence."""
NOTES_OF_A_PATTERN = 4

_OTHERS = (
    ("Indexes that nobody uses", "databases"), ("Vacuum at night", "databases"), ("Fixtures that lie", "testing"),
    ("Snapshot reviews", "testing"), ("Blue and green", "deployment"), ("Feature flags", "deployment"),
    ("Spans before logs", "observability"), ("Alert fatigue", "observability"), ("Type hints at the edge", "python"),
    ("Packaging once more", "python"), ("Lifetimes in structs", "rust"), ("Error enums", "rust"),
)  # fmt: skip


@cache
def made() -> dict[str, str]:
    """The files' texts by path: concepts below ``kg``, notes below ``notes``."""
    random = Random(1313)
    files = {
        f"kg/{name}.md": f"# {name.capitalize()}\n\nsynonyms:: {synonyms}\n"
        for name, synonyms in CONCEPTS.items()
    }
    for pattern, short in PATTERNS.items():
        for number in range(1, NOTES_OF_A_PATTERN + 1):
            files[f"notes/{pattern} {number}.md"] = _note(random, pattern, number, short)
    for title, concept in _OTHERS:
        for number in (1, 2, 3):
            body = "\n\n".join(paragraph(random, 6) for _ in range(5))
            files[f"notes/{title} {number}.md"] = f"# {title} {number}\n\nAbout {concept}.\n\n{body}\n"
    return files


def _note(random: Random, pattern: str, number: int, short: str) -> str:
    parts = [f"# {pattern} {number}", f"In short: {short}"]
    parts += [
        f"Async patterns in Rust, as we met them: {paragraph(random, random.randint(4, 8))}"
        for _ in range(random.randint(9, 14))
    ]
    return "\n\n".join(parts) + "\n"
