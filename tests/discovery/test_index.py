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


def test_definitions_may_be_plain_objects_as_servers_list_them() -> None:
    rows: list[dict[str, Any]] = [
        {"server": "git", "name": "git_log", "description": "Shows commits", "inputSchema": {}},
        {"id": "wiki::search", "name": "search", "description": "Finds pages"},
    ]
    index = ToolIndex.build(rows)
    assert index.search("commits")[0].id == "git::git_log"
    assert index.search("pages")[0].id == "wiki::search"


def test_words_of_like_meaning_find_a_tool() -> None:
    index = ToolIndex.build([*TOOLS, tool("render_chart", "Pie and bar"), tool("count_words")])
    assert index.search("picture of a graph")[0].name == "render_chart"


def test_a_path_in_a_request_means_a_file_and_not_its_words() -> None:
    tools = [tool("write_file", server="disk"), tool("markdown_report"), tool("root_cause")]
    found = ToolIndex.build(tools).search("save it as /root/markdown/report.md")
    assert [hit.name for hit in found] == ["write_file"]


def test_a_long_encoded_value_in_a_request_is_passed_over() -> None:
    found = ToolIndex.build(TOOLS).search("commit " + "iVBORw0KGgo" * 10_000)
    assert found[0].server == "git"


@pytest.mark.parametrize("query", ["search using time", "search time server", "time: search"])
def test_a_server_with_a_common_name_is_known_by_how_it_is_named(query: str) -> None:
    tools = [*TOOLS, *(tool(f"time_{number}", "time", "clock") for number in range(30))]
    assert ToolIndex.build(tools).search(query)[0].server == "time"


def test_a_server_that_is_named_shows_its_tools_even_if_no_other_word_fits() -> None:
    tools = [*TOOLS, tool("zebra", server="my-calculator")]
    assert ToolIndex.build(tools).search("bmi my-calculator")[0].name == "zebra"
    assert [hit.name for hit in ToolIndex.build(tools).search("bmi", server="my-calculator")] == ["zebra"]


def test_filters_by_category_and_capability_hold_together() -> None:
    index = ToolIndex.build(
        [
            {"server": "a", "name": "search_rows", "category": "Databases"},
            {"server": "a", "name": "delete_rows", "category": "Databases"},
            {"server": "b", "name": "delete_rows", "category": "Finance"},
        ]
    )
    assert [hit.id for hit in index.search("rows", category="databases", capabilities="destructive")] == [
        "a::delete_rows"
    ]
    assert len(index.search("rows", capabilities=["delete", "write"])) == 2
    assert index.search("rows", capabilities=["delete", "read"]) == []
    assert index.search("rows", category="weather") == []


def test_alike_tools_of_several_servers_collapse_when_asked() -> None:
    tools = [tool("read_file", "Reads a file from disk", server) for server in ("one", "two", "three")]
    index = ToolIndex.build([*tools, tool("read_file", "Downloads a page of the book", "four")])
    assert len(index.search("read file")) == 4
    first, *rest = index.search("read file", collapse=True)
    assert len(rest) == 1
    assert sorted([first.id, *first.also]) == ["one::read_file", "three::read_file", "two::read_file"]
    assert first.to_dict()["also"] == list(first.also)
    assert [hit.also for hit in index.search("read file", 1, collapse=True)] == [first.also]


def test_servers_come_and_go() -> None:
    index = ToolIndex.build(TOOLS[:3])
    assert index.search("pages") == []
    index.add(TOOLS[3:])
    index.remove("git")
    index.remove("nowhere")
    assert index.servers == ("time", "wiki")
    fresh = ToolIndex.build(TOOLS[2:])
    for query in ("commit", "pages", "time", "git wiki"):
        assert index.search(query) == fresh.search(query)
    assert index.list_categories() == fresh.list_categories()


def test_a_tool_that_is_added_again_takes_the_others_place() -> None:
    index = ToolIndex.build(TOOLS)
    index.add([tool("git_log", "Lists zebras")])
    assert len(index) == len(TOOLS)
    assert [hit.id for hit in index.search("zebras")] == ["git::git_log"]
    assert [hit.name for hit in index.search("commit logs")] == ["git_log", "git_show"]


def test_a_long_signature_keeps_what_a_call_needs() -> None:
    properties = {f"option_{number}": {"type": "string"} for number in range(60)}
    schema = {"type": "object", "properties": {**properties, "needed": {}}, "required": ["needed"]}
    line = ToolIndex.build([ToolDefinition("s", "big", input_schema=schema)]).search("big")[0].signature()
    assert "needed" in line
    assert "…" in line
    assert len(line) <= 220


def test_no_hits_are_asked_for() -> None:
    assert ToolIndex.build(TOOLS).search("commit", 0) == []


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
    [("queries-azure.jsonl.gz", 0.94, 0.96), ("queries-livemcpbench-steps.jsonl.gz", 0.60, 0.85)],
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
