"""What the intermediate form says of a schema."""

from typing import Any

import pytest
from tests.codegen.definitions import of

from underpass.codegen.ir import (
    ANY,
    BOOLEAN,
    INTEGER,
    MISSING,
    NEVER,
    NULL,
    NUMBER,
    STRING,
    Array,
    Field,
    Literals,
    Map,
    Node,
    Object,
    Reference,
    Tuple,
    Union,
    discriminator,
)
from underpass.codegen.schema import read_schema

pytestmark = pytest.mark.requirement("R08")


def _closed(*fields: Field) -> Object:
    return Object(fields, closed=True)


A_STRING = of(a={"type": "string"})
A = Object((Field("a", STRING),))

CASES: dict[str, tuple[Any, Node]] = {
    "true accepts anything": (True, ANY),
    "false accepts nothing": (False, NEVER),
    "an empty schema accepts anything": ({}, ANY),
    "what is no schema accepts anything": ("string", ANY),
    "a scalar": ({"type": "integer"}, INTEGER),
    "a list of types is a union": ({"type": ["string", "null"]}, Union((STRING, NULL))),
    "a number covers an integer": ({"type": ["integer", "number"]}, NUMBER),
    "an unknown type accepts anything": ({"type": "file"}, ANY),
    "an empty list of types accepts anything": ({"type": []}, ANY),
    "nullable adds null": ({"type": "string", "nullable": True}, Union((STRING, NULL))),
    "an enumeration": ({"enum": ["a", 1, None]}, Literals(("a", 1, None))),
    "one and true are two values": ({"enum": [1, True]}, Literals((1, True))),
    "a whole float is an integer": ({"enum": [1.0, 2.5]}, Literals((1, 2.5))),
    "an enumeration is narrowed by the type": ({"type": "string", "enum": ["a", 1]}, Literals(("a",))),
    "an enumeration of another type accepts nothing": ({"type": "string", "enum": [1]}, NEVER),
    "an enumeration with null under a list of types": (
        {"type": ["string", "null"], "enum": ["a", None]},
        Literals(("a", None)),
    ),
    "a constant": ({"const": "x"}, Literals(("x",))),
    "a constant with parts is as wide as its type": ({"const": {"a": 1}}, Map(ANY)),
    "constants that are infinite or huge are as wide as their types": (
        {"enum": [float("inf"), 10**60]},
        NUMBER,
    ),
    "an enumeration too long to write out": ({"enum": ["x" * 60_000]}, STRING),
    "an array": ({"type": "array", "items": {"type": "string"}}, Array(STRING)),
    "an array of anything": ({"type": "array"}, Array(ANY)),
    "items imply an array": ({"items": {"type": "string"}}, Array(STRING)),
    "a closed tuple": (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "null"}], "items": False},
        Tuple((STRING, NULL), None),
    ),
    "an open tuple": ({"prefixItems": [{"type": "string"}]}, Tuple((STRING,), ANY)),
    "a tuple closed by its length": (
        {"prefixItems": [{"type": "string"}], "maxItems": 1},
        Tuple((STRING,), None),
    ),
    "an old draft's tuple": (
        {"type": "array", "items": [{"type": "string"}], "additionalItems": {"type": "integer"}},
        Tuple((STRING,), INTEGER),
    ),
    "a map": ({"type": "object", "additionalProperties": {"type": "integer"}}, Map(INTEGER)),
    "a map by a pattern for all": ({"patternProperties": {".*": {"type": "integer"}}}, Map(INTEGER)),
    "a map by patterns": ({"patternProperties": {"^x": {"type": "integer"}}}, Map(ANY)),
    "a map by patterns and no others": (
        {"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
        Map(INTEGER),
    ),
    "patterns that allow nothing leave no extra members": (
        {"type": "object", "patternProperties": {"^x": False}, "additionalProperties": False},
        _closed(),
    ),
    "an object of unknown members": ({"type": "object"}, Object()),
    "properties imply an object": ({"properties": {"a": {"type": "string"}}}, A),
    "an open object": ({**A_STRING, "additionalProperties": True}, Object((Field("a", STRING),), extra=ANY)),
    "a closed object": ({**A_STRING, "additionalProperties": False}, _closed(Field("a", STRING))),
    "required members": ({**A_STRING, "required": ["a"]}, Object((Field("a", STRING, required=True),))),
    "a required member without a schema": ({"required": ["z"]}, Object((Field("z", ANY, required=True),))),
    "a forbidden member is none": ({"properties": {"a": False, "b": True}}, Object((Field("b", ANY),))),
    "any of": ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, Union((STRING, INTEGER))),
    "one of, flattened and without repetition": (
        {"oneOf": [{"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}]},
        Union((STRING, NULL)),
    ),
    "any of anything is anything": ({"anyOf": [{"type": "string"}, {}]}, ANY),
    "a literal beside its type": ({"anyOf": [{"const": "a"}, {"type": "string"}]}, STRING),
    "literals of all branches are one": ({"anyOf": [{"const": "a"}, {"const": "b"}]}, Literals(("a", "b"))),
    "all of merges objects": (
        {"allOf": [A_STRING, {**of(b={"type": "integer"}), "required": ["a"]}]},
        Object((Field("a", STRING, required=True), Field("b", INTEGER))),
    ),
    "all of merges the types of one member": (
        {"allOf": [of(a={"type": "number"}), of(a={"type": "integer"})]},
        Object((Field("a", INTEGER),)),
    ),
    "all of contradictory types accepts nothing": ({"allOf": [{"type": "string"}, {"type": "null"}]}, NEVER),
    "all of narrows a union": (
        {"type": ["string", "integer", "null"], "allOf": [{"type": ["null", "string"]}]},
        Union((STRING, NULL)),
    ),
    "all of merges arrays": (
        {"allOf": [{"items": {"type": "number"}}, {"items": {"type": "integer"}}]},
        Array(INTEGER),
    ),
    "all of keeps the tuple": (
        {"allOf": [{"items": {"type": "number"}}, {"prefixItems": [{"type": "integer"}]}]},
        Tuple((INTEGER,), ANY),
    ),
    "all of merges maps": (
        {
            "allOf": [
                {"additionalProperties": {"type": "number"}},
                {"additionalProperties": {"type": "integer"}},
            ]
        },
        Map(INTEGER),
    ),
    "all of prefers named members to a map": (
        {"allOf": [{"additionalProperties": {"type": "number"}}, A_STRING]},
        A,
    ),
    "all of an array and an object accepts nothing": (
        {"allOf": [{"type": "array"}, {"type": "object"}]},
        NEVER,
    ),
    "common members are in each branch": (
        {**A_STRING, "oneOf": [of(b={"type": "null"}), of(c={"type": "null"})]},
        Union(
            (
                Object((Field("a", STRING), Field("b", NULL))),
                Object((Field("a", STRING), Field("c", NULL))),
            )
        ),
    ),
    "branches that only require are conditions": (
        {**A_STRING, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        A,
    ),
    "not and if widen": ({"type": "string", "not": {"const": "x"}, "if": {}, "then": False}, STRING),
    "a scalar definition is put in place": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        STRING,
    ),
    "a small definition is put in place": (
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"anyOf": [{"items": {"type": "string"}}, {"type": "null"}, True]}},
        },
        ANY,
    ),
    "a nullable definition is put in place": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"items": {"type": "string"}}, {"type": "null"}]}}},
        Union((Array(STRING), NULL)),
    ),
    "a definition that is true or false is put in place": (
        {"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": False}},
        Array(NEVER),
    ),
    "all of one reference is the reference": (
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": A_STRING}},
        Reference("a"),
    ),
    "an extended definition is merged in place": (
        {"$ref": "#/$defs/a", **of(b={"type": "null"}), "$defs": {"a": A_STRING}},
        Object((Field("a", STRING), Field("b", NULL))),
    ),
    "an old draft ignores what stands beside a reference": (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$ref": "#/definitions/a",
            "type": "null",
            "definitions": {"a": {"type": "string"}},
        },
        STRING,
    ),
    "a remote reference accepts anything": ({"$ref": "https://example.com/x.json"}, ANY),
    "a reference to itself accepts anything": ({"$ref": "#"}, ANY),
    "a reference into a list": (
        {"anyOf": [{"type": "string"}, {"$ref": "#/anyOf/0"}]},
        STRING,
    ),
    "a schema as type, as draft 3 had it": ({"type": [{"type": "string"}, "null"]}, Union((STRING, NULL))),
}


