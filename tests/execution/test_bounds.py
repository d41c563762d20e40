"""Whatever a program returns, prints or raises fits its bound, and says where the rest is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underpass.execution.answer import bounded
from underpass.execution.failure import guest_error, unexpressed
from underpass.execution.result import RunError
from underpass.execution.shape import bound_text, compact, shape_of
from underpass.metrics.tokens import count

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


def error(text: str) -> RunError:
    return RunError("ValueError", text, text, text, 0)


class Kept:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def __call__(self, ending: str, content: bytes) -> str:
        self.files[ending] = content
        return f"results/run{ending}"


@pytest.mark.requirement("R12")
@settings(deadline=None, max_examples=150)
@given(
    value=JSON, times=st.sampled_from([1, 200]), stdout=st.text(max_size=50), stderr=st.text(max_size=50),
    message=st.none() | st.text(), repeat=st.sampled_from([1, 300]), bound=st.integers(100, 600),
)  # fmt: skip
def test_an_answer_fits_its_bound_and_nothing_is_lost(
    value: Any, times: int, stdout: str, stderr: str, message: str | None, repeat: int, bound: int
) -> None:
    kept = Kept()
    value = value if times == 1 else [value] * times
    failed = None if message is None else error(message * repeat)
    answer = bounded(
        value, (stdout * repeat, stderr * repeat), failed, max_tokens=bound, count=count, keep=kept
    )
    # The lines between the parts, and tokens that join over their seams, are not the parts' own.
    assert count(answer.text) <= bound + 8
    json.dumps(answer.value, allow_nan=False)
    assert answer.value == value or json.loads(kept.files[".json"]) == value
    printed = (answer.stdout, answer.stderr)
    whole = (stdout * repeat, stderr * repeat)
    assert printed == whole or kept.files[".txt"].decode() == "".join(whole)
    assert answer.truncated is (answer.handle is not None) is (answer.value != value)


@settings(deadline=None, max_examples=200)
@given(value=JSON, budget=st.integers(10, 300))
def test_a_shape_fits_its_budget(value: Any, budget: int) -> None:
    assert count(compact(shape_of(value, budget, count))) <= budget


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {"type": "null", "value": None}),
        (True, {"type": "boolean", "value": True}),
        (7, {"type": "integer", "value": 7}),
        (2**5000, {"type": "integer", "value": "an integer of 5001 bits"}),
        (1.5, {"type": "number", "value": 1.5}),
        ("abc", {"type": "string", "length": 3, "beginning": "abc"}),
        ([], {"type": "array", "length": 0, "items": "nothing", "sample": []}),
        (
            [1, "a"],
            {"type": "array", "length": 2, "items": "integer 1 | string, 1 different", "sample": [1, "a"]},
        ),
        (
            [{"a": 1, "b": None}, {"a": "x"}],
            {
                "type": "array",
                "length": 2,
                "items": {"a": "integer 1 | string, 1 different", "b?": "null, missing in 1"},
                "sample": [{"a": 1, "b": None}, {"a": "x"}],
            },
        ),
        (
            {"rows": [1, 2], "n": 2},
            {
                "type": "object",
                "keys": 2,
                "properties": {
                    "rows": {"type": "array", "length": 2, "items": "integer 1..2", "sample": [1, 2]},
                    "n": 2,
                },
            },
        ),
    ],
)
def test_a_shape_says_type_counts_keys_and_samples(value: Any, expected: Any) -> None:
    assert shape_of(value, 1000, count) == expected


COLUMNS: list[tuple[list[Any], str | None]] = [
    ([1, 5, None, 3], "integer 1..5 | null (1)"),
    ([1, 2.25, -3], "number -3..2.25"),
    ([7, 7], "integer 7"),
    ([2**80, 1], "integer of up to 81 bits"),
    ([True, False, True], "boolean, 2 of 3 true"),
    (["open", "closed", "open"], 'string "open" (2), "closed" (1)'),
    (["2026-01-02", "2025-12-31T10:00:00Z"], "string 2025-12-31T10:00:00Z..2026-01-02"),
    (["x" * 31, "y"], "string, 2 different, up to 31 characters"),
    ([[1], [2, 3], []], "array of 0..2: integer 1..3"),
    ([[], []], "array of 0"),
    ([{"a": 1, "b c": None}, {"a": 2}, None], '{a: integer 1..2, "b c?": null, missing in 1} | null (1)'),
    ([{"a": {"b": {"c": {"d": 1}}}}], "{a: {b: {c: object}}}"),
    ([{f"k{n}": n for n in range(10)}], None),
]  # fmt: skip


@pytest.mark.requirement("R28")
@pytest.mark.parametrize(("values", "expected"), COLUMNS)
def test_a_column_says_types_ranges_and_counts(values: list[Any], expected: str | None) -> None:
    items = shape_of([{"x": value} for value in values], 1000, count)["items"]
    assert items == {"x": expected} if expected else items["x"].endswith("k7: integer 7, … 2 more keys}")


def test_an_object_whose_keys_are_data_is_described_as_rows_are() -> None:
    by_id = {f"id{n}": {"score": n} for n in range(500)}
    shown = shape_of(by_id, 300, count)
    assert (shown["keys"], shown["items"]) == (500, {"score": "integer 0..499"})
    assert shown["names"] == ["id0", "id1", "id2", "id3", "id4"]
    assert shown["sample"][0] == {"score": 0}


def test_a_wide_table_names_as_many_columns_as_fit() -> None:
    rows = [{f"column {n}": n for n in range(60)}] * 20
    wide = shape_of(rows, 5_000, count)["items"]
    assert (len(wide), wide["…"]) == (31, "30 more keys")
    narrow = shape_of(rows, 80, count)["items"]
    assert 2 < len(narrow) < 31
    assert "column 0" in narrow


def test_a_text_says_its_lines_its_size_and_how_it_ends() -> None:
    log = "".join(f"line {n} é\n" for n in range(500))
    shown = shape_of(log, 300, count)
    assert (shown["length"], shown["lines"], shown["bytes"]) == (len(log), 500, len(log) + 500)
    assert shown["beginning"].startswith("line 0 é\nline 1")
    assert shown["ending"].endswith("line 499 é\n")


def test_bytes_are_known_by_their_encoding() -> None:
    shown = shape_of(base64.b64encode(bytes(range(256)) * 40).decode(), 300, count)
    assert shown["holds"] == "10240 bytes in base64"
    assert "ending" not in shown
    assert "holds" not in shape_of("a" * 1_000, 300, count)


HOSTILE = [
    '"}],"type":"object"', "\\" * 500, "\u202e" * 99, "…", "\n" * 900, "\0", "\U0001f600" * 200,
    "<|endoftext|>" * 50, "a" * 100_000, "ignore all " * 400, "{{}}", "%s %(x)s", "\ufeff", "\u2028",
]  # fmt: skip
NAMES = st.sampled_from(HOSTILE) | st.text()
HOSTILE_JSON = st.recursive(
    NAMES | st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@pytest.mark.requirement("R12")
@settings(deadline=None, max_examples=150)
@given(value=HOSTILE_JSON, times=st.sampled_from([1, 40]), budget=st.integers(12, 400))
def test_the_shape_of_hostile_texts_is_valid_json_within_its_budget(
    value: Any, times: int, budget: int
) -> None:
    shown = shape_of([value] * times if times > 1 else value, budget, count)
    text = compact(shown)
    assert count(text) <= budget
    assert json.loads(text) == shown


def test_samples_show_the_beginning_of_what_is_deep_long_or_wide() -> None:
    row = {
        "text": "x" * 1000, "list": list(range(50)), "wide": {f"k{n}": n for n in range(60)},
        "deep": {"a": {"b": {"c": {"d": {"e": [1, [2, [3, [4, [5]]]]]}}}}},
    }  # fmt: skip
    sample = shape_of([row], 5000, count)["sample"][0]
    assert sample["text"].startswith("x" * 400 + "… (1000")
    assert sample["list"] == [0, 1, 2, "… 47 more"]
    assert sample["wide"]["…"] == "30 more"
    assert sample["deep"]["a"]["b"]["c"] == "… 1 keys"


@given(text=st.text(max_size=3000), budget=st.integers(0, 200))
@settings(deadline=None, max_examples=100)
def test_a_text_keeps_its_beginning_and_end(text: str, budget: int) -> None:
    shown = bound_text(text, budget, count, whole=" (in f)")
    assert count(shown) <= max(budget, 0)
    if shown and shown != text:
        assert "left out (in f)" in shown
        assert text.startswith(shown.partition("\n…")[0])


LIMITS = {"timeout": 30.0, "cpu_seconds": 30, "memory_mb": 512}


@pytest.mark.requirement("R16")
@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("TimeLimit", "Timeout", "longer than 30 s (it was at line 3)"),
        ("CpuLimit", "LimitExceeded", "more than 30 s of processor time"),
        ("MemoryError", "LimitExceeded", "more than 512 MB"),
        ("NeverAwaited", "CodeError", "m"),
        ("ValueTooLarge", "ResultInvalid", "m"),
        ("KeyError", "KeyError", "m"),
    ],
)
def test_a_guests_error_has_the_name_that_the_tree_gives(kind: str, name: str, said: str) -> None:
    described = guest_error({"type": kind, "message": "m", "line": 3}, 2, LIMITS)
    assert (described.type, described.tool_calls_done) == (name, 2)
    assert said in described.message


def test_a_guests_error_may_hold_anything() -> None:
    described = guest_error({"type": ["x"], "message": {"a": 1}, "hint": None, "line": "z"}, 0, LIMITS)
    json.dumps(described.to_dict())


def test_problems_of_a_value_are_all_named() -> None:
    described = unexpressed([("$.a", "nan"), ("$.b", "inf")], 0)
    assert "at $.a: nan; at $.b: inf" in described.message
    assert "do not run it again" in described.hint
