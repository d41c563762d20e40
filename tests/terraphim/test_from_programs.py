"""The plan's programs, word for word apart from ``score``, run by ``underpass run``."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.command_line import underpass
from tests.terraphim.notes import project
from tests.terraphim.surface import PROGRAM

pytestmark = [pytest.mark.requirement("R05", "R49"), pytest.mark.slow]

SEARCH = """
from mcp_servers import terraphim
docs = await terraphim.search(query="rust async patterns", limit=100)
relevant = [d for d in docs if d["score"] > 0.8]
{"count": len(relevant), "top": relevant[0]["title"]}
"""
TERMS = """
from mcp_servers import terraphim
text = "Asynchronous programming in Rust with Tokio: futures and an async runtime."
matches = await terraphim.find_matches(text=text)
connected = await terraphim.is_all_terms_connected_by_path(text=text)
{"terms": len(matches), "connected": connected, "first": matches[0]["normalized_term"]}
"""
SEARCH_TS = """
import { terraphim } from "mcp-servers";
const docs = await terraphim.search({ query: "rust async patterns", limit: 100 });
const relevant = docs.filter((d) => d.score > 0.8);
return { count: relevant.length, top: relevant[0].title };
"""
TERMS_TS = """
import { terraphim } from "mcp-servers";
const text = "Asynchronous programming in Rust with Tokio: futures and an async runtime.";
const matches = await terraphim.findMatches({ text });
const connected = await terraphim.isAllTermsConnectedByPath({ text });
return { terms: matches.length, connected, first: matches[0].normalized_term };
"""
ALL_TOOLS = """
from mcp_servers import terraphim as t
text = "Tokio in Rust"
data = await t.serialize_autocomplete_index()
thesaurus = '{"name": "N", "data": {"a": {"id": 1, "nterm": "a"}}}'
return {
    "search": (await t.search(query="rust"))[0]["score"],
    "build_autocomplete_index": (await t.build_autocomplete_index())["role"],
    "fuzzy_autocomplete_search": (await t.fuzzy_autocomplete_search(query="tokoi"))[0]["term"],
    "autocomplete_terms": (await t.autocomplete_terms(query="tok"))[0]["term"],
    "autocomplete_with_snippets": (await t.autocomplete_with_snippets(query="tok"))[0]["snippet"],
    "fuzzy_autocomplete_search_levenshtein": (
        await t.fuzzy_autocomplete_search_levenshtein(query="tokoi")
    )[0]["term"],
    "fuzzy_autocomplete_search_jaro_winkler": (
        await t.fuzzy_autocomplete_search_jaro_winkler(query="tokoi")
    )[0]["term"],
    "serialize_autocomplete_index": type(data).__name__,
    "deserialize_autocomplete_index": (await t.deserialize_autocomplete_index(base64_data=data))["name"],
    "find_matches": (await t.find_matches(text=text))[0]["start"],
    "replace_matches": await t.replace_matches(text=text, link_type="wiki"),
    "extract_paragraphs_from_automata": (
        await t.extract_paragraphs_from_automata(text=text)
    )[0]["paragraph"],
    "json_decode": await t.json_decode(jsonlines=""),
    "load_thesaurus": (await t.load_thesaurus(automata_path="thesaurus.json"))["terms"],
    "load_thesaurus_from_json": (await t.load_thesaurus_from_json(json_str=thesaurus))["preview"][0]["term"],
    "is_all_terms_connected_by_path": await t.is_all_terms_connected_by_path(text=text),
    "update_config_tool": (await t.update_config_tool(config_str='{"roles": {"Other": {}}}'))["roles"],
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project(tmp_path)
    (tmp_path / "thesaurus.json").write_text('{"name": "N", "data": {"a": {"id": 1, "nterm": "a"}}}')
    command = [str(PROGRAM), "--kg", "./kg", "--haystack", "./notes"]
    assert underpass("add", "terraphim", "--", *command, cwd=tmp_path).status == 0
    return tmp_path


@pytest.mark.parametrize(("name", "program"), [("search.py", SEARCH), ("search.ts", SEARCH_TS)])
def test_a_program_keeps_what_is_relevant_of_a_search(folder: Path, name: str, program: str) -> None:
    (folder / name).write_text(program)
    ran = underpass("run", name, "--json", cwd=folder)
    assert ran.status == 0, ran.stdout + ran.stderr
    assert ran.json["value"] == {"count": 1, "top": "Async patterns in Rust"}


@pytest.mark.parametrize(("name", "program"), [("terms.py", TERMS), ("terms.ts", TERMS_TS)])
def test_a_program_finds_terms_and_whether_they_are_connected(folder: Path, name: str, program: str) -> None:
    (folder / name).write_text(program)
    ran = underpass("run", name, "--json", cwd=folder)
    assert ran.status == 0, ran.stdout + ran.stderr
    assert ran.json["value"] == {"terms": 5, "connected": True, "first": "async"}


def test_every_tool_gives_a_program_its_plain_value(folder: Path) -> None:
    # One of them is destructive by its own word, and here is nobody to be asked.
    rule = '[[policy.rules]]\nserver = "terraphim"\ntool = "update_config_tool"\ndecision = "allow"\n'
    (folder / "underpass.toml").write_text(rule)
    (folder / "all.py").write_text(ALL_TOOLS)
    ran = underpass("run", "all.py", "--json", cwd=folder)
    assert ran.status == 0, ran.stdout + ran.stderr
    found = ran.json["value"]
    assert found.pop("autocomplete_with_snippets")
    assert found == {
        "search": 1.0,
        "build_autocomplete_index": "Default",
        "fuzzy_autocomplete_search": "tokio",
        "autocomplete_terms": "tokio",
        "fuzzy_autocomplete_search_levenshtein": "tokio",
        "fuzzy_autocomplete_search_jaro_winkler": "tokio",
        "serialize_autocomplete_index": "str",
        "deserialize_autocomplete_index": "Default",
        "find_matches": 0,
        "replace_matches": "[[Tokio]] in [[Rust]]",
        "extract_paragraphs_from_automata": "Tokio in Rust",
        "json_decode": [],
        "load_thesaurus": 1,
        "load_thesaurus_from_json": "a",
        "is_all_terms_connected_by_path": True,
        "update_config_tool": ["Other"],
    }


def test_a_failing_call_is_an_error_that_a_program_can_catch(folder: Path) -> None:
    program = """
from mcp_runtime import ToolError
from mcp_servers import terraphim
try:
    await terraphim.find_matches(text="x", role="Nobody")
except ToolError as error:
    caught = error.message
caught
"""
    (folder / "fail.py").write_text(program)
    ran = underpass("run", "fail.py", "--json", cwd=folder)
    assert ran.status == 0, ran.stdout + ran.stderr
    assert ran.json["value"] == ("Role 'Nobody' not found in configuration. Available roles: [\"Default\"]")
