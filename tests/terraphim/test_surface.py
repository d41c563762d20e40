"""The seventeen tools as a client sees them: definitions, values, texts, errors, resources."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from tests.terraphim.notes import KG, NOTES, project, write
from tests.terraphim.surface import MODES, connected, graph_role, lines, resources, value

from terraphim.config import Config
from terraphim.server.definitions import DEFINITIONS

pytestmark = [pytest.mark.requirement("R05", "R49"), pytest.mark.anyio]

TEXT = "Asynchronous programming in Rust: café, tokio."
ARGUMENTS: dict[str, dict[str, Any]] = {
    "search": {"query": "rust async patterns"},
    "update_config_tool": {"config_str": '{"roles": {"Other": {}}}'},
    "build_autocomplete_index": {},
    "fuzzy_autocomplete_search": {"query": "asinc"},
    "autocomplete_terms": {"query": "as"},
    "autocomplete_with_snippets": {"query": "tok"},
    "fuzzy_autocomplete_search_levenshtein": {"query": "asinc"},
    "fuzzy_autocomplete_search_jaro_winkler": {"query": "asinc"},
    "serialize_autocomplete_index": {},
    "find_matches": {"text": TEXT, "return_positions": True},
    "replace_matches": {"text": TEXT, "link_type": "wiki"},
    "extract_paragraphs_from_automata": {"text": TEXT},
    "json_decode": {"jsonlines": '{"type": "begin", "data": {"path": {"text": "a.md"}}}'},
    "load_thesaurus": {"automata_path": "thesaurus.json"},
    "load_thesaurus_from_json": {"json_str": '{"name": "N", "data": {"a b": {"id": 1, "nterm": "c"}}}'},
    "is_all_terms_connected_by_path": {"text": TEXT},
}
"""A call of every tool that needs nothing of another call."""


@asynccontextmanager
async def serving(folder: Path, mode: str = "auto") -> AsyncGenerator[Client]:
    project(folder)
    (folder / "thesaurus.json").write_text(ARGUMENTS["load_thesaurus_from_json"]["json_str"])
    async with connected(Config.of_folders(kg="kg", haystack="notes"), folder, mode=mode) as client:
        yield client


async def ask(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    return await client.call_tool(tool, arguments)


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await ask(client, tool, **arguments)
    assert result.is_error
    (line,) = lines(result)
    return line


# Definitions


@pytest.mark.parametrize("mode", MODES)
async def test_every_tool_has_what_a_client_needs_to_know(tmp_path: Path, mode: str) -> None:
    async with serving(tmp_path, mode) as client:
        tools = (await client.list_tools()).tools
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.title) == (
            "terraphim-mcp",
            "Terraphim MCP Server",
        )
    assert len(tools) == 17
    for tool in tools:
        assert tool.title
        assert tool.description
        assert tool.output_schema
        assert tool.annotations is not None
        assert tool.meta is not None
        assert tool.meta["category"] in {
            "knowledge-graph",
            "autocomplete",
            "text-processing",
            "configuration",
            "analysis",
        }
        assert tool.meta["capabilities"]
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema_rs.meta.validate(schema)
    assert {tool.meta["category"] for tool in tools if tool.meta} >= {"analysis", "configuration"}


async def test_parameters_and_defaults_are_those_of_upstream(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    shown = {
        name: [
            f"{parameter}{'*' if parameter in tool.input_schema['required'] else ''}: {schema['type']}"
            + (f" = {json.dumps(schema['default'])}" if "default" in schema else "")
            for parameter, schema in tool.input_schema["properties"].items()
        ]
        for name, tool in tools.items()
    }
    fuzzy = ["query*: string", "similarity: number = 0.6", "limit: integer = 10"]
    completing = ["query*: string", "limit: integer = 10", "role: string"]
    assert shown == {
        "search": ["query*: string", "role: string", "limit: integer", "skip: integer = 0"],
        "update_config_tool": ["config_str*: string"],
        "build_autocomplete_index": ["role: string"],
        "fuzzy_autocomplete_search": fuzzy,
        "autocomplete_terms": completing,
        "autocomplete_with_snippets": completing,
        "fuzzy_autocomplete_search_levenshtein": [
            "query*: string",
            "max_edit_distance: integer = 2",
            "limit: integer = 10",
        ],
        "fuzzy_autocomplete_search_jaro_winkler": fuzzy,
        "serialize_autocomplete_index": [],
        "deserialize_autocomplete_index": ["base64_data*: string"],
        "find_matches": ["text*: string", "role: string", "return_positions: boolean = false"],
        "replace_matches": ["text*: string", "link_type*: string", "role: string"],
        "extract_paragraphs_from_automata": [
            "text*: string",
            "role: string",
            "include_term: boolean = true",
        ],
        "json_decode": ["jsonlines*: string"],
        "load_thesaurus": ["automata_path*: string"],
        "load_thesaurus_from_json": ["json_str*: string"],
        "is_all_terms_connected_by_path": ["text*: string", "role: string"],
    }
    writing = {"update_config_tool", "build_autocomplete_index", "deserialize_autocomplete_index"}
    for name, tool in tools.items():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (name not in writing)
        assert tool.annotations.destructive_hint is (name == "update_config_tool")
        assert tool.annotations.open_world_hint is (name == "load_thesaurus")


@pytest.mark.parametrize("mode", MODES)
async def test_every_value_fits_its_schema_and_travels_in_an_object_where_it_must(
    tmp_path: Path, mode: str
) -> None:
    async with serving(tmp_path, mode) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        calls = dict(ARGUMENTS)
        calls["deserialize_autocomplete_index"] = {
            "base64_data": value(await ask(client, "serialize_autocomplete_index"))
        }
        calls["update_config_tool"] = calls.pop("update_config_tool")
        assert calls.keys() == schemas.keys()
        for name, arguments in calls.items():
            result = await ask(client, name, **arguments)
            assert not result.is_error, lines(result)
            assert lines(result)
            # The client has checked it, too; but only what is there.
            jsonschema_rs.validate(schemas[name] or {}, result.structured_content)
            assert isinstance(result.structured_content, dict) or mode == "auto"


# Values and texts


async def test_a_search_returns_documents_with_a_rank_and_a_score(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        result = await ask(client, "search", query="rust async patterns", limit=100)
        documents = value(result)
        assert lines(result) == [f"Found {len(documents)} documents matching your query."]
        assert documents[0]["title"] == "Async patterns in Rust"
        assert documents[0]["score"] == 1.0
        assert documents[0]["rank"] >= 1
        assert [one["rank"] for one in documents] == sorted((one["rank"] for one in documents), reverse=True)
        assert "Soup" not in [one["title"] for one in documents]
        best = documents[0]
        assert best["body"] == NOTES["Async patterns in Rust.md"]
        assert best["description"] == "# Async patterns in Rust"
        assert best["id"] == "ripgrep_notes_async_patterns_in_rust_md"
        assert best["url"] == str(tmp_path / "notes" / "Async patterns in Rust.md")
        embedded = resources(result)
        assert [str(one.resource.uri) for one in embedded] == [
            f"terraphim://{one['id']}" for one in documents
        ]
        tokio = next(one for one in documents if one["title"] == "Tokio")
        assert tokio["tags"] == ["runtime", "async"]
        texts = {str(one.resource.uri): getattr(one.resource, "text", "") for one in embedded}
        assert texts[f"terraphim://{tokio['id']}"] == (
            f"# Tokio\n\n{NOTES['Tokio.md']}\n\n**Tags:**\n\n- runtime\n- async"
        )


async def test_limit_and_skip_cut_a_search_and_the_text_counts_all(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        everything = value(await ask(client, "search", query="rust"))
        result = await ask(client, "search", query="rust", limit=1, skip=1)
        assert value(result) == everything[1:2]
        assert lines(result) == [f"Found {len(everything)} documents matching your query."]
        assert value(await ask(client, "search", query="rust", limit=0)) == []
        assert value(await ask(client, "search", query="rust", skip=10**30)) == []
        assert value(await ask(client, "search", query="rust", limit=10**30)) == everything
        assert value(await ask(client, "search", query="rust", limit=2.0)) == everything[:2]
        assert await refused(client, "search", query="rust", limit=-5) == "'limit' must be 0 or more, not -5"
        assert await refused(client, "search", query="rust", skip=-1) == "'skip' must be 0 or more, not -1"


async def test_what_a_search_left_out_is_said_beside_the_result(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "notes" / "latin.md").write_bytes("rust café".encode("latin-1"))
    config = {
        "roles": {
            "A": {
                "relevance_function": "bm25",
                "haystacks": [
                    {"location": "notes", "service": "Ripgrep"},
                    {"location": "nowhere", "service": "Ripgrep"},
                    {"location": "https://query.example", "service": "QueryRs"},
                ],
            }
        }
    }
    async with connected(config, tmp_path) as client:
        result = await ask(client, "search", query="rust")
        assert "latin" in [one["title"] for one in value(result)]
        assert result.meta is not None
        told = "\n".join(result.meta["skipped"])
        assert "latin.md: is no UTF-8 at byte 8" in told
        assert "nowhere: the folder" in told
        assert "https://query.example: the service QueryRs is not searched" in told
        assert result.meta["skipped_count"] == 3


@pytest.mark.parametrize("relevance", ["title-scorer", "bm25", "bm25f", "bm25plus"])
async def test_a_role_without_a_graph_ranks_by_words(tmp_path: Path, relevance: str) -> None:
    project(tmp_path)
    config = {"roles": {"A": {"relevance_function": relevance, "haystacks": [{"location": "notes"}]}}}
    async with connected(config, tmp_path) as client:
        documents = value(await ask(client, "search", query="soup"))
        assert [one["title"] for one in documents] == ["Soup"]
        assert documents[0]["score"] == 1.0


async def test_matches_have_offsets_in_bytes_and_in_characters(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        text = "café rust"
        (match,) = value(await ask(client, "find_matches", text=text))
        assert match == {
            "term": "rust",
            "normalized_term": "rust",
            "id": 3,
            "url": None,
            "start": 6,
            "end": 10,
            "start_char": 5,
            "end_char": 9,
        }
        plain = await ask(client, "find_matches", text=text)
        assert lines(plain) == ["Found 1 term matches in text for role 'Default'", "• rust"]
        shown = await ask(client, "find_matches", text=text, return_positions=True)
        assert lines(shown)[1] == "• rust (pos: 6-10)"
        assert value(shown) == value(plain)


@pytest.mark.parametrize(
    ("link_type", "replaced"),
    [
        ("wiki", "a [[Rust]] b"),
        ("WikiLinks", "a [[Rust]] b"),
        ("markdown", "a [Rust]() b"),
        ("MD", "a [Rust]() b"),
        ("html", 'a <a href="">Rust</a> b'),
        ("plain", "a Rust b"),
    ],
)
async def test_a_replaced_text_names_the_concepts(tmp_path: Path, link_type: str, replaced: str) -> None:
    async with serving(tmp_path) as client:
        result = await ask(client, "replace_matches", text="a rustlang b", link_type=link_type)
        assert value(result) == replaced
        assert lines(result) == [
            f"Successfully replaced terms in text for role 'Default' using {link_type} format",
            "Replaced text:",
            replaced,
        ]


async def test_paragraphs_begin_at_their_term(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        text = "I like rust a lot.\n\nBut cooking?"
        result = await ask(client, "extract_paragraphs_from_automata", text=text)
        assert value(result) == [
            {"term": "rust", "paragraph": "rust a lot."},
            {"term": "cooking", "paragraph": "cooking?"},
        ]
        assert lines(result) == [
            "Extracted 2 paragraphs containing matched terms for role 'Default'",
            "Match 1: rust",
            "Paragraph: rust a lot.",
            "---",
            "Match 2: cooking",
            "Paragraph: cooking?",
            "---",
        ]
        after = await ask(client, "extract_paragraphs_from_automata", text=text, include_term=False)
        assert [one["paragraph"] for one in value(after)] == [" a lot.", "?"]


async def test_connectivity_is_a_truth_value_with_the_path_beside_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        result = await ask(client, "is_all_terms_connected_by_path", text="rust and tokio and futures")
        assert value(result) is True
        assert result.meta is not None
        assert result.meta["terms"] == ["rust", "tokio", "futures"]
        assert {"rust", "tokio", "async"} <= set(result.meta["path"])
        assert lines(result)[0] == (
            'Found 3 matched terms in text for role \'Default\': ["rust", "tokio", "futures"]'
        )
        assert "- Connected: true" in lines(result)[1]
        apart = await ask(client, "is_all_terms_connected_by_path", text="rust recipes")
        assert value(apart) is False
        assert "no single path" in lines(apart)[1]
        nothing = await ask(client, "is_all_terms_connected_by_path", text="nothing of it")
        assert lines(nothing) == [
            "No terms from role 'Default' found in the provided text. Cannot check graph connectivity."
        ]


async def test_terms_are_completed_with_the_concept_they_stand_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        built = await ask(client, "build_autocomplete_index")
        terms = value(built)["terms"]
        assert value(built) == {"terms": terms, "role": "Default"}
        assert lines(built) == [
            f"Autocomplete index built successfully with {terms} terms for role 'Default'"
        ]
        result = await ask(client, "autocomplete_terms", query="rust", limit=3)
        assert value(result)[0] == {
            "term": "rust",
            "normalized_term": "rust",
            "id": 3,
            "url": None,
            "score": 1.0,
        }
        assert lines(result) == ["Found 3 suggestions", *(one["term"] for one in value(result))]
        assert len({one["term"] for one in value(result)}) == 3
        fuzzy = await ask(client, "fuzzy_autocomplete_search_levenshtein", query="tokoi")
        assert lines(fuzzy)[0] == "Found 1 Levenshtein autocomplete suggestions for 'tokoi'"
        assert lines(fuzzy)[1] == f"• tokio (score: {value(fuzzy)[0]['score']:.3f})"
        snippets = await ask(client, "autocomplete_with_snippets", query="tok", limit=1)
        assert value(snippets)[0]["snippet"]
        assert lines(snippets) == ["Found 1 suggestions", f"tokio — {value(snippets)[0]['snippet']}"]


async def test_an_index_survives_being_sent_away_and_brought_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        before = value(await ask(client, "autocomplete_terms", query="as"))
        data = value(await ask(client, "serialize_autocomplete_index"))
        await ask(client, "update_config_tool", config_str='{"roles": {"Other": {}}}')
        assert "not built" in await refused(client, "autocomplete_terms", query="as")
        back = await ask(client, "deserialize_autocomplete_index", base64_data=data)
        assert value(back)["name"] == "Default"
        assert value(await ask(client, "autocomplete_terms", query="as")) == before


async def test_a_loaded_thesaurus_is_shown_and_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        data = {f"term {n:02}": {"id": n, "nterm": f"concept {n}"} for n in range(12)}
        result = await ask(
            client, "load_thesaurus_from_json", json_str=json.dumps({"name": "N", "data": data})
        )
        assert value(result)["terms"] == 12
        assert len(value(result)["preview"]) == 10
        assert lines(result)[:3] == [
            "Successfully loaded thesaurus from JSON with 12 terms",
            "Preview of terms:",
            "• term 00 -> concept 0",
        ]
        assert lines(result)[-1] == "... and 2 more terms"
        loaded = await ask(client, "load_thesaurus", automata_path="thesaurus.json")
        assert lines(loaded)[0] == "Successfully loaded thesaurus from 'thesaurus.json' with 1 terms"
        assert value(await ask(client, "find_matches", text="term 01, a b")) == []


async def test_a_changed_note_and_a_changed_concept_are_seen_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        assert "Soup" not in [one["title"] for one in value(await ask(client, "search", query="rust"))]
        write(tmp_path / "notes", {"Soup.md": "# Soup\n\nA rust tokio soup."})
        (tmp_path / "notes" / "Borrowing.md").unlink()
        titles = [one["title"] for one in value(await ask(client, "search", query="rust"))]
        assert "Soup" in titles
        assert "Borrowing" not in titles
        assert value(await ask(client, "find_matches", text="crab")) == []
        write(tmp_path / "kg", {"rust.md": KG["rust.md"].rstrip() + ", crab\n"})
        assert len(value(await ask(client, "find_matches", text="crab"))) == 1
        assert value(await ask(client, "autocomplete_terms", query="crab"))[0]["normalized_term"] == "rust"


async def test_ranks_do_not_depend_on_when_a_note_was_written(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await ask(client, "search", query="rust")
        write(
            tmp_path / "notes", {"A first one.md": "rust futures rust tokio", "Tokio.md": "rust tokio rust"}
        )
        changed = value(await ask(client, "search", query="rust tokio"))
    async with connected(Config.of_folders(kg="kg", haystack="notes"), tmp_path) as client:
        assert value(await ask(client, "search", query="rust tokio")) == changed


# Errors


@pytest.mark.parametrize(
    ("tool", "parameter"),
    [(definition.name, name) for definition in DEFINITIONS for name in definition.required],
)
@pytest.mark.parametrize("given", ["absent", None, 5, ["x"]])
async def test_a_required_argument_that_is_absent_or_of_another_type_is_missing(
    tmp_path: Path, tool: str, parameter: str, given: object
) -> None:
    async with serving(tmp_path) as client:
        arguments = dict(ARGUMENTS.get(tool, {})) | ({} if given == "absent" else {parameter: given})
        if given == "absent":
            arguments.pop(parameter, None)
        with pytest.raises(MCPError) as failure:
            await client.call_tool(tool, arguments)
    assert failure.value.error.code == -32602
    assert failure.value.error.message == f"Missing '{parameter}' parameter"


@pytest.mark.parametrize(
    ("tool", "wrong"),
    [
        ("search", {"limit": "ten"}),
        ("search", {"limit": True}),
        ("search", {"skip": 1.5}),
        ("search", {"role": 5}),
        ("fuzzy_autocomplete_search", {"similarity": "high"}),
        ("find_matches", {"return_positions": "yes"}),
    ],
)
async def test_an_optional_argument_of_another_type_is_an_error_that_names_it(
    tmp_path: Path, tool: str, wrong: dict[str, Any]
) -> None:
    async with serving(tmp_path) as client:
        with pytest.raises(MCPError) as failure:
            await client.call_tool(tool, ARGUMENTS[tool] | wrong)
    assert failure.value.error.code == -32602
    assert failure.value.error.message.startswith(f"Invalid '{next(iter(wrong))}' parameter: it must be ")


async def test_an_unknown_tool_is_no_method(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        with pytest.raises(MCPError) as failure:
            await client.call_tool("searching", {})
    assert failure.value.error.code == -32601
    assert failure.value.error.message == "Unknown tool: searching"


@pytest.mark.parametrize(
    "tool",
    [
        "search",
        "build_autocomplete_index",
        "autocomplete_terms",
        "autocomplete_with_snippets",
        "find_matches",
        "replace_matches",
        "extract_paragraphs_from_automata",
        "is_all_terms_connected_by_path",
    ],
)
async def test_an_unknown_role_is_told_the_roles_that_there_are(tmp_path: Path, tool: str) -> None:
    async with serving(tmp_path) as client:
        told = await refused(client, tool, **(ARGUMENTS[tool] | {"role": "Nobody"}))
    prefix = "Search failed: " if tool == "search" else ""
    assert told == (f"{prefix}Role 'Nobody' not found in configuration. Available roles: [\"Default\"]")


async def test_what_needs_a_graph_says_so_to_a_role_without_one(tmp_path: Path) -> None:
    config = {"roles": {"T": {}, "G": {"relevance_function": "TerraphimGraph"}}}
    purposes = {
        "build_autocomplete_index": "Autocomplete",
        "find_matches": "Term matching",
        "replace_matches": "Term matching",
        "extract_paragraphs_from_automata": "Term matching",
        "is_all_terms_connected_by_path": "Graph connectivity check",
    }
    async with connected(config, tmp_path) as client:
        for tool, purpose in purposes.items():
            assert await refused(client, tool, **ARGUMENTS[tool]) == (
                "Role 'T' does not use knowledge graph ranking (TerraphimGraph). "
                f"{purpose} is only available for roles with knowledge graph-based ranking. "
                "Current relevance function: TitleScorer"
            )
            assert await refused(client, tool, **ARGUMENTS[tool], role="G") == (
                f"Role 'G' does not have a properly configured knowledge graph. {purpose} requires "
                "a role with defined automata_path or local knowledge graph."
            )
        assert "has no folder to search" in await refused(client, "search", query="x")


async def test_a_source_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"name": "x", "data": {"rust": {"nterm": "rust"}}}')
    config = {
        "roles": {
            "bad": graph_role("bad.json"),
            "gone": graph_role("gone.json"),
            "folder": graph_role(kg="nowhere"),
            "http": graph_role("http://example.org/thesaurus.json"),
            "empty": graph_role(kg="."),
        }
    }
    async with connected(config, tmp_path) as client:
        for role, told in {
            "bad": 'missing field `id` in data["rust"]',
            "gone": "gone.json",
            "folder": "nowhere",
            "http": "only https addresses",
        }.items():
            line = await refused(client, "find_matches", text="x", role=role)
            assert line.startswith(f"Failed to load thesaurus for role '{role}': ")
            assert told in line
        assert await refused(client, "find_matches", text="x", role="empty") == (
            "No thesaurus data available for role 'empty'"
        )
        missing = graph_role(haystack="nowhere") | {"relevance_function": "bm25"}
        await ask(client, "update_config_tool", config_str=json.dumps({"roles": {"A": missing}}))
        assert (await refused(client, "search", query="x")).startswith("Search failed: the folder ")


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("update_config_tool", {"config_str": "{"}, "Invalid configuration JSON: no JSON"),
        (
            "update_config_tool",
            {"config_str": '{"roles": {"A": 5}}'},
            "Invalid configuration JSON: $.roles.A: ",
        ),
        ("replace_matches", {"text": "x", "link_type": "rtf"}, "Invalid link type 'rtf'. Supported types: "),
        ("deserialize_autocomplete_index", {"base64_data": "%%%"}, "Invalid base64 data: "),
        ("deserialize_autocomplete_index", {"base64_data": "é"}, "Invalid base64 data: "),
        ("deserialize_autocomplete_index", {"base64_data": ""}, "Deserialize autocomplete index failed: "),
        (
            "deserialize_autocomplete_index",
            {"base64_data": "gASVAAAA"},
            "Deserialize autocomplete index failed: ",
        ),
        ("json_decode", {"jsonlines": '{"type": "begin"}\nx'}, "JSON decode failed: "),
        ("load_thesaurus", {"automata_path": "nowhere.json"}, "Load thesaurus failed: "),
        ("load_thesaurus", {"automata_path": "ftp://example.org/x"}, "Load thesaurus failed: "),
        ("load_thesaurus_from_json", {"json_str": "["}, "Load thesaurus failed: The thesaurus is no JSON"),
        ("load_thesaurus_from_json", {"json_str": '{"name": 5, "data": {}}'}, "name must be a string"),
        ("autocomplete_terms", {"query": "x", "limit": -1}, "'limit' must be 0 or more, not -1"),
        (
            "fuzzy_autocomplete_search_levenshtein",
            {"query": "x", "max_edit_distance": -1},
            "'max_edit_distance' must be 0 or more, not -1",
        ),
    ],
)
async def test_what_is_wrong_is_told_as_the_result_of_the_tool(
    tmp_path: Path, tool: str, arguments: dict[str, Any], told: str
) -> None:
    async with serving(tmp_path) as client:
        assert told in await refused(client, tool, **arguments)
        assert not (await ask(client, "search", query="rust")).is_error


async def test_a_refused_configuration_leaves_the_current_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        await refused(client, "update_config_tool", config_str='{"roles": {}}')
        assert value(await ask(client, "search", query="rust"))
        updated = await ask(client, "update_config_tool", config_str='{"roles": {"A": {}, "B": {}}}')
        assert value(updated) == {"updated": True, "roles": ["A", "B"]}
        assert lines(updated) == ["Configuration updated successfully"]
        assert 'Available roles: ["A", "B"]' in await refused(client, "search", query="x", role="Default")


@pytest.mark.parametrize(
    "query", ["", " ", "*", "(", "\\", "-x", "\N{SNOWMAN}", "a\nb", "x" * 100_000, "\x00", "İ"]
)
async def test_no_query_breaks_a_search(tmp_path: Path, query: str) -> None:
    async with serving(tmp_path) as client:
        for tool in ("search", "autocomplete_terms", "fuzzy_autocomplete_search", "find_matches"):
            name = "text" if tool == "find_matches" else "query"
            assert isinstance(value(await ask(client, tool, **{name: query})), list)


async def test_an_empty_synonym_and_a_graph_in_a_circle_do_no_harm(tmp_path: Path) -> None:
    project(tmp_path)
    write(
        tmp_path / "kg",
        {"a1.md": "synonyms:: b1, ,\n", "b1.md": "synonyms:: c1,,\n", "c1.md": "synonyms:: a1,\n"},
    )
    write(tmp_path / "notes", {"Circle.md": "a1 b1 c1 a1 b1 c1 a1"})
    async with connected(Config.of_folders(kg="kg", haystack="notes"), tmp_path) as client:
        matches = value(await ask(client, "find_matches", text="a1 and b1, c1"))
        assert [one["term"] for one in matches] == ["a1", "b1", "c1"]
        assert value(await ask(client, "is_all_terms_connected_by_path", text="a1 b1 c1")) is True
        assert value(await ask(client, "search", query="a1"))[0]["title"] == "Circle"


@pytest.mark.slow
async def test_a_text_of_fifty_megabytes_is_searched_and_replaced(tmp_path: Path) -> None:
    line = "Nothing to be seen here, and the same again and again. " * 99 + "tokio\n\n"
    text = line * (50_000_000 // len(line) + 1)
    assert len(text) >= 50_000_000
    async with serving(tmp_path) as client:
        matches = value(await ask(client, "find_matches", text=text))
        assert len(matches) == text.count("tokio")
        assert matches[-1]["end"] == len(text) - 2
        replaced = value(await ask(client, "replace_matches", text=text, link_type="plain"))
        assert replaced == text.replace("tokio", "Tokio")
        told = await refused(client, "find_matches", text="tokio " * 200_001)
        assert told == "one answer can have 200,000 results, not 200,001: give less text at once"


# Resources


@pytest.mark.parametrize("mode", MODES)
async def test_documents_are_resources(tmp_path: Path, mode: str) -> None:
    async with serving(tmp_path, mode) as client:
        listed = (await client.list_resources()).resources
        assert [one.name for one in listed] == ["Async patterns in Rust", "Borrowing", "Soup", "Tokio"]
        (content,) = (await client.read_resource(str(listed[2].uri))).contents
        assert getattr(content, "text", None) == f"# Soup\n\n{NOTES['Soup.md']}"
        assert content.mime_type == "text/markdown"
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "terraphim://{id}"
        for uri in ("terraphim://nowhere", "file:///etc/passwd", "terraphim://../../etc/passwd"):
            with pytest.raises(MCPError) as failure:
                await client.read_resource(uri)
            assert failure.value.error.message == f"Document not found: {uri}"


async def test_resources_come_in_pages_and_each_once(tmp_path: Path) -> None:
    write(tmp_path / "notes", {f"Note {n}.md": "rust" for n in range(120)})
    async with connected(Config.of_folders(kg=None, haystack="notes"), tmp_path) as client:
        names: list[str] = []
        cursor = None
        for _ in range(3):
            page = await client.list_resources(cursor=cursor)
            names += [one.name for one in page.resources]
            cursor = page.next_cursor
        assert cursor is None
        assert len(names) == len(set(names)) == 120


async def test_a_document_of_any_role_is_read(tmp_path: Path) -> None:
    project(tmp_path)
    config = {"roles": {"A": {}, "B": {"haystacks": [{"location": "notes"}]}}}
    async with connected(config, tmp_path) as client:
        assert (await client.list_resources()).resources == []
        (found,) = value(await ask(client, "search", query="soup", role="B"))
        assert (await client.read_resource(f"terraphim://{found['id']}")).contents


async def test_a_thesaurus_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    project(tmp_path)

    def thesaurus(*terms: str) -> str:
        return json.dumps({"name": "T", "data": {term: {"id": 1, "nterm": "tea"} for term in terms}})

    (tmp_path / "tea.json").write_text(thesaurus("tea"))
    by_path = graph_role(haystack="notes", kg="tea.json")
    by_path["kg"]["knowledge_graph_local"]["input_type"] = "json"
    config = {"roles": {"A": graph_role("tea.json", haystack="notes"), "B": by_path}}
    async with connected(config, tmp_path) as client:
        for role in ("A", "B"):
            assert len(value(await ask(client, "find_matches", text="tea, chai", role=role))) == 1
        (tmp_path / "tea.json").write_text(thesaurus("tea", "chai"))
        for role in ("A", "B"):
            assert len(value(await ask(client, "find_matches", text="tea, chai", role=role))) == 2
        built = value(await ask(client, "build_autocomplete_index", role="B"))
        assert built == {"terms": 2, "role": "B"}


async def test_a_search_that_names_no_concept_goes_by_words(tmp_path: Path) -> None:
    async with serving(tmp_path) as client:
        by_concept = await ask(client, "search", query="futures")
        by_word = await ask(client, "search", query="ownership")
        assert by_concept.meta is not None
        assert by_word.meta is not None
        assert by_concept.meta["ranking"] == "terraphim-graph"
        assert by_word.meta["ranking"] == "bm25"
        assert [one["title"] for one in value(by_word)] == ["Borrowing"]
