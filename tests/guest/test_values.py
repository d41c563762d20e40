"""Values become JSON without loss, or say where they cannot."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import pathlib
import types
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from underpass.guest.values import to_json


class Colour(enum.Enum):
    RED = "red"


class Number(int):
    pass


class Text(str):
    __slots__ = ()


@dataclasses.dataclass
class Point:
    x: float
    children: list[Any] = dataclasses.field(default_factory=list[Any])


class Model(BaseModel):
    when: dt.date


USUAL: list[tuple[Any, Any]] = [
    (Point(1.5, [Point(2)]), {"x": 1.5, "children": [{"x": 2, "children": []}]}),
    ({1, 3, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ({1, "a"}, ["a", 1]),
    ((1, 2), [1, 2]),
    (dt.date(2026, 1, 2), "2026-01-02"),
    (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "2026-01-02T03:00:00+00:00"),
    (dt.time(1, 2), "01:02:00"),
    (dt.timedelta(minutes=1), 60.0),
    (decimal.Decimal("1.5"), 1.5),
    (decimal.Decimal(7), 7),
    (fractions.Fraction(1, 4), 0.25),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (pathlib.Path("a/b"), "a/b"),
    (Colour.RED, "red"),
    (b"text", "text"),
    (b"\xff", "/w=="),
    (bytearray(b"x"), "x"),
    (collections.deque([1]), [1]),
    ({"a": 1}.keys(), ["a"]),
    (range(3), [0, 1, 2]),
    ((n for n in (1, 2)), [1, 2]),
    (map(str, [1]), ["1"]),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    (collections.OrderedDict(a=1), {"a": 1}),
    (Model(when=dt.date(2026, 1, 2)), {"when": "2026-01-02"}),
    ([Number(3), Text("t"), {1}], [3, "t", [1]]),
    ({(1, 2): 1, None: 2, dt.date(2026, 1, 2): 3, 4: 4}, {"1, 2": 1, "null": 2, "2026-01-02": 3, "4": 4}),
]


@pytest.mark.parametrize(("value", "expected"), USUAL)
def test_usual_types_convert(value: Any, expected: Any) -> None:
    text, problems = to_json(value)
    assert (json.loads(text), problems) == (expected, [])


class Long:
    def __repr__(self) -> str:
        return "x" * 1000


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ([{"a": float("nan")}], "$[0].a", "nan"),
        ([float("-inf"), {1}], "$[0]", "-inf"),
        (["ok é", "\ud800"], "$[1]", "surrogate"),
        ({"\udc00": 1}, "$", "surrogate"),
        ([Text("\ud800")], "$[0]", "surrogate"),
        ({"f": print}, "$.f", "a builtin_function_or_method"),
        ([Unshowable()], "$[0]", "an Unshowable"),
        (deep(5000), "$" + "[0]" * 200, "200 levels"),
        ({1: "a", "1": "b", "s": {1}}, "$", "two of its keys"),
    ],
)
def test_what_cannot_convert_is_replaced_and_named(value: Any, path: str, reason: str) -> None:
    text, problems = to_json(value)
    json.loads(text)
    assert problems[0][0] == path
    assert reason in problems[0][1]


def test_what_contains_itself_is_named_by_where_it_is() -> None:
    value: dict[str, Any] = {"a": [1]}
    value["a"].append(value)
    text, problems = to_json(value)
    assert json.loads(text) == {"a": [1, "<the same object as $>"]}
    assert problems[0][0] == "$.a[1]"


def test_a_long_display_is_cut_and_problems_are_few() -> None:
    text, problems = to_json([Long() for _ in range(50)])
    assert len(json.loads(text)[0]) == 201
    assert len(problems) == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_json_values_stay_as_they_are(value: Any) -> None:
    text, problems = to_json(value)
    assert (json.loads(text), problems) == (value, [])


@given(st.recursive(st.floats() | st.binary() | st.sets(st.integers()), st.lists))
def test_whatever_comes_in_json_comes_out(value: Any) -> None:
    json.loads(to_json(value)[0], parse_constant=pytest.fail)
