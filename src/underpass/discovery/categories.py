"""Which field a tool belongs to: the server's own label, or a classifier over its words.

The classifier adds up, for each category, how much more often a word stands in servers of that category
than elsewhere. A server's tools vote together, because a category is a fact of a server more than of one
tool, and each tool's own words are added once more. ``category_words.json`` has the words; the program
``benchmarks/category_words.py`` counted them in one half of the labelled servers of the corpus, so that
agreement can be measured on the other half.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import orjson

from underpass.discovery.labels import slug
from underpass.discovery.weights import SCALE

OTHER = "other"
"""The category of a tool of which too little is known."""

TELLING = 80
"""Only words of at least this impact count: those of names and first sentences, seldom of parameters."""

_OWN = 0.5
_LEAST = 0.0
"""A lesser sum than this is a guess."""

_ALIASES: Mapping[str, str] = {
    "ai": "ai-ml-tools",
    "apis": "apis-and-http-requests api-integration",
    "blockchain": "cryptocurrency-and-blockchain blockchain-and-crypto",
    "browser-automation": "browser-automation",
    "business": "business-tools crm-and-sales-tools",
    "calendar": "time-and-calendar scheduling-and-calendars",
    "cloud": "cloud-services",
    "code-execution": "code-execution",
    "commerce": "e-commerce-and-retail e-commerce",
    "communication": "communication-tools email-and-messaging",
    "content": "content-creation",
    "data-analysis": "data-analysis-and-processing data-analytics visualization math-and-statistics",
    "databases": "databases database-operations",
    "development": "development-tools developer-tools code devops-and-ci-cd",
    "documents": "document-processing",
    "education": "education education-and-learning",
    "entertainment": "entertainment",
    "files": "file-management file-access",
    "finance": "financial-data-and-stock-market financial-services finance",
    "gaming": "gaming gaming-and-game-development",
    "health": "healthcare-and-medical health-and-fitness",
    "images-and-video": "image-and-video-generation",
    "maps-and-travel": "travel-and-maps location",
    "memory": "memory-management",
    "news": "news-and-media",
    "operating-system": "operating-system iot-and-device-control",
    "productivity": "daily-productivity note-taking-and-knowledge-bases",
    "projects": "task-and-project-management",
    "security": "security security-and-authentication",
    "social-media": "social-media",
    "speech": "speech-recognition-and-synthesis",
    "translation": "language-translation",
    "version-control": "git-workflow-management",
    "weather": "weather weather-and-location-data",
    "web-search": "web-search web-search-and-research",
}
ALL = frozenset(_ALIASES)
"""The categories that the classifier knows."""

_CANONICAL = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()} | {
    "others": OTHER,
    "miscellaneous": OTHER,
}


def canonical(label: str) -> str:
    """Return the category that a label means: "Database Operations" is "databases".

    A label that is none of the known ones stays what it is, in lowercase with hyphens.
    """
    name = slug(label)
    return _CANONICAL.get(name, name)


def classify(tools: Sequence[Mapping[str, int]]) -> list[str]:
    """Return the categories of all tools of one server, in their order.

    Parameters:
        tools: for each the impacts of its terms.
    """
    table = _table()
    own: list[Mapping[str, float]] = []
    together: defaultdict[str, float] = defaultdict(float)
    for impacts in tools:
        votes: defaultdict[str, float] = defaultdict(float)
        for term in impacts.keys() & table.keys():
            if impacts[term] >= TELLING:
                for category, weight in table[term]:
                    votes[category] += weight * impacts[term] / SCALE
        own.append(votes)
        for category, vote in votes.items():
            together[category] += vote
    rarities = _rarities()
    shared = {name: together[name] / len(tools) + rarities[name] for name in sorted(together)}
    return [_best(shared, votes) for votes in own]


def _best(shared: Mapping[str, float], own: Mapping[str, float]) -> str:
    scores = {**shared, **{category: shared[category] + _OWN * vote for category, vote in own.items()}}
    best = max(scores, key=scores.__getitem__, default=OTHER)
    return best if scores.get(best, 0.0) >= _LEAST else OTHER


@cache
def _words() -> Mapping[str, Mapping[str, float]]:
    return orjson.loads(files("underpass.discovery").joinpath("category_words.json").read_bytes())


@cache
def _rarities() -> Mapping[str, float]:
    return {category: words.get("", 0.0) for category, words in _words().items()}


@cache
def _table() -> Mapping[str, Sequence[tuple[str, float]]]:
    table: dict[str, list[tuple[str, float]]] = {}
    for category, weights in _words().items():
        for term, weight in weights.items():
            table.setdefault(term, []).append((category, weight))
    return table
