"""Examples of calls: valid arguments, in a program that passes a type checker."""

import ast
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.codegen.checkers import complaints
from tests.codegen.corpus import corpus
from tests.codegen.definitions import of, tool
from tests.codegen.hostile import hostile_tools

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.calls import Language
from underpass.codegen.example import example
from underpass.codegen.example_arguments import example_arguments
from underpass.codegen.interface import tool_interface
from underpass.codegen.observed import ObservedShape
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage
from underpass.codegen.typescript import TypeScriptPackage
from underpass.codegen.usable import usable_tools

pytestmark = pytest.mark.requirement("R22")

UNIQUE = {"uniqueItems": True}
WHOLE = "  # look at it first: no more is declared"
CONTRADICTORY = {"place_bet", "toggle_entity"} | {
    f"add_{what}_by_index" for what in ("notes", "controlchanges", "pitchbends")
}
"""Tools of the corpus whose schemas no arguments fit: true and false as texts, and worse."""


def arguments(definition: ToolDefinition) -> dict[str, Any] | None:
    return example_arguments(definition, tool_interface(definition))


def required(**properties: Any) -> dict[str, Any]:
    return {**of(**properties), "required": list(properties)}


@pytest.mark.parametrize(
    ("name", "schema", "value"),
    [
        ("a", {"type": "string", "examples": ["rust", "go"], "default": "c"}, "rust"),
        ("a", {"type": "string", "example": "rust"}, "rust"),
        ("a", {"type": "string", "default": "main"}, "main"),
        ("path", {"type": "string", "default": ""}, "data/report.csv"),
        ("a", {"const": 7}, 7),
        ("a", {"enum": [None, "", "fast", "exact"]}, "fast"),
        ("a", {"enum": ["fast", 3], "type": "integer"}, 3),
        ("a", {"type": "string", "format": "date-time"}, "2026-01-31T09:30:00Z"),
        ("a", {"type": "string", "format": "email"}, "ada@example.com"),
        ("a", {"type": "string", "description": "A pair, e.g. 'BTC/USD' or so"}, "BTC/USD"),
        ("a", {"type": "string", "description": "An entity (e.g., switch.bedroom)"}, "switch.bedroom"),
        ("start_date", {"type": "string"}, "2026-01-01"),
        ("filePath", {"type": "string"}, "data/report.csv"),
        ("walletAddress", {"type": "string"}, "0x1234567890abcdef1234567890abcdef12345678"),
        ("userIds", {"type": "array", "items": {"type": "string"}}, ["42"]),
        ("a", {"type": "string", "pattern": r"^CVE-\d{4}-\d{4,}$"}, "CVE-1111-1111"),
        ("a", {"type": "string", "pattern": r"^([01]\d|2[0-3]):([0-5]\d)$"}, "09:30"),
        ("a", {"type": "string", "pattern": r"^(?:x|y)[^abc]\.?z+\s\\$"}, "x1z \\"),
        ("query", {"type": "string", "minLength": 20, "maxLength": 50_000}, "release notesrelease"),
        ("query", {"type": "string", "maxLength": 3}, "rel"),
        ("limit", {"type": "integer"}, 10),
        ("limit", {"type": "integer", "maximum": 5}, 5),
        ("a", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ("a", {"type": "integer", "multipleOf": 15, "minimum": 31}, 45),
        ("a", {"type": "integer", "minimum": 3, "exclusiveMinimum": True}, 4),
        ("latitude", {"type": "number"}, 51.5),
        ("a", {"type": "boolean"}, True),
        ("a", {"type": "null"}, None),
        ("a", {"type": ["null", "integer"]}, 1),
        ("a", {"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ("a", {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False}, [1, "example"]),
        ("a", {"type": "array", "items": {"type": "integer"}, "minItems": 3, **UNIQUE}, [1, 2, 3]),
        ("a", {"type": "array", "items": {"enum": ["x", "y"]}, "minItems": 2, **UNIQUE}, ["x", "y"]),
        ("a", {"items": {"type": "string"}, "minItems": 2, **UNIQUE}, ["example", "example2"]),
        ("tags", {"type": "array", "items": {"type": "string"}, "minItems": 2}, ["v1.0.0", "v1.0.0"]),
        ("a", {"type": "array", "maxItems": 0, "items": {"type": "string"}}, []),
        ("a", {"type": "object"}, {}),
        ("a", {"additionalProperties": {"type": "integer"}, "minProperties": 1}, {"key1": 1}),
        ("a", {"minimum": 3}, 3),
        ("a", {"allOf": [of(x={"type": "integer"}), {"required": ["x"]}]}, {"x": 1}),
        ("a", {"oneOf": [required(k={"const": "v"}), of(k={"const": "w"})]}, {"k": "v"}),
        ("a", {"type": "number", "default": 0.25}, 0.25),
        ("a", {"default": {"b": [1, None, "x"]}}, {"b": [1, None, "x"]}),
        ("a", {"default": {"b": "\x00"}, "type": "object"}, {}),
        ("a", {"default": [0.5, [True]], "type": "array"}, [0.5, [True]]),
        ("a", {"prefixItems": [{"const": 1}], "items": {"const": "x"}, "minItems": 3}, [1, "x", "x"]),
        ("a", True, "example"),
    ],
)  # fmt: skip
def test_a_value_comes_from_the_schema_or_from_what_the_name_suggests(
    name: str, schema: Any, value: object
) -> None:
    assert arguments(tool(schema=required(**{name: schema}))) == {name: value}


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (of(), {}),
        (True, {}),
        (of(limit={"type": "integer", "default": 3}, query={"type": "string"}), {"query": "release notes"}),
        ({**of(a=False, b={"const": 1}), "maxProperties": 0}, {}),
        ({**of(a={"type": "integer"}, b={"type": "boolean"}), "minProperties": 2}, {"a": 1, "b": True}),
        (
            {**of(b={"const": 2}), "anyOf": [{"required": ["b"]}, {"required": ["a"]}]},
            {"b": 2},
        ),
        ({**required(a={"const": 1}), **of(a={"const": 1}, b={"type": "integer"}),
          "dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 1}),
        (
            {**required(v={"$ref": "#/$defs/v"}), "$defs": {"v": required(name={"type": "string"})}},
            {"v": {"name": "example"}},
        ),
        # A default that the schema itself does not accept is left aside.
        (required(a={**required(b={"type": "integer"}), "default": {"b": "x"}}), {"a": {"b": 1}}),
    ],
)  # fmt: skip
def test_what_is_given_is_what_a_call_needs(schema: Any, given: dict[str, Any]) -> None:
    assert arguments(tool(schema=schema)) == given


@pytest.mark.parametrize(
    "schema",
    [
        False,
        required(a=False),
        required(a={"type": "string", "enum": [True, False]}),
        required(a={"$ref": "#"}),
        required(**{f"a{number}": {"type": "string"} for number in range(5000)}),
        required(a={"type": "string", "pattern": r"(?=x)y\p{L}"}),
        required(a={"type": "array", "items": {"type": "string"}, "minItems": 5000}),
        required(a={"type": "integer", "minimum": 10**300}),
        {"type": "object", "minProperties": 1},
        required(a={"prefixItems": [{"type": "string"}], "minItems": 2, "items": False}),
        required(a={"additionalProperties": False, "default": {"b": 1}, "minProperties": 1}),
    ],
    ids=[
        "nothing",
        "never",
        "contradiction",
        "itself",
        "many",
        "pattern",
        "long",
        "large",
        "any-one",
        "places",
        "closed",
    ],
)
def test_where_no_valid_arguments_are_known_there_is_no_example(schema: Any) -> None:
    assert example(tool(schema=schema)) is None


def test_an_example_is_a_short_program_in_the_language_asked_for() -> None:
    definition = tool(
        "search-docs",
        required(query={"type": "string"}, **{"in": {"type": "array", "items": {"type": "string"}}}),
        output={"type": "array", "items": of(title={"type": "string"})},
        server="my-docs",
    )

    assert example(definition) == (
        "from mcp_servers import my_docs\n\n"
        'result = await my_docs.search_docs(query="release notes", in_=["example"])\n'
        '[item.get("title") for item in result]'
    )
    assert example(definition, "typescript", path="docs2.find") == (
        'import { docs2 } from "mcp-servers";\n\n'
        'const result = await docs2.find({ query: "release notes", in: ["example"] });\n'
        "result.map((item) => item.title);"
    )


def test_long_arguments_have_lines_of_their_own() -> None:
    inner = required(**{f"member_{number}": {"const": "x" * 20} for number in range(4)})

    assert example(tool(schema=required(a={"type": "array", "items": inner}, b={"const": 1}))) == (
        "from mcp_servers import demo\n\n"
        "result = await demo.search(\n"
        "    a=[\n"
        "        {\n"
        '            "member_0": "xxxxxxxxxxxxxxxxxxxx",\n'
        '            "member_1": "xxxxxxxxxxxxxxxxxxxx",\n'
        '            "member_2": "xxxxxxxxxxxxxxxxxxxx",\n'
        '            "member_3": "xxxxxxxxxxxxxxxxxxxx",\n'
        "        },\n"
        "    ],\n"
        "    b=1,\n"
        ")\n"
        f"result{WHOLE}"
    )


USES: tuple[tuple[Any, str, str], ...] = (
    (None, f"result{WHOLE}", f"result;{WHOLE.replace('  #', ' //')}"),
    ({"type": ["string", "null"]}, f"result{WHOLE}", f"result;{WHOLE.replace('  #', ' //')}"),
    ({"type": "string"}, "result[:500]", "result.slice(0, 500);"),
    ({"items": {"type": "string"}}, "result[:10]", "result.slice(0, 10);"),
    (
        {"items": required(**{"a b": {}})},
        '[item["a b"] for item in result]',
        'result.map((item) => item["a b"]);',
    ),
    (of(a={"items": {}}, b={"type": "null"}), 'result.get("b")', "result.b;"),
)
"""A declared result, and what is done with it in each language."""


@pytest.mark.parametrize(("output", "python", "typescript"), USES)
def test_an_example_does_with_the_result_what_its_type_allows(
    output: Any, python: str, typescript: str
) -> None:
    assert str(example(tool(output=output))).endswith(f"\n{python}")
    assert str(example(tool(output=output), "typescript")).endswith(f"\n{typescript}")


def test_an_observed_result_is_used_by_its_shape() -> None:
    seen = ObservedShape({"type": "array", "items": required(id={"type": "integer"})}, 3)

    assert str(example(tool(), observed=seen)).endswith('[item["id"] for item in result]')


def test_what_is_done_with_a_result_passes_type_checkers(tmp_path: Path) -> None:
    declared = {f"declared{number}": [tool(output=output)] for number, (output, *_) in enumerate(USES)}
    seen = ObservedShape({"type": "array", "items": required(id={"type": "integer"})}, 3)
    servers = {**declared, "observed": [tool(output=None)]}

    assert checked(servers, tmp_path, seen) == {"ty": "", "tsc": ""}


def test_an_example_of_a_hostile_definition_is_code_and_no_more() -> None:
    for what, definition in hostile_tools().items():
        usable, _ = usable_tools(definition.server, [definition])
        for known in usable.values():
            found = example(known)
            if found is not None:
                body = ast.parse(found, what, feature_version=(3, 11)).body
                assert [type(statement) for statement in body] == [ast.ImportFrom, ast.Assign, ast.Expr], what
                ast.literal_eval(_dictionary(body[1]))


def _dictionary(statement: ast.stmt) -> ast.expr:
    """The arguments of the one call of an assignment."""
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Await)
    call = statement.value.value
    assert isinstance(call, ast.Call)
    assert call.args == []
    return ast.List([keyword.value for keyword in call.keywords])


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_the_examples_of_the_corpus_are_valid(step: int) -> None:
    tools = [definition for listing in corpus().values() for definition in listing.tools]
    for definition in tools[::step]:
        given = arguments(definition)
        assert (given is None) == (definition.name in CONTRADICTORY), definition.id
        assert given is None or _is_valid(definition, given), definition.id
        assert given == arguments(definition)


def _is_valid(definition: ToolDefinition, given: dict[str, Any]) -> bool:
    assert not isinstance(definition.input_schema, bool)
    try:
        schema = dict(definition.input_schema)
        return jsonschema_rs.validator_for(schema, retriever=lambda _uri: True).is_valid(given)
    except (ValueError, jsonschema_rs.ReferencingError):
        return True  # the schema is none; the broker validates nothing then


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_the_examples_of_the_corpus_pass_type_checkers(step: int, tmp_path: Path) -> None:
    servers = {name: corpus()[name] for name in sorted(corpus())[::step]}

    assert checked(servers, tmp_path) == {"ty": "", "tsc": ""}


@pytest.mark.slow
def test_the_examples_of_hostile_definitions_pass_type_checkers(tmp_path: Path) -> None:
    # As many servers as definitions: each has its modules to itself. A member "constructor" that is a text
    # fits no object of TypeScript's at all.
    tools = [
        definition
        for what, definition in hostile_tools().items()
        if len(json_of(definition)) < 20_000 and what != "input: nested keys of every kind"
    ]
    servers = {
        f"demo{number}": list(usable_tools(f"demo{number}", [definition])[0].values())
        for number, definition in enumerate(tools)
    }

    assert checked(servers, tmp_path) == {"ty": "", "tsc": ""}


def json_of(definition: ToolDefinition) -> str:
    try:
        return json.dumps([definition.name, definition.input_schema, definition.output_schema])
    except (RecursionError, ValueError):
        return " " * 20_000


def checked(
    servers: Mapping[str, Listing | Iterable[ToolDefinition]],
    folder: Path,
    observed: ObservedShape | None = None,
) -> dict[str, str]:
    """What a type checker of each language has against the examples beside the generated modules."""
    tools = {
        name: listing.tools if isinstance(listing, Listing) else tuple(listing)
        for name, listing in servers.items()
    }
    python = PythonPackage(tools, observed=lambda _tool: observed)
    typescript = TypeScriptPackage(tools, observed=lambda _tool: observed)
    write_package(python.files(), folder / "python" / "mcp_servers")
    write_package(typescript.files(), folder / "typescript" / "mcp-servers")
    for name, definitions in tools.items():
        bodies = _bodies(name, definitions, "python", python, observed)
        text = "".join(
            f"async def example_{number}() -> None:\n    {body.replace(chr(10), chr(10) + '    ')}\n"
            for number, body in enumerate(bodies)
        )
        package = python.packages[name]
        (folder / "python" / f"use_{package}.py").write_text(f"from mcp_servers import {package}\n{text}")
        bodies = _bodies(name, definitions, "typescript", typescript, observed)
        text = "".join(f"{{\n{body}\n}}\n" for body in bodies)
        package = typescript.packages[name]
        start = f'import {{ {package} }} from "./mcp-servers/index.ts";\nvoid {package};\n'
        (folder / "typescript" / f"use_{package}.ts").write_text(start + text)
    return {"ty": complaints("ty", folder / "python"), "tsc": complaints("tsc", folder / "typescript")}


def _bodies(
    server: str,
    definitions: Iterable[ToolDefinition],
    language: Language,
    package: PythonPackage | TypeScriptPackage,
    observed: ObservedShape | None,
) -> list[str]:
    found = (
        example(known, language, path=package.path(server, known.name), observed=observed)
        for known in definitions
    )
    return [text.partition("\n\n")[2] for text in found if text is not None]
