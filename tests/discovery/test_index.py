import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.shared_data import shared_data

from underpass.catalog.definition import ToolDefinition
from underpass.discovery import ToolIndex
from underpass.discovery.hit import summary

pytestmark = pytest.mark.requirement("R21")


def tool(name: str, description: str = "", server: str = "git", **parameters: str) -> ToolDefinition:
    properties = {name: {"type": "string", "description": text} for name, text in parameters.items()}
    return ToolDefinition(
        server, name, description, input_schema={"type": "object", "properties": properties}
    )


TOOLS = [
    tool("git_log", "Shows the commit logs", max_count="how many commits"),
    tool("git_show", "Shows the contents of a commit", revision="the commit"),
    tool(
        "get_current_time", "Get current time in a specific timezone", "time", timezone="IANA timezone name"
    ),
    tool("convert_time", "Convert time between timezones", "time"),
    tool("search", "Finds pages", "wiki", query="words to look for", language="of the wiki"),
]


def test_a_search_finds_tools_by_the_words_of_their_descriptions() -> None:
    assert ToolIndex.build(TOOLS).search("contents of commits")[0].id == "git::git_show"


def test_the_name_of_a_tool_weighs_more_than_its_description() -> None:
    tools = [tool("other", "log of things"), tool("log", "of other things")]
    assert [hit.name for hit in ToolIndex.build(tools).search("log")] == ["log", "other"]


def test_naming_the_server_brings_its_tools_to_the_front() -> None:
    tools = [tool("search", "Finds things", server) for server in ("jira", "linear", "notion")]
    assert ToolIndex.build(tools).search("search notion")[0].server == "notion"


def test_parameters_are_searched_too() -> None:
    assert ToolIndex.build(TOOLS).search("revision")[0].name == "git_show"
    assert ToolIndex.build(TOOLS).search("iana")[0].name == "get_current_time"


def test_a_server_filter_leaves_only_tools_of_that_server() -> None:
    hits = ToolIndex.build(TOOLS).search("time of commits", server="time")
    assert {hit.server for hit in hits} == {"time"}
    assert ToolIndex.build(TOOLS).search("time", server="nowhere") == []


def test_a_search_returns_no_more_than_its_limit() -> None:
    assert len(ToolIndex.build(TOOLS).search("time commit pages", limit=2)) == 2


def test_the_order_of_definitions_changes_nothing() -> None:
    forward, backward = ToolIndex.build(TOOLS), ToolIndex.build(reversed(TOOLS))
    assert forward.search("commit time wiki") == backward.search("commit time wiki")


def test_a_search_that_nothing_fits_returns_nothing() -> None:
    assert ToolIndex.build(TOOLS).search("zebra") == []
    assert ToolIndex.build(TOOLS).search("") == []
    assert ToolIndex.build([]).search("commit") == []
    assert len(ToolIndex.build(TOOLS)) == 5


def test_a_hit_has_what_a_call_needs() -> None:
    hit = ToolIndex.build(TOOLS).search("convert")[0]
    assert hit.to_dict() == {
        "id": "time::convert_time",
        "server": "time",
        "name": "convert_time",
        "summary": "Convert time between timezones",
        "signature": hit.signature("python"),
        "category": "calendar",
        "capabilities": ["read", "transform"],
        "score": pytest.approx(hit.score, abs=0.001),
    }
    assert hit.signature().startswith("convert_time(")
    assert hit.signature("typescript").startswith("convertTime(")


@pytest.mark.parametrize(
    "schema", [True, False, {}, {"properties": []}, {"properties": {"a": True, "b": {"description": 1}}}]
)
def test_odd_schemas_do_not_stop_an_index(schema: Any) -> None:
    odd = ToolDefinition("s", "odd", "An odd tool", input_schema=schema)
    assert ToolIndex.build([odd]).search("odd")[0].name == "odd"


def test_a_summary_is_one_bounded_line() -> None:
    assert summary("Lists\n  things. And more.\n\nArgs: x") == "Lists things."
    assert summary("") == ""
    long = summary("word " * 100)
    assert len(long) <= 160
    assert long.endswith("…")


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.requirement("R23")
@pytest.mark.parametrize(
    ("queries", "everywhere", "in_server"),
    [("queries-azure.jsonl.gz", 0.90, 0.94), ("queries-livemcpbench-steps.jsonl.gz", 0.52, 0.79)],
)
def test_real_requests_find_their_tools_among_ten_thousand(
    queries: str, everywhere: float, in_server: float
) -> None:
    tools = [
        ToolDefinition.from_json(row["server"], row) for row in _rows(shared_data("tools", "corpus.jsonl.gz"))
    ]
    index = ToolIndex.build(tools)
    wanted = _rows(shared_data("tools", queries))
    found = {False: 0.0, True: 0.0}
    for row in wanted:
        server = row["gold"][0][0].partition("::")[0]
        for filtered in found:
            ids = {hit.id for hit in index.search(row["query"], 5, server if filtered else None)}
            found[filtered] += sum(bool(ids & set(either)) for either in row["gold"]) / len(row["gold"])
    assert found[False] / len(wanted) > everywhere
    assert found[True] / len(wanted) > in_server
