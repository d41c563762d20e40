"""Categories and capabilities of every tool."""

from typing import Any

import pytest

from underpass.catalog.definition import ToolDefinition
from underpass.discovery import Hit, ToolIndex

pytestmark = pytest.mark.requirement("R22")


def only(name: str, description: str = "", **parts: Any) -> Hit:
    tool = ToolDefinition("some", name, description, **parts)
    [hit] = ToolIndex.build([tool]).search("", server="some")
    return hit


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("search_issues", ("read", "search")),
        ("listRepos", ("list", "read")),
        ("create_issue", ("create", "write")),
        ("delete-file", ("delete", "destructive", "write")),
        ("send_message", ("send", "write")),
        ("zebra", ()),
    ],
)
def test_the_verb_of_a_name_tells_what_a_tool_does(name: str, expected: tuple[str, ...]) -> None:
    assert only(name).capabilities == expected


def test_the_verb_of_a_description_counts_where_a_name_has_none() -> None:
    assert only("zebra", "Deletes all zebras").capabilities == ("delete", "destructive", "write")


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"readOnlyHint": True}, ("delete", "read")),
        ({"readOnlyHint": False, "destructiveHint": False}, ("delete", "write")),
        ({"destructiveHint": True}, ("delete", "destructive", "write")),
        (
            {"idempotentHint": True, "openWorldHint": True},
            ("delete", "destructive", "idempotent", "open-world", "write"),
        ),
        ({"readOnlyHint": "yes"}, ("delete", "destructive", "write")),
    ],
)
def test_annotations_count_for_more_than_a_verb(
    annotations: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert only("delete_draft", annotations=annotations).capabilities == expected


@pytest.mark.parametrize(
    "meta",
    [
        {"category": "Knowledge Graph", "capabilities": ["Paths", 3, ""]},
        {"example.org/category": "knowledge-graph", "example.org/tags": ["paths"]},
        {"_fastmcp": {"category": "knowledge_graph", "tags": ["paths"]}},
    ],
)
def test_the_labels_of_a_server_are_taken_as_they_are(meta: dict[str, Any]) -> None:
    hit = only("zebra", meta=meta)
    assert hit.category == "knowledge-graph"
    assert hit.capabilities == ("paths",)


def test_a_label_that_means_a_known_category_becomes_it() -> None:
    tool = {"server": "s", "name": "zebra", "category": "Database Operations"}
    index = ToolIndex.build([tool])
    assert index.list_categories() == {"databases": 1}
    assert index.search("zebra", category="Databases")[0].name == "zebra"


def test_a_category_is_guessed_from_the_words_of_a_servers_tools() -> None:
    weather = ToolDefinition("weather", "get_forecast", "Weather forecast and temperature of a city")
    other = ToolDefinition("weather", "zebra")
    index = ToolIndex.build([weather, other, ToolDefinition("xyzzy", "plugh")])
    assert {hit.category for hit in index.search("", server="weather")} == {"weather"}
    assert index.search("plugh")[0].category == "other"


def test_every_tool_is_counted_in_one_category() -> None:
    tools = [ToolDefinition("git", f"git_{verb}", f"{verb} a commit") for verb in ("show", "create", "list")]
    index = ToolIndex.build([*tools, ToolDefinition("time", "get_time")])
    assert sum(index.list_categories().values()) == 4
    assert index.list_capabilities()["read"] == 3
    assert index.list_capabilities("time") == {"get": 1, "read": 1}
    assert index.list_categories("nowhere") == {}
