"""What counts as the same result."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpass.skills.rehearsal import difference

pytestmark = pytest.mark.requirement("R48")

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_a_value_is_equal_to_itself(value: Any) -> None:
    assert difference(value, value) is None


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (1, 1.0),
        (0.1 + 0.2, 0.3),
        (1e300, 1e300 * (1 + 1e-10)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (0.0, 0),
    ],
)
def test_equal_values(expected: Any, found: Any) -> None:
    assert difference(expected, found) is None


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        (1, True, "the value: true, and 1 was expected"),
        ("1", 1, 'the value: 1, and "1" was expected'),
        (1.0, 1.0000001, "the value: 1.0000001, and 1.0 was expected"),
        (0.5, "0.5", 'the value: "0.5", and 0.5 was expected'),
        (10**400, 1.5, "the value: 1.5, and 1000"),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, "at a[1].b: 3, and 2 was expected"),
        ({"a": {"x y": None}}, {"a": {}}, 'at a["x y"] is missing: null was expected'),
        ({}, {"new": [1]}, "at new: [1] was not expected"),
        ([1, 2], [1], "the value: 1 entries, and 2 were expected"),
        ([1], {"0": 1}, 'the value: {"0": 1}, and [1] was expected'),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, "at a: 2, and 1 was expected"),
        ("x" * 500, "y" * 500, "…"),
    ],
)
def test_the_first_difference_is_named_by_its_path(expected: Any, found: Any, said: str) -> None:
    where = difference(expected, found)
    assert where is not None
    assert said in where
    assert len(where) < 300
