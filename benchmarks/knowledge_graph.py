"""The knowledge graph: texts of ten megabytes beside the original's binding, completion, and search.

    python -m benchmarks.knowledge_graph

The terms, texts and documents are made up from a fixed seed. Ours and the original's take turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import terraphim_automata as original

from benchmarks.measure import HEAD, Row, Samples, machine
from terraphim.autocomplete import AutocompleteIndex
from terraphim.documents import Document
from terraphim.matching import LinkType, find, replace
from terraphim.ranking import DocumentIndex, Relevance
from terraphim.rolegraph import RoleGraph
from terraphim.store import Store
from terraphim.thesaurus import Concept, Thesaurus

TEXT_BYTES = 10_000_000
DOCUMENTS = 10_000
WORDS_OF_A_DOCUMENT = 250
SIZES = (1_725, 100_000)
ROUNDS = 3
QUERIES = 300


class _Made:
    """Words that are as rare as words are, terms of one to four of them, and texts with terms in them."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        letters = "abcdefghijklmnoprstuvwyz"
        self._words = [
            "".join(self._random.choices(letters, k=self._random.randint(3, 9))) for _ in range(30_000)
        ]

    def word(self) -> str:
        return self._words[int(len(self._words) * self._random.random() ** 3)]

    def words(self, count: int) -> str:
        return " ".join(self.word() for _ in range(count))

    def thesaurus(self, size: int) -> Thesaurus:
        terms: dict[str, Concept] = {}
        while len(terms) < size:
            number = len(terms) // 4 + 1
            term = " ".join(self._random.choices(self._words, k=self._random.randint(1, 4)))
            terms[term] = Concept(number, f"concept {number}", f"https://example.com/{number}")
        return Thesaurus("made", terms)

    def text(self, terms: Sequence[str], words: int) -> str:
        """One word in thirty a term, one in two thousand an address."""
        parts: list[str] = []
        for _ in range(words):
            chance = self._random.random()
            if chance < 1 / 30:
                parts.append(self._random.choice(terms))
            elif chance < 1 / 30 + 1 / 2000:
                parts.append(f"https://example.com/{self.word()}")
            else:
                parts.append(self.word())
        return " ".join(parts)


