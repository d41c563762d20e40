from __future__ import annotations

import gzip
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.shared_data import shared_data

from underpass.broker.arguments import ArgumentValidator
from underpass.catalog.tolerance import Tolerance

pytestmark = pytest.mark.requirement("R08")

ANY: dict[str, Any] = {"type": "object"}


def read(*entries: Any) -> Tolerance:
    tolerance = Tolerance("s")
    tolerance.read(entries)
    return tolerance


def repaired(schema: Any) -> tuple[Any, str]:
    tolerance = read({"name": "t", "inputSchema": schema})
    (tool,) = tolerance.tools
    return tool.input_schema, "".join(finding.reason for finding in tolerance.findings)


@pytest.mark.parametrize(
    ("schema", "usable", "reason"),
    [
        ({"type": "object", "properties": {"a": True}}, {"type": "object", "properties": {"a": True}}, ""),
        (None, {**ANY, "additionalProperties": True}, "no input schema"),
        (True, {**ANY, "additionalProperties": True}, "no input schema"),
        ({}, ANY, "no type"),
        ({"type": "Object"}, ANY, "not of type object"),
        ({"type": 5}, ANY, "not of type object"),
        ({"type": ["object", "null"]}, {"type": ["object", "null"]}, ""),
        ({"type": "object", "required": "a"}, ANY, "required is 'a'"),
        ({"type": "object", "required": ["a", 5, "a"]}, {"type": "object", "required": ["a"]}, "no string"),
        ({"type": "object", "properties": []}, ANY, "properties is []"),
        ({"type": "object", "anyOf": []}, ANY, "anyOf is []"),
        (
            {"type": "object", "properties": {"a": "string", "b": {"type": "any", "title": 5}}},
            {"type": "object", "properties": {"a": True, "b": {}}},
            "properties.a is no schema",
        ),
        (
            {"type": "object", "properties": {"a": {"items": {"type": "float"}}, "b": {"items": [True]}}},
            {"type": "object", "properties": {"a": {"items": {}}, "b": True}},
            "properties.a.items.type",
        ),
        (
            {"type": "object", "properties": {"a": {"minimum": "5", "description": "d"}, "b": ANY}},
            {"type": "object", "properties": {"a": {"description": "d"}, "b": ANY}},
            "the schema of 'a' is invalid",
        ),
        (
            {"type": "object", "properties": {"a": ANY}, "minProperties": "x"},
            {"type": "object", "properties": {"a": True}},
            "only its parameters' names",
        ),
        (
            {"$schema": "http://nobody.example/schema", "type": "object", "$defs": {"x": 5}},
            {"$schema": "http://nobody.example/schema", "type": "object", "$defs": {"x": True}},
            "$defs.x is no schema",
        ),
    ],
    ids=repr,
)
def test_a_nearly_usable_schema_is_made_usable(schema: Any, usable: Any, reason: str) -> None:
    result, why = repaired(schema)
    assert result == usable
    assert reason in why
    assert bool(reason) == bool(why)


@pytest.mark.parametrize(
    "schema", [False, "object", 5, ["a"], {"type": "array"}, {"type": ["null"]}], ids=repr
)
def test_a_tool_is_left_out_when_nothing_usable_can_be_made_of_its_schema(schema: Any) -> None:
    tolerance = read({"name": "t", "inputSchema": schema}, {"name": "u", "inputSchema": ANY})
    assert [tool.name for tool in tolerance.tools] == ["u"]
    assert [(finding.tool, finding.action) for finding in tolerance.findings] == [("t", "quarantined")]


def test_a_schema_without_end_is_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(150):
        deep = {"properties": {"a": deep}}
    schema, reason = repaired({"type": "object", **deep})
    assert "nested too deeply" in reason
    assert orjson.dumps(schema)


def test_what_cannot_be_written_as_json_is_left_out() -> None:
    (finding,) = read({"name": "t", "inputSchema": {"type": "object", "default": 2**80}}).findings
    assert "cannot be written as JSON" in finding.reason


def test_annotations_are_kept_as_far_as_they_are_good() -> None:
    annotations = {"readOnlyHint": "yes", "destructiveHint": False, "title": 5, "other": 1}
    (tool,) = (tolerance := read({"name": "t", "inputSchema": ANY, "annotations": annotations})).tools
    assert tool.annotations == {"destructiveHint": False, "other": 1}
    assert "readOnlyHint" in tolerance.findings[0].reason
    assert "title" in tolerance.findings[0].reason


@pytest.mark.parametrize("output", [True, {"type": "array", "items": {"type": "string"}}])
def test_an_output_schema_may_be_of_any_type(output: Any) -> None:
    tolerance = read({"name": "t", "inputSchema": ANY, "outputSchema": output})
    assert tolerance.tools[0].output_schema == output
    assert tolerance.findings == []


def test_no_tool_of_the_corpus_is_lost_and_every_schema_compiles() -> None:
    servers: dict[str, list[Any]] = {}
    with gzip.open(shared_data("tools", "corpus.jsonl.gz")) as lines:
        for line in lines:
            tool = orjson.loads(line)
            servers.setdefault(tool["server"], []).append(tool)
    read_servers = [read(*tools) for tools in servers.values()]
    findings = [finding for server in read_servers for finding in server.findings]
    assert sum(len(server.tools) for server in read_servers) > 10_000
    assert {finding.reason for finding in findings if finding.action == "quarantined"} == {
        "another tool of the server has the same name"
    }
    faults = [ArgumentValidator(tool).fault for server in read_servers for tool in server.tools]
    assert set(faults) == {None}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "required", "items", "anyOf", "enum", "$ref", "default", "x"]
            ),
            children,
            max_size=5,
        )
    ),
    max_leaves=15,
)
keys = st.sampled_from(
    ["name", "description", "title", "inputSchema", "outputSchema", "annotations", "_meta", "icons"]
)


@given(st.lists(json_values | st.dictionaries(keys, json_values), max_size=4))
def test_no_listing_whatever_hides_a_good_tool_or_yields_an_invalid_schema(entries: list[Any]) -> None:
    tolerance = read(*entries, {"name": "a good tool", "inputSchema": ANY})
    assert tolerance.tools[-1].name == "a good tool"
    for tool in tolerance.tools:
        assert isinstance(tool.input_schema, dict)
        assert isinstance(tool.description, str)
        assert jsonschema_rs.meta.is_valid(
            {**tool.input_schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
        )
    assert (
        len(tolerance.tools) + sum(finding.action == "quarantined" for finding in tolerance.findings)
        == len(entries) + 1
    )