@pytest.mark.parametrize("case", CASES)
def test_a_schema_reads_as_its_type(case: str) -> None:
    schema, expected = CASES[case]

    assert read_schema(schema).root == expected


def test_members_keep_their_description_default_and_constraints() -> None:
    schema = of(
        a={
            "type": "integer",
            "description": "How many.",
            "default": None,
            "minimum": 1,
            "exclusiveMaximum": 9,
        },
        b={"title": "The other", "$ref": "#/$defs/b"},
        c={"title": "C"},
        d={"$ref": "#/$defs/b"},
    )
    root = read_schema(
        {**schema, "$defs": {"b": {"type": "string", "default": "x", "description": "Its own."}}}
    ).root
    assert isinstance(root, Object)
    a, b, c, d = root.fields

    assert (a.description, a.default, a.has_default) == ("How many.", None, True)
    assert a.constraints == (("minimum", 1), ("exclusiveMaximum", 9))
    assert (b.description, b.default) == ("Its own.", "x")
    assert (c.description, c.default, c.has_default) == ("", MISSING, False)
    assert (d.description, d.default) == ("Its own.", "x")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("#/$defs/plain", STRING),
        ("#/%24defs/plain", STRING),
        ("#/$defs/a~1b~0c", INTEGER),
        ("#/$defs/with%20blank", BOOLEAN),
        ("#/properties/first/properties/inner", NUMBER),
        ("#here", NULL),
        ("#there", STRING),
        ("https://example.com/root.json#/$defs/plain", STRING),
        ("root.json#here", NULL),
        ("embedded.json", INTEGER),
        ("embedded.json#/$defs/deeper", BOOLEAN),
        ("https://example.com/embedded.json#inside", NUMBER),
        ("#/nowhere", ANY),
        ("#/properties/first/0", ANY),
        ("#/allOf/7", ANY),
        ("#/allOf/x", ANY),
        ("#/title/x", ANY),
        ("#unknown", ANY),
        ("unknown.json#x", ANY),
        ("http://[broken", ANY),
        ("#/$defs/inside", STRING),
    ],
)
def test_a_reference_is_found_wherever_it_points_in_the_document(reference: str, expected: Node) -> None:
    schema: dict[str, Any] = {
        "$id": "https://example.com/root.json",
        "title": "Root",
        "type": "object",
        "allOf": [{}],
        "properties": {"first": of(inner={"type": "number"}), "second": {"$ref": reference}},
        "$defs": {
            "plain": {"type": "string"},
            "a/b~c": {"type": "integer"},
            "with blank": {"type": "boolean"},
            "anchored": {"$anchor": "here", "type": "null"},
            "old": {"id": "#there", "type": "string"},
            "inside": {"$ref": "embedded.json#/$defs/relative"},
            "embedded": {
                "$id": "embedded.json",
                "type": "integer",
                "$defs": {
                    "deeper": {"type": "boolean"},
                    "anchored": {"$dynamicAnchor": "inside", "type": "number"},
                    "relative": {"$ref": "#/$defs/text"},
                    "text": {"type": "string"},
                },
            },
        },
    }
    root = read_schema(schema).root
    assert isinstance(root, Object)

    assert root.fields[1].type == expected


