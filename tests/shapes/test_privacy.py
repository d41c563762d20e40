"""What of a result is never kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpass.shapes.privacy import is_choice, key_kind
from underpass.shapes.schema import to_schema
from underpass.shapes.shape import MOST_CHOICES, MOST_KEYS, Shape

pytestmark = pytest.mark.requirement("R09")


def shape_of(*values: Any) -> Shape:
    shape = Shape()
    for value in values:
        shape.observe(value)
    return shape


DATA_KEYS = [
    "ada@example.org",
    "+441234567890",
    "/home/ada/letter.txt",
    "letter.txt",
    "C:\\Users\\ada",
    "example.org",
    "Ada Lovelace",
    "2026-01-02",
    "9f1c2b3a-0000-4000-8000-000000000000",
    "user_12345",
    "deadbeef0123",
    "sk-live-4eC39HqLyjWDarjtT1zdp7dc",
    "a" * 41,
    "42",
    "",
]


@pytest.mark.parametrize("key", DATA_KEYS)
def test_a_key_that_is_data_is_never_kept_but_what_is_under_it_is(key: str) -> None:
    shape = shape_of({key: {"balance": 7}, "total": 1})
    kept = json.dumps(shape.to_json())
    assert key == "" or key not in kept
    schema = to_schema(shape)
    assert list(schema["properties"]) == ["total"]
    assert schema["additionalProperties"]["properties"] == {"balance": {"type": "integer"}}


@pytest.mark.parametrize(
    "key", ["id", "createdAt", "Content-Type", "@type", "$ref", "p99", "sha256", "größe"]
)
def test_a_key_that_is_a_name_is_kept(key: str) -> None:
    assert list(to_schema(shape_of({key: 1}))["properties"]) == [key]


def test_objects_alike_under_many_keys_are_a_map() -> None:
    people = {name: {"age": 1, "city": "x"} for name in ("ada", "grace", "edsger", "alan", "barbara")}
    shape = shape_of(people)
    assert "ada" not in json.dumps(shape.to_json())
    assert to_schema(shape)["additionalProperties"]["properties"] == {
        "age": {"type": "integer"},
        "city": {"type": "string"},
    }


def test_an_object_of_very_many_keys_is_a_map() -> None:
    words = {f"{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(MOST_KEYS + 1)}
    assert to_schema(shape_of(words)) == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_objects_that_share_few_keys_are_shown_as_a_map() -> None:
    counts = [{f"word{first}{second}": 1 for second in "abc"} for first in "abcdefghij"]
    assert to_schema(shape_of(*counts)) == {"type": "object", "additionalProperties": {"type": "integer"}}


@given(st.text(min_size=9))
def test_no_text_of_a_result_is_kept(text: str) -> None:
    shape = shape_of({"name": text, "tags": [text], "inner": {"author": text}})
    assert json.dumps(text)[1:-1] not in json.dumps(shape.to_json())


def status(*values: str) -> Any:
    return to_schema(shape_of(*({"status": value} for value in values)))["properties"]["status"]


def test_a_choice_is_kept_when_its_key_says_so_and_each_was_seen_often() -> None:
    assert status(*["open", "closed"] * 3) == {"type": "string", "enum": ["closed", "open"]}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["open"] * 4, "seen in fewer than five results"),
        (["open"] * 9 + ["closed"] * 2, "one was seen only twice"),
        ([*["open"] * 9, "7 open"], "digits"),
        ([*["open"] * 9, "ada@example.org"], "an e-mail address"),
        ([*["open"] * 9, "a/b"], "a path"),
        ([*["open"] * 9, "aGhzTqLmNopRsKe"], "a secret"),
        ([*["open"] * 9, "waiting for an answer of Ada"], "a sentence"),
        ([f"{'abcdefghi'[n % 9]}x" for n in range(90)], "more than eight"),
    ],
)
def test_a_choice_stays_text_otherwise(values: list[str], why: str) -> None:
    assert status(*values) == {"type": "string"}, why


def test_few_values_under_a_key_that_names_no_choice_are_not_kept() -> None:
    shape = shape_of(*[{"author": "ada"}, {"author": "grace"}] * 50)
    assert "ada" not in json.dumps(shape.to_json())
    assert to_schema(shape)["properties"]["author"] == {"type": "string"}


def test_choices_are_let_go_as_soon_as_one_is_data() -> None:
    values = [{"state": word} for word in ("open", "closed")] * 20
    kept = json.dumps(shape_of(*values, {"state": "waiting for 5"}).to_json())
    assert "closed" not in kept
    assert "waiting" not in kept
    many = [{"state": "s" * (n + 1)} for n in range(MOST_CHOICES + 1)]
    assert "ss" not in json.dumps(shape_of(*many).to_json())


@pytest.mark.parametrize("key", ["status", "issueState", "merge_state", "EVENT_TYPE", "@type"])
def test_a_choice_is_known_by_the_last_word_of_its_key(key: str) -> None:
    assert key_kind(key) == "choice"
    assert key_kind(f"{key}_note") == "name"


@pytest.mark.parametrize(
    "text", ["open", "IN_PROGRESS", "in-progress", "inProgress", "Merged", "PullRequestEvent"]
)
def test_a_choice_is_a_few_words(text: str) -> None:
    assert is_choice(text)
