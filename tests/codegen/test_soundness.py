"""No valid value is refused: what a schema allows, its type allows."""

import ast
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.codegen.definitions import foreign_statements, tool
from tests.codegen.semantics import accepts

from underpass.codegen.documentation import document, signature
from underpass.codegen.python import render_tool
from underpass.codegen.schema import read_schema

pytestmark = pytest.mark.requirement("R08")

JSON = dict[str, Any]

KEYS = ("a", "b", "c")
SCALARS = st.sampled_from([None, True, False, 0, 1, 2.0, 1.5, -3, "", "a", "b"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
REFERENCES = st.sampled_from(["#/$defs/a", "#/$defs/b", "#/$defs/c"]).map(lambda at: {"$ref": at})
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
LEAVES = (
    st.sampled_from(TYPES).map(lambda kind: {"type": kind})
    | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True).map(lambda kinds: {"type": kinds})
    | st.lists(VALUES, min_size=1, max_size=3).map(lambda values: {"enum": values})
    | VALUES.map(lambda value: {"const": value})
    | st.booleans()
    | REFERENCES
)


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    objects = st.fixed_dictionaries(
        {"type": st.just("object")},
        optional={
            "properties": st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
            "required": st.lists(st.sampled_from(KEYS), max_size=2, unique=True),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b", "."]), inner, max_size=2),
        },
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={"items": inner, "prefixItems": several, "maxItems": st.integers(0, 3)},
    )
    combined = st.fixed_dictionaries(
        {},
        optional={
            "anyOf": several,
            "oneOf": several,
            "allOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "type": st.sampled_from(TYPES),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
        },
    )
    merged = st.tuples(objects, combined).map(lambda both: {**both[1], **both[0]})
    beside = st.tuples(REFERENCES, objects).map(lambda both: {**both[0], **both[1]})
    return objects | arrays | combined | merged | beside


SCHEMAS = st.recursive(LEAVES, _larger, max_leaves=8)
OBJECT_SCHEMAS: st.SearchStrategy[Any] = SCHEMAS.filter(lambda schema: isinstance(schema, dict))
DEFINITIONS: st.SearchStrategy[JSON] = st.fixed_dictionaries(dict.fromkeys(KEYS, SCHEMAS))


@st.composite
def documents(draw: st.DrawFn) -> JSON:
    return {**draw(OBJECT_SCHEMAS), "$defs": draw(DEFINITIONS)}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents(), st.lists(VALUES, min_size=1, max_size=12))
def test_a_value_that_fits_a_schema_is_of_its_type(schema: JSON, values: list[Any]) -> None:
    read = read_schema(schema)
    try:
        validator = jsonschema_rs.Draft202012Validator(schema)
    except (ValueError, jsonschema_rs.ValidationError):  # references that go round in a circle
        return

    for value in values:
        if validator.is_valid(value):
            assert accepts(read, read.root, value), (read, value)


WORDS = (
    *("type", "properties", "items", "prefixItems", "required", "additionalProperties", "patternProperties"),
    *("anyOf", "oneOf", "allOf", "enum", "const", "$ref", "$defs", "$id", "$anchor", "default", "nullable"),
    *(
        "description",
        "title",
        "minimum",
        "format",
        "additionalItems",
        "definitions",
        "$schema",
        "a",
        '"""',
        "class",
    ),
    *(
        "string",
        "object",
        "array",
        "integer",
        "#",
        "#/$defs/a",
        "#a",
        "x-y",
        "\u202e",
        "\\",
        "{{ x }}",
        "not",
        "",
    ),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=25,
)
ODD_SCHEMAS = st.booleans() | st.dictionaries(st.sampled_from(WORDS), ANYTHING, max_size=6)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ODD_SCHEMAS, ODD_SCHEMAS | st.none(), st.text(), st.text())
@example({"type": [], "properties": {"type": None}}, None, "", "")
def test_whatever_a_definition_says_it_becomes_a_module_of_definitions(
    schema: Any, output: Any, name: str, description: str
) -> None:
    definition = tool(name, schema, output=output, description=description)
    source = render_tool(definition)

    ast.parse(source.encode("utf-8"), feature_version=(3, 11))
    assert foreign_statements(source) == []
    assert "\n" not in signature(definition)
    assert document(definition)