def test_a_type_that_contains_itself_refers_to_its_definition() -> None:
    schema = read_schema(
        {
            "$ref": "#/$defs/node",
            "$defs": {"node": of(children={"type": "array", "items": {"$ref": "#/$defs/node"}})},
        }
    )

    assert schema.root == Reference("node")
    assert schema.definitions == {"node": Object((Field("children", Array(Reference("node"))),))}
    assert schema.notes == ()


def test_definitions_of_one_name_are_told_apart() -> None:
    schema = read_schema(
        {
            **of(
                a={"$ref": "#/$defs/x/$defs/item"},
                b={"$ref": "#/$defs/y/$defs/item"},
                c={"$ref": "#/$defs/item2"},
            ),
            "$defs": {
                "x": {"$defs": {"item": of(p={"type": "string"})}},
                "y": {"$defs": {"item": of(q={"type": "string"})}},
                "item2": of(r={"type": "string"}),
            },
        }
    )

    assert list(schema.definitions) == ["item", "item2", "item22"]


def test_a_definition_that_would_be_itself_is_what_else_it_is() -> None:
    itself = {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "string"}, {"type": "array"}]}
    circle = {
        "x": {"anyOf": [{"$ref": "#/$defs/y"}, {"type": "null"}]},
        "y": {"anyOf": [{"$ref": "#/$defs/x"}, {}, 1]},
    }
    schema = read_schema({**of(a={"$ref": "#/$defs/a"}), "$defs": {"a": itself}})
    circular = read_schema(
        {
            **of(a={"$ref": "#/$defs/x"}),
            "$defs": {**circle, "y": {"anyOf": [{"$ref": "#/$defs/x"}, {"type": "null"}]}},
        }
    )

    assert schema.definitions["a"] == Union((STRING, Array(ANY)))
    assert circular.definitions["y"] == ANY
    assert circular.resolve(Reference("gone")) == ANY


