"""Whatever a program returns, prints or raises fits its bound, and says where the rest is."""

from __future__ import annotations

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
        ([1, "a"], {"type": "array", "length": 2, "items": "integer | string", "sample": [1, "a"]}),
        (
            [{"a": 1, "b": None}, {"a": "x"}],
            {
                "type": "array",
                "length": 2,
                "items": {"a": "integer | string", "b?": "null"},
                "sample": [{"a": 1, "b": None}, {"a": "x"}],
            },
        ),
        (
            {"rows": [1, 2], "n": 2},
            {
                "type": "object",
                "keys": 2,
                "properties": {
                    "rows": {"type": "array", "length": 2, "items": "integer", "sample": [1, 2]},
                    "n": 2,
                },
            },
        ),
    ],
)
def test_a_shape_says_type_counts_keys_and_samples(value: Any, expected: Any) -> None:
    assert shape_of(value, 1000, count) == expected


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
