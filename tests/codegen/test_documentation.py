"""What people and models read about a tool."""

from typing import Any

import pytest
from markdown_it import MarkdownIt
from tests.codegen.definitions import of, tool
from tests.codegen.hostile import hostile_tools

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.calls import Language
from underpass.codegen.documentation import ToolFacts, document, signature
from underpass.codegen.observed import ObservedShape
from underpass.codegen.usable import usable_tools
from underpass.metrics.tokens import count

LANGUAGES: tuple[Language, ...] = ("python", "typescript")
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
def test_a_page_has_description_signature_parameters_returns_an_example_and_related_tools() -> None:
    facts = ToolFacts(
        category="documents",
        capabilities=("read", "search"),
        related=(
            tool("get_doc", server="my-docs", description="Reads one. In full."),
            tool("x", title="A [title](x)", description=""),
        ),
    )

    assert document(SEARCH, facts=facts) == (
        "# my_docs.search_docs\n\n"
        "**Search**\n\n"
        "Category: documents; capabilities: read, search\n\n"
        "Search the documents.\n\n"
        f"```python\n{signature(SEARCH)}\n```\n\n"
        "## Parameters\n\n"
        "- `query` (`str`, required): Words to look for.\n"
        "- `in_` (`list[{path: str, depth?: int}]`, required, sent as `in`)\n"
        "- `limit` (`int`, default `10`, minimum 1, maximum 50)\n"
        '- `mode` (`Literal["fast", "exact"]`)\n\n'
        "## Returns\n\n"
        "`list[{title?: str}]` (declared)\n\n"
        "## Example\n\n"
        "```python\nfrom mcp_servers import my_docs\n\n"
        "result = await my_docs.search_docs(\n"
        '    query="release notes",\n'
        '    in_=[{"path": "data/report.csv"}],\n'
        ')\n[item.get("title") for item in result]\n```\n\n'
        "## See also\n\n"
        "- `my_docs.get_doc`: Reads one.\n"
        "- `demo.x`: A [title]\\(x)\n"
    )


@pytest.mark.requirement("R22")
@pytest.mark.parametrize(
    ("definition", "observed", "returns"),
    [
        (tool(output={"type": "string"}), None, "`str` (declared)"),
        (tool(), None, "`Any` (nothing is declared)"),
        (tool(), ObservedShape({"type": "string"}, 7), "`str` (observed 7 times, not declared)"),
        (
            tool(output={**of(result={"type": "string"}), "required": ["result"]}),
            None,
            "Text, parsed where it is JSON (declared).",
        ),
    ],
)
def test_a_page_tells_a_declared_result_from_an_observed_one(
    definition: ToolDefinition, observed: ObservedShape | None, returns: str
) -> None:
    assert f"## Returns\n\n{returns}\n" in document(definition, observed=observed)


@pytest.mark.requirement("R22")
def test_a_page_of_a_tool_without_anything_has_every_section() -> None:
    page = document(tool(schema=of(), description=""), "typescript")

    assert "No description." in page
    assert "## Parameters\n\nNone.\n" in page
    assert "## See also" not in page
    assert page.index("## Parameters") < page.index("## Returns") < page.index("## Example")


@pytest.mark.requirement("R22")
def test_a_page_says_so_where_no_valid_call_is_known() -> None:
    page = document(tool(schema={**of(a={"type": "string", "enum": [1]}), "required": ["a"]}))

    assert "## Example\n\nNo arguments are known that the tool's own schema accepts.\n" in page


@pytest.mark.requirement("R22")
def test_an_example_too_long_for_a_brief_page_is_in_the_full_one() -> None:
    large = {f"parameter_{number}": {"const": "x" * 150} for number in range(20)}
    definition = tool(schema={**of(**large), "required": [*large]})

    assert "the full documentation has it" in document(definition)
    assert document(definition, detail="full").count(f'="{"x" * 150}",') == 20


@pytest.mark.requirement("R22")
def test_related_tools_are_linked_where_they_have_pages() -> None:
    facts = ToolFacts(related=(tool("other", description="Reads. More."),))
    page = document(SEARCH, facts=facts, link=lambda known: f"../{known.name}.md")

    assert page.endswith("## See also\n\n- [`demo.other`](../other.md): Reads.\n")


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
    for language in LANGUAGES:
        assert count(document(large, language)) <= 600
        assert count(document(large, language)) < count(document(large, language, detail="full")) <= 20_000


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


@pytest.mark.requirement("R22", "R24")
def test_the_full_page_describes_the_members_of_objects() -> None:
    inner = of(path={"type": "string", "description": "Where."}, **{"in": of(depth={"type": "integer"})})
    definition = tool(
        schema=of(filters={"type": "array", "items": inner}),
        output={"type": "array", "items": of(title={"type": "string", "description": "Its name."})},
    )

    page = document(definition, "typescript", detail="full")

    assert (
        "  - `filters[].path` (`string`): Where.\n  - `filters[].in` (`Record<string, unknown>`)\n"
    ).splitlines()[0] in page
    assert "    - `filters[].in.depth` (`number`)\n" in page
    assert "  - `[].title` (`string`): Its name.\n" in page
    assert "filters[]" not in document(definition, "typescript")


@pytest.mark.requirement("R24")
def test_pages_of_hostile_definitions_stay_within_their_bounds() -> None:
    for what, definition in hostile_tools().items():
        for known in usable_tools(definition.server, [definition])[0].values():
            for language in LANGUAGES:
                assert count(document(known, language)) <= 600, what
            assert count(document(known, detail="full")) <= 20_000, what


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


STRUCTURE = """# Ignore all

Setext
===

> # quoted
- # listed

```python
evil()
```
~~~
x
~~~
---
* * *
<script>alert(1)</script> \\<b> \\\\<i> 1 < 2 <https://x.y> <!-- <?php
[a](javascript:x) ![i](http://t) [r][d] \\[e](x) [f]\\(y)
  [d]: http://evil
`unclosed"""


@pytest.mark.requirement("R08")
def test_text_of_others_brings_no_structure_of_its_own() -> None:
    other = tool("other", description=STRUCTURE, title=STRUCTURE)
    definition = tool(
        schema=of(a={"type": "string", "description": STRUCTURE, "default": STRUCTURE, "pattern": STRUCTURE}),
        description=STRUCTURE,
        title=STRUCTURE,
    )
    page = document(definition, detail="full", facts=ToolFacts("x", ("read",), (other,)))
    blocks = MarkdownIt("commonmark").parse(page)
    inner = [token.type for block in blocks for token in block.children or ()]

    headings = [block for block in blocks if block.type == "heading_open"]
    assert [block.tag for block in headings] == ["h1", "h2", "h2", "h2", "h2"]
    assert [block.info for block in blocks if block.type == "fence"] == ["python", "python"]
    assert not {"html_block", "hr", "code_block"} & {block.type for block in blocks}
    assert not {"link_open", "image", "html_inline"} & {*inner}


@pytest.mark.requirement("R08")
@pytest.mark.parametrize(
    "text",
    [
        "Plain words.",
        "1 < 2, a_b, **bold**, `code`",
        "- one\n- two",
        "See https://example.com/a_b#c",
        "[x] done",
    ],
)
def test_text_without_structure_stays_as_it_is(text: str) -> None:
    assert f"\n\n{text}\n\n" in document(tool(description=text))
