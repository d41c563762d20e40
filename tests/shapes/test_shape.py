"""The algebra of shapes: any order gives the same, and every value fits what it taught."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from underpass.shapes.outline import outline
from underpass.shapes.schema import to_schema
from underpass.shapes.shape import DEEPEST, MOST_ITEMS, MOST_KEYS, MOST_NODES, Shape

pytestmark = pytest.mark.requirement("R09")

KEYS = st.sampled_from(
    ["id", "status", "type", "name", "a.b", "x1234", "owner@example.org", "tags"]
) | st.text(max_size=3)
TEXTS = (
    st.sampled_from(["open", "closed", "IN_PROGRESS", "7", "https://example.org/a", "a b"])
    | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
    | st.uuids().map(str)
    | st.text(max_size=5)
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=7),
    max_leaves=20,
)
RESULTS = st.lists(VALUES, max_size=8)


def shape_of(*values: Any) -> Shape:
    shape = Shape()
    for value in values:
        shape.observe(value)
    return shape


def merged(*shapes: Shape) -> Shape:
    whole = Shape()
    for shape in shapes:
        whole.merge(shape)
    return whole


@given(RESULTS, RESULTS, RESULTS)
def test_shapes_merge_to_the_same_in_any_order_and_grouping(first: Any, second: Any, third: Any) -> None:
    a, b, c = shape_of(*first), shape_of(*second), shape_of(*third)
    whole = shape_of(*first, *second, *third).to_json()
    assert merged(a, b, c).to_json() == whole
    assert merged(c, merged(b, a)).to_json() == whole
    assert merged(merged(a, c), b).to_json() == whole


WIDE = {f"k{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(MOST_KEYS)}


@given(st.permutations([WIDE, {"other": "x"}, {"status": "open"}, {f"n{n}": {"a": 1} for n in range(9)}]))
def test_objects_that_become_maps_do_so_in_any_order(values: list[Any]) -> None:
    whole = shape_of(*values).to_json()
    assert "fields" not in whole["object"]
    assert merged(*(shape_of(value) for value in reversed(values))).to_json() == whole
    assert merged(shape_of(*values[:2]), shape_of(*values[2:])).to_json() == whole


@given(RESULTS)
@example([{"status": "open"}] * 9)
def test_every_value_fits_the_schema_that_it_taught(values: list[Any]) -> None:
    validator = jsonschema_rs.validator_for(to_schema(shape_of(*values)))
    for value in values:
        validator.validate(value)


@given(RESULTS)
def test_a_shape_survives_being_written_and_read(values: list[Any]) -> None:
    shape = shape_of(*values)
    again = Shape.from_json(json.loads(json.dumps(shape.to_json())))
    assert again.to_json() == shape.to_json()
    for each in (shape, again):
        each.observe({"status": "new"})
    assert again.to_json() == shape.to_json()


@given(RESULTS)
def test_merging_changes_only_the_shape_that_is_merged_into(values: list[Any]) -> None:
    source = shape_of(*values)
    before = source.to_json()
    copy = merged(source)
    copy.observe({"id": 1, "more": ["x"]})
    copy.merge(source)
    assert source.to_json() == before


def test_a_shape_says_which_keys_are_always_there_and_what_they_hold() -> None:
    shape = shape_of(
        [{"id": 1, "title": "a", "price": 2}, {"id": 2, "title": None, "price": 2.5, "tags": ["x"]}],
        [{"id": 3, "title": "c", "price": 1, "at": "2026-01-02T03:04:05Z"}],
    )
    assert to_schema(shape) == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "price": {"type": "number"},
                "title": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "at": {"type": "string", "format": "date-time"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["id", "price", "title"],
        },
    }
    assert outline(shape) == [
        "result: list",
        "  (each item): object",
        "    id: integer",
        "    price: integer or number",
        "    title: text or null",
        "    at: text (date-time)  (1 of 3)",
        "    tags: list  (1 of 3)",
        "      (each item): text",
    ]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["https://example.org/a", "file:///b"], "uri"),
        ([str(UUID(int=5)), str(UUID(int=6))], "uuid"),
        (["2026-01-02", "2025-12-31"], "date"),
        (["2026-01-02T03:04:05.678+01:00", "2025-12-31T00:00:00Z"], "date-time"),
        (["2026-01-02", "2025-12-31T00:00:00Z"], None),
        (["2026-01-02", "soon"], None),
        (["not a date, but long enough to be looked at"], None),
    ],
)
def test_a_format_is_known_when_all_texts_have_it(texts: list[str], expected: str | None) -> None:
    assert to_schema(shape_of(*texts)).get("format") == expected


def test_what_is_too_deep_is_anything() -> None:
    value: Any = 1
    for _ in range(DEEPEST + 3):
        value = {"in": value}
    schema = to_schema(shape_of(value))
    for _ in range(DEEPEST):
        schema = schema["properties"]["in"]
    assert schema == {}


def test_a_value_of_no_json_type_is_anything() -> None:
    assert to_schema(shape_of({"at": datetime.now(UTC)}))["properties"]["at"] == {}


def test_a_huge_result_is_sampled_at_both_ends_and_between() -> None:
    items = [{"n": n} for n in range(100_000)]
    items[0]["first"], items[-1]["last"] = 1, 1
    shape = shape_of(items)
    assert shape.array is not None
    assert shape.array.items.count == MOST_ITEMS
    assert {"n", "first", "last"} == set(to_schema(shape)["items"]["properties"])


def test_a_huge_list_leaves_room_for_what_comes_after_it() -> None:
    record = {f"k{chr(97 + n // 26)}{chr(97 + n % 26)}": {"a": n, "b": n} for n in range(40)} | {"c": 1}
    shape = shape_of({"items": [record] * 1_000, "page": {"next": "x"}})
    schema = to_schema(shape)
    assert schema["properties"]["page"]["properties"] == {"next": {"type": "string"}}


def test_an_object_without_end_takes_bounded_work() -> None:
    value: Any = 1
    for _ in range(DEEPEST - 1):
        value = {f"{first}{second}": value for first in "abcdef" for second in "ghijkl"}
    shape = shape_of(value)
    assert len(json.dumps(shape.to_json())) < 100 * MOST_NODES
