"""What people and models read about a tool."""

import ast
from typing import Any

import pytest
from tests.codegen.definitions import of, tool

from underpass.codegen.documentation import document, signature
from underpass.metrics.tokens import count

SEARCH = tool(
    "searchDocs",
    {
        **of(
            query={"type": "string", "description": "Words to look for."},
            limit={"type": "integer", "default": 10, "minimum": 1, "maximum": 50},
            mode={"enum": ["fast", "exact"]},
            **{
                "in": {
                    "type": "array",
                    "items": {**of(path={"type": "string"}, depth={"type": "integer"}), "required": ["path"]},
                }
            },
        ),
        "required": ["query", "in"],
    },
    description="Search the documents.",
    output={"type": "array", "items": of(title={"type": "string"})},
    title="Search",
    server="my-docs",
)


@pytest.mark.requirement("R24")
def test_a_signature_is_one_line_with_types_and_defaults() -> None:
    assert signature(SEARCH) == (
        "search_docs(*, query: str, in_: list[{path: str, depth?: int}], limit: int = 10, "
        'mode: Literal["fast", "exact"] = ...) -> list[{title?: str}]'
    )
    assert signature(SEARCH, name="other").startswith("other(*, query: str")


@pytest.mark.requirement("R24")
@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ({"type": "object"}, "search() -> Any"),
        (True, "search(**extra: Any) -> Any"),
        (
            {**of(a={}), "additionalProperties": {"type": "string"}},
            "search(*, a: Any = ..., **extra: str) -> Any",
        ),
        (of(a={"prefixItems": [{"type": "string"}, {}]}), "search(*, a: [str, Any, …] = ...) -> Any"),
        (of(a={"prefixItems": [{"type": "null"}], "items": False}), "search(*, a: [None] = ...) -> Any"),
        (of(a={"additionalProperties": {"type": "string"}}), "search(*, a: dict[str, str] = ...) -> Any"),
        (of(a={"type": ["string", "null"], "default": None}), "search(*, a: str | None = None) -> Any"),
        (of(a={"const": None}, b={"not": {}}), "search(*, a: None = ..., b: Any = ...) -> Any"),
        (of(a=of(**{"b-c": {"type": "string"}})), 'search(*, a: {"b-c"?: str} = ...) -> Any'),
        (
            of(a={"type": "array", "items": of(b=of(c=of(d={})))}),
            "search(*, a: list[{b?: dict}] = ...) -> Any",
        ),
        (of(a={"type": "object"}, b={"type": "array"}), "search(*, a: dict = ..., b: list = ...) -> Any"),
        ({**of(a=False), "required": ["a"]}, "search(*, a: Never) -> Any"),
        (
            of(a={"anyOf": [of(**{f"k{n}": {}}) for n in range(20)]}),
            "search(*, a: " + " | ".join(f"{{k{n}?: Any}}" for n in range(12)) + " | … = ...) -> Any",
        ),
        (
            {**of(a={"$ref": "#/$defs/t"}), "$defs": {"t": of(kids={"items": {"$ref": "#/$defs/t"}})}},
            "search(*, a: {kids?: list[dict]} = ...) -> Any",
        ),
    ],
)
def test_a_signature_shows_what_objects_hold(schema: Any, line: str) -> None:
    assert signature(tool(schema=schema)) == line


@pytest.mark.requirement("R24")
def test_a_signature_stays_short_whatever_the_tool() -> None:
    many = signature(tool(schema=of(**{f"parameter_{n}": {"type": "string"} for n in range(500)})))
    long = signature(tool(schema=of(a={"enum": [f"value {n}" * 9 for n in range(500)]})))

    assert len(many) <= 620
    assert many.endswith(", …) -> Any")
    assert len(long) <= 620
    assert ", …] = ...)" in long


@pytest.mark.requirement("R22")
def test_a_page_has_description_signature_parameters_returns_and_an_example() -> None:
    assert document(SEARCH) == (
        "# my_docs.search_docs\n\n"
        "**Search**\n\n"
        "Search the documents.\n\n"
        f"```python\n{signature(SEARCH)}\n```\n\n"
        "Parameters:\n"
        "- `query` (`str`, required): Words to look for.\n"
        "- `in_` (`list[{path: str, depth?: int}]`, required, sent as `in`)\n"
        "- `limit` (`int`, default `10`, minimum 1, maximum 50)\n"
        '- `mode` (`Literal["fast", "exact"]`)\n\n'
        "Returns: `list[{title?: str}]`\n\n"
        "```python\nfrom mcp_servers import my_docs\n\n"
        'result = await my_docs.search_docs(query="…", in_=[{"path": "…"}])\n```\n'
    )


