"""Searching by meaning: vectors beside words, computed in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from underpass.discovery import ToolIndex
from underpass.discovery.embedding import WordEmbedder
from underpass.discovery.embeddings import Embeddings
from underpass.errors import ConfigError

pytestmark = [pytest.mark.requirement("R23"), pytest.mark.anyio]

TOOLS: list[dict[str, Any]] = [
    {"server": "holidays", "name": "check_day", "description": "Whether a day is a public holiday."},
    {"server": "chain", "name": "validator_info", "description": "The commission of a validator."},
    {"server": "mail", "name": "send", "description": "Sends a letter."},
    {"server": "mail", "name": "fetch_letters", "description": "Reads the inbox."},
]
MEANINGS = {"holiday": 0, "shops": 0, "validator": 1, "staking": 1, "letter": 2, "post": 2, "inbox": 3}


class Meanings:
    """An embedder that knows what a few words mean, and counts what it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.texts.extend(texts)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.1, 0.1, 0.1, 0.1]
        for word, place in MEANINGS.items():
            if word in text.casefold():
                vector[place] = 1.0
        length = sum(value * value for value in vector) ** 0.5
        return [value / length for value in vector]


def filled(tools: Sequence[dict[str, Any]] = TOOLS) -> ToolIndex:
    embeddings = Embeddings(Meanings)
    index = ToolIndex.build(tools, embeddings)
    embeddings.fill()
    return index


def test_a_request_in_other_words_finds_the_tool() -> None:
    query = "Are the shops closed on Friday?"
    assert "holidays::check_day" not in [hit.id for hit in ToolIndex.build(TOOLS).search(query)]
    assert filled().search(query)[0].id == "holidays::check_day"


def test_words_count_as_well() -> None:
    assert filled().search("validator_info")[0].id == "chain::validator_info"
    assert filled().search("fetch letters")[0].id == "mail::fetch_letters"


def test_what_shares_neither_words_nor_meaning_is_not_found() -> None:
    tools = [{"server": "mail", "name": "send", "description": "Sends a letter."}]
    embeddings = Embeddings(WordEmbedder)
    index = ToolIndex.build(tools, embeddings)
    embeddings.fill()
    assert index.search("zebra crossing") == []
    assert index.search("letter")[0].id == "mail::send"
    assert index.search("") == []


def test_filters_hold_for_what_is_near() -> None:
    index = filled()
    assert [hit.server for hit in index.search("staking", server="mail")] == ["mail", "mail"]
    assert index.search("staking", server="none") == []
    hits = index.search("post it", capabilities="send")
    assert [hit.id for hit in hits] == ["mail::send"]


def test_tools_that_come_and_go_are_found_and_not_found() -> None:
    embeddings = Embeddings(Meanings)
    index = ToolIndex.build(TOOLS, embeddings)
    embeddings.fill()
    index.remove("holidays")
    assert "holidays::check_day" not in [hit.id for hit in index.search("shops")]
    index.add([{"server": "more", "name": "x", "description": "More holiday."}])
    assert embeddings.missing == 1
    index.remove("more")
    embeddings.fill()
    assert embeddings.missing == 0
    index.add(TOOLS[:1])
    assert index.search("shops")[0].id == "holidays::check_day"


def test_a_tool_without_its_vector_is_found_by_its_words() -> None:
    embeddings = Embeddings(Meanings)
    index = ToolIndex.build(TOOLS, embeddings)
    embeddings.fill()
    index.add([{"server": "new", "name": "weigh_parcel", "description": "Weighs a parcel."}])
    assert index.search("weigh the parcel")[0].id == "new::weigh_parcel"
    assert index.search("shops")[0].id == "holidays::check_day"


def test_the_same_text_is_computed_once_for_several_indexes() -> None:
    embedder = Meanings()
    embeddings = Embeddings(lambda: embedder)
    first, second = ToolIndex.build(TOOLS, embeddings), ToolIndex.build(TOOLS, embeddings)
    embeddings.fill()
    assert len(embedder.texts) == len(TOOLS)
    assert first.search("shops")[0].id == second.search("shops")[0].id == "holidays::check_day"
    first.search("shops")
    assert embedder.texts.count("shops") == 1


def test_vectors_are_kept_in_a_file_by_what_they_are_of(tmp_path: Path) -> None:
    path = tmp_path / "state" / "vectors"
    embeddings = Embeddings(Meanings, path, model="m")
    ToolIndex.build(TOOLS, embeddings)
    embeddings.fill()
    embedder = Meanings()
    again = Embeddings(lambda: embedder, path, model="m")
    index = ToolIndex.build([*TOOLS[1:], {**TOOLS[0], "description": "Changed: a public holiday."}], again)
    again.fill()
    assert embedder.texts == ["holidays check day: Changed: a public holiday."]
    assert index.search("staking")[0].id == "chain::validator_info"
    other = Embeddings(lambda: embedder, path, model="another")
    ToolIndex.build(TOOLS, other)
    other.fill()
    assert len(embedder.texts) == 1 + 1 + len(TOOLS)