def test_what_was_widened_is_noted() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    notes = read_schema(
        of(
            a={"$ref": "https://example.com/"},
            b={"type": "file"},
            c=deep,
            d="no schema",
            e={"$ref": "#/properties/e"},
        )
    ).notes

    assert [note for note in notes if "example.com" in note and "leads nowhere" in note]
    assert [note for note in notes if "'file'" in note]
    assert [note for note in notes if "nested deeper" in note]
    assert [note for note in notes if "neither an object nor a boolean" in note]
    assert [note for note in notes if "back to itself" in note]


def test_a_schema_of_any_size_is_read_up_to_a_bound() -> None:
    wide = of(**{f"p{n}": {"type": "string"} for n in range(30_000)})
    schema = read_schema(wide)
    assert isinstance(schema.root, Object)

    assert len(schema.root.fields) == 30_000
    assert schema.root.fields[-1].type == ANY
    assert [note for note in schema.notes if "more than" in note]


def test_a_discriminator_names_the_member_that_tells_objects_apart() -> None:
    cat = {**of(kind={"const": "cat"}, lives={"type": "integer"}), "required": ["kind"]}
    dog = {**of(kind={"const": "dog"}), "required": ["kind"]}
    schema = read_schema({"oneOf": [{"$ref": "#/$defs/cat"}, dog], "$defs": {"cat": cat}})
    found = discriminator(schema, schema.root)
    assert found is not None

    assert found.name == "kind"
    assert list(found.cases) == ["cat", "dog"]
    assert found.cases["cat"].fields[1].name == "lives"


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [of(kind={"const": "x"}), of(kind={"const": "y"})]},
        {"oneOf": [{**of(kind={"const": "x"}), "required": ["kind"]}, {**of(k={}), "required": ["kind"]}]},
        {"oneOf": [of(kind={"const": "x"}), {"type": "string"}]},
        of(kind={"const": "x"}),
    ],
)
def test_a_union_without_a_telling_member_has_no_discriminator(schema: Any) -> None:
    read = read_schema(schema)

    assert discriminator(read, read.root) is None


def test_a_reader_with_no_stack_left_widens() -> None:
    def at_depth(levels: int) -> Node:
        return read_schema(of(a={"type": "array"})).root if levels == 0 else at_depth(levels - 1)

    seen = set[str]()
    for levels in range(700, 1000):
        try:
            seen.add(type(at_depth(levels)).__name__)
        except RecursionError:
            break

    assert seen == {"Object", "Anything"}