@pytest.mark.requirement("R22")
def test_a_page_names_the_tool_as_the_package_does() -> None:
    page = document(SEARCH, path=lambda _tool: "docs_1f2e.find")

    assert page.startswith("# docs_1f2e.find\n")
    assert "from mcp_servers import docs_1f2e\n\nresult = await docs_1f2e.find(" in page


@pytest.mark.requirement("R22")
def test_a_page_tells_of_further_arguments() -> None:
    assert "- further named arguments (`int`)" in document(
        tool(schema={"type": "object", "additionalProperties": {"type": "integer"}})
    )


@pytest.mark.requirement("R24")
@pytest.mark.parametrize(
    "large",
    [
        tool(description="Many words here. " * 5000),
        tool(description="長い説明です。" * 5000),
        tool(description="# heading\n" * 5000),
        tool(
            schema=of(
                **{
                    f"parameter_{n}": {"type": "string", "description": "What it does. " * 90}
                    for n in range(99)
                }
            )
        ),
        tool(
            schema=of(
                **{
                    f"p{n}": {"enum": [f"value {m}" for m in range(99)], "default": "x" * 999}
                    for n in range(99)
                }
            )
        ),
        tool(schema={"type": "object", "required": [f"parameter {n}" for n in range(99)]}),
        tool(
            output=of(
                **{
                    f"member_{n}": of(**{f"inner_{m}": {"type": "string"} for m in range(9)})
                    for n in range(99)
                }
            )
        ),
    ],
    ids=["words", "another script", "headings", "parameters", "enumerations", "required", "output"],
)
def test_a_page_stays_within_its_tokens_unless_all_is_asked_for(large: Any) -> None:
    assert count(document(large)) <= 600
    assert len(document(large, detail="full")) >= len(document(large))


@pytest.mark.requirement("R24")
def test_the_full_page_leaves_no_parameter_out() -> None:
    page = document(
        tool(
            schema=of(**{f"p{n}": {"type": "string", "description": f"Number {n}. " * 40} for n in range(99)})
        ),
        detail="full",
    )

    assert page.count("(`str`)") == 99
    assert "Number 98. Number 98." in page


@pytest.mark.requirement("R22")
@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "integer"}, "1"),
        ({"type": "number"}, "1.0"),
        ({"type": "boolean"}, "True"),
        ({"type": "null"}, "None"),
        ({"type": "string", "default": "main"}, '"main"'),
        ({"enum": ["a", "b"]}, '"a"'),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "1"),
        ({"prefixItems": [{"type": "integer"}, {"type": "string"}]}, '[1, "…"]'),
        ({"type": "object"}, "{}"),
        ({"additionalProperties": {"type": "string"}}, "{}"),
        ({"items": {"items": {"items": {"type": "null"}}}}, "[[[]]]"),
        (
            {**of(a={**of(b={**of(c={}), "required": ["c"]}), "required": ["b"]}), "required": ["a"]},
            '{"a": {"b": {}}}',
        ),
        (True, '"…"'),
    ],
)
def test_an_example_gives_each_required_parameter_a_value_of_its_type(schema: Any, example: str) -> None:
    page = document(tool(schema={"type": "object", "properties": {"a": schema}, "required": ["a"]}))
    call = page.rstrip("`\n").rpartition("await ")[2]

    assert call == f"demo.search(a={example})"
    ast.parse(f"async def program():\n    {call}")


@pytest.mark.requirement("R08")
def test_text_of_others_stays_inside_its_place() -> None:
    page = document(
        tool(
            schema=of(
                **{"a`b": {"type": "string", "description": "one\n# two\n\u202ethree", "default": "`x`"}}
            ),
            description="ends\u0000 \U000e0041\U000e0042here",
        )
    )

    assert "ends\ufffd \ufffdhere" in page
    assert "- `a_b` (`str`, default `\"'x'\"`, sent as `a'b`): one # two \ufffdthree" in page


@pytest.mark.requirement("R22")
def test_a_description_written_as_a_docstring_loses_its_indentation() -> None:
    page = document(tool(description="Find.\n\n        Args:\n            q: words\n        "))

    assert "Find.\n\nArgs:\n    q: words\n\n```" in page