def _taken(*works: Callable[[], object], rounds: int = ROUNDS) -> list[Samples]:
    """Milliseconds of each piece of work, one after the other in each round."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for values, work in zip(taken, works, strict=True):
            begun = time.perf_counter()
            work()
            values.append((time.perf_counter() - begun) * 1e3)
    return [Samples(tuple(values)) for values in taken]


def _beside(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Row:
    """Ours has its automaton already, as a server has; the binding makes one in each call."""
    ours()
    mine, other = _taken(ours, theirs)
    ratio = other.median / mine.median
    seen = f"{mine.median:.0f} ms; the original's binding {other.median:.0f} ms: {ratio:.1f} times ours"
    return Row(what, "", seen)


def _texts(made: _Made, size: int) -> list[Row]:
    thesaurus = made.thesaurus(size)
    text = made.text(list(thesaurus.terms), TEXT_BYTES // 6)[:TEXT_BYTES]
    document = thesaurus.to_json()
    (built,) = _taken(lambda: find("", Thesaurus("again", thesaurus.terms)))
    return [
        _beside(
            f"find in 10 MB, {size:,} terms",
            lambda: find(text, thesaurus),
            lambda: original.find_all_matches(text, document),
        ),
        _beside(
            f"replace in 10 MB, {size:,} terms",
            lambda: replace(text, thesaurus, LinkType.MARKDOWN),
            lambda: original.replace_with_links(text, document, "markdown"),
        ),
        Row(f"the automaton of {size:,} terms, once", "", f"{built.median:.0f} ms"),
    ]


def _completion(made: _Made) -> list[Row]:
    thesaurus = made.thesaurus(SIZES[-1])
    index = AutocompleteIndex.build(thesaurus)
    theirs = original.build_index(thesaurus.to_json())
    index.terms("warm up")
    begins = [made.words(2)[: 1 + number % 8] for number in range(QUERIES * 10)]
    typos = [made.word() + "x" for _ in range(QUERIES // 10)]

    def each(work: Callable[[str], object], queries: Sequence[str]) -> Samples:
        taken = [_taken(lambda query=query: work(query), rounds=1)[0].values[0] for query in queries]
        return Samples(tuple(taken))

    prefix, other = each(index.prefix, begins), each(lambda query: theirs.search(query, 10), begins)
    similar = each(index.jaro_winkler, typos)
    their_similar = each(lambda query: theirs.fuzzy_search(query, 0.6, 10), typos)
    near, their_near = (
        each(index.levenshtein, typos),
        each(theirs.fuzzy_search_levenshtein, typos),
    )
    content = index.serialize()
    (opened,) = _taken(lambda: AutocompleteIndex.deserialize(content))
    p99, their_p99 = prefix.percentile(0.99), other.percentile(0.99)
    return [
        Row("complete, 100,000 terms, p99", "≤ 1 ms", f"{p99:.3f} ms; theirs {their_p99:.3f} ms", p99 <= 1),
        Row("similar terms, p50", "", f"{similar.median:.0f} ms; theirs {their_similar.median:.0f} ms"),
        Row("terms within two edits, p50", "", f"{near.median:.0f} ms; theirs {their_near.median:.0f} ms"),
        Row("open the serialised index", "", f"{opened.median:.0f} ms, {len(content) / 1e6:.1f} MB"),
    ]


def _search(made: _Made) -> list[Row]:
    thesaurus = made.thesaurus(SIZES[0])
    terms = list(thesaurus.terms)
    documents = [
        Document(f"{number:05}", "", made.words(4), made.text(terms, WORDS_OF_A_DOCUMENT))
        for number in range(DOCUMENTS)
    ]
    begun = time.perf_counter()
    index = DocumentIndex(documents)
    graph = RoleGraph("made", thesaurus)
    for document in documents:
        graph.insert(document)
    seconds = time.perf_counter() - begun
    rows = [Row("index 10,000 documents, words and graph", "≤ 10 s", f"{seconds:.1f} s", seconds <= 10)]
    for relevance in Relevance:
        by_graph = relevance is Relevance.TERRAPHIM_GRAPH
        queries = [terms[number * 7 % len(terms)] if by_graph else made.words(3) for number in range(QUERIES)]
        works = [
            lambda query=query, kind=relevance: index.search(query, kind, graph=graph, limit=10)
            for query in queries
        ]
        taken = Samples(tuple(each.values[0] for each in _taken(*works, rounds=1)))
        seen = f"{taken.median:.1f} ms, p99 {taken.percentile(0.99):.1f} ms"
        rows.append(Row(f"search 10,000 documents by {relevance}, p50", "≤ 20 ms", seen, taken.median <= 20))
    changed = documents[17]
    (one,) = _taken(lambda: (index.put(changed), graph.insert(changed), graph.statistics))
    rows.append(Row("one document of them changes", "", f"{one.median:.0f} ms"))
    questions = [
        " ".join(terms[(number * 31 + step * 401) % len(terms)] for step in range(6)) for number in range(50)
    ]
    connected = [
        _taken(lambda text=text: graph.connectivity(text), rounds=1)[0].values[0] for text in questions
    ]
    rows.append(Row("are six terms connected, p50", "", f"{Samples(tuple(connected)).median:.1f} ms"))
    return rows + _kept(thesaurus, graph)


def _kept(thesaurus: Thesaurus, graph: RoleGraph) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.save("thesaurus", thesaurus.to_json())
        store.save("graph", graph.snapshot())
        small, large = _taken(
            lambda: Thesaurus.from_json(store.load("thesaurus") or ""),
            lambda: RoleGraph("made", thesaurus, snapshot=store.load("graph")).statistics,
        )
    return [
        Row("open the thesaurus of 1,725 terms", "", f"{small.median:.1f} ms"),
        Row("open the graph of 10,000 documents", "", f"{large.median:.0f} ms"),
    ]


def main() -> None:
    """Print the table."""
    print(f"{machine()}\n\n{HEAD}", flush=True)
    made = _Made(7)
    for size in SIZES:
        for row in _texts(made, size):
            print(row, flush=True)
    for row in [*_completion(made), *_search(made)]:
        print(row, flush=True)


if __name__ == "__main__":
    main()