def _emptied(_: bytes) -> bytes:
    return b""


def _cut(content: bytes) -> bytes:
    return content[:-9]


def _changed(content: bytes) -> bytes:
    return content[:-1] + b"x"


@pytest.mark.parametrize("damage", [_emptied, _cut, _changed])
def test_a_file_that_cannot_be_used_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "vectors"
    first = Embeddings(Meanings, path)
    ToolIndex.build(TOOLS, first)
    first.fill()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    second = Embeddings(Meanings, path)
    index = ToolIndex.build(TOOLS, second)
    second.fill()
    assert index.search("shops")[0].id == "holidays::check_day"
    assert path.read_bytes() == whole


def test_a_loaded_index_knows_its_tools_vectors(tmp_path: Path) -> None:
    embeddings = Embeddings(Meanings, tmp_path / "vectors")
    ToolIndex.build(TOOLS, embeddings).save(tmp_path / "index")
    embeddings.fill()
    again = Embeddings(Meanings, tmp_path / "vectors")
    index = ToolIndex.load(tmp_path / "index", again)
    again.fill()
    assert index.search("shops")[0].id == "holidays::check_day"
    ToolIndex.build(TOOLS).save(tmp_path / "words")
    index = ToolIndex.load(tmp_path / "words", again)
    assert again.missing == 0
    assert index.search("shops")[0].id == "holidays::check_day"


def test_vectors_in_no_writable_place_are_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    embeddings = Embeddings(Meanings, tmp_path / "file" / "vectors")
    index = ToolIndex.build(TOOLS, embeddings)
    embeddings.fill()
    assert index.search("shops")[0].id == "holidays::check_day"
    assert "vectors cannot be kept" in caplog.text


async def test_vectors_arrive_in_the_background_and_no_search_waits() -> None:
    computing = threading.Event()

    class Slow(Meanings):
        def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            assert computing.wait(60)
            return super().embed(texts)

    async with Embeddings(Slow) as embeddings:
        index = ToolIndex.build(TOOLS, embeddings)
        assert [hit.id for hit in index.search("public holiday")] == ["holidays::check_day"]
        assert index.search("shops") == []
        computing.set()
        with anyio.fail_after(60):
            await embeddings.filled()
        assert index.search("shops")[0].id == "holidays::check_day"
        index.add([{"server": "more", "name": "strike", "description": "Days without an open inbox."}])
        with anyio.fail_after(60):
            await embeddings.filled()
        assert "more::strike" in [hit.id for hit in index.search("inbox")]


async def test_leaving_stops_the_computation_and_keeps_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    given: list[int] = []
    begun = anyio.Event()

    class Counting(Meanings):
        def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            given.append(len(texts))
            if len(given) == 2:
                anyio.from_thread.run_sync(begun.set)
            return super().embed(texts)

    tools = [{"server": "s", "name": f"t{number}", "description": "x"} for number in range(500)]
    async with Embeddings(Counting, path) as embeddings:
        ToolIndex.build(tools, embeddings)
        with anyio.fail_after(60):
            await begun.wait()
    assert sum(given) < len(tools)
    again = Embeddings(Meanings, path)
    ToolIndex.build(tools, again)
    async with again:
        with anyio.fail_after(60):
            await again.filled()
    assert path.stat().st_size > 500 * 16


@pytest.mark.parametrize("fails", ["load", "embed"])
async def test_an_embedder_that_fails_leaves_the_words(fails: str, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Meanings):
        def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            raise ValueError(texts)

    def load() -> Meanings:
        if fails == "load":
            raise ConfigError("there is no model")
        return Failing()

    with caplog.at_level(logging.WARNING):
        async with Embeddings(load) as embeddings:
            index = ToolIndex.build(TOOLS, embeddings)
            with anyio.fail_after(60):
                await embeddings.filled()
            assert index.search("validator")[0].id == "chain::validator_info"
    assert caplog.text.count("tools are searched by words alone") == 1


def test_a_request_that_cannot_be_embedded_is_searched_by_its_words() -> None:
    class Picky(Meanings):
        def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            if texts == ["validator"]:
                raise ValueError
            return super().embed(texts)

    embeddings = Embeddings(Picky)
    index = ToolIndex.build(TOOLS, embeddings)
    embeddings.fill()
    assert index.search("validator")[0].id == "chain::validator_info"


async def test_nothing_is_loaded_before_an_index_has_tools() -> None:
    loaded: list[bool] = []

    def load() -> Meanings:
        loaded.append(True)
        return Meanings()

    async with Embeddings(load) as embeddings:
        ToolIndex(embeddings).search("anything")
        await embeddings.filled()
    assert not loaded


def test_the_wordy_embedder_is_repeatable() -> None:
    [one, other, unlike, empty] = WordEmbedder().embed(["send mail", "post an email", "prime numbers", ""])
    assert [one] == WordEmbedder().embed(["send mail"])

    def near(vector: Sequence[float]) -> float:
        return sum(a * b for a, b in zip(one, vector, strict=True))

    assert near(one) == pytest.approx(1)
    assert near(other) > near(unlike)
    assert not any(empty)
