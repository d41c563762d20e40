"""An index in a file."""

from pathlib import Path

import pytest

from underpass.catalog.definition import ToolDefinition
from underpass.discovery import ToolIndex
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R23")

TOOLS = [
    ToolDefinition("git", "git_log", "Shows the commit logs", title="Log", meta={"tags": ["history"]}),
    ToolDefinition("git", "git_show", "Shows a commit", input_schema={"properties": {"revision": {}}}),
    ToolDefinition("time", "convert_time", "Convert time between timezones", output_schema=True),
]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "tools.index"
    ToolIndex.build(TOOLS).save(path)
    return path


@pytest.mark.parametrize("query", ["commit", "revision", "timezone", "history of git", "zebra"])
def test_a_loaded_index_finds_what_the_saved_one_found(saved: Path, query: str) -> None:
    loaded, built = ToolIndex.load(saved), ToolIndex.build(TOOLS)
    assert loaded.search(query) == built.search(query)
    assert loaded.list_capabilities() == built.list_capabilities()
    assert loaded.servers == ("git", "time")


def test_a_loaded_index_can_change_and_be_saved_again(saved: Path) -> None:
    index = ToolIndex.load(saved)
    index.remove("git")
    index.add([ToolDefinition("wiki", "search", "Finds commits in pages")])
    index.save(saved)
    again = ToolIndex.load(saved)
    expected = ToolIndex.build([TOOLS[2], ToolDefinition("wiki", "search", "Finds commits in pages")])
    assert again.search("commits time") == expected.search("commits time")
    assert again.search("commits", server="git") == []


def test_an_empty_index_can_be_saved(tmp_path: Path) -> None:
    ToolIndex().save(tmp_path / "empty")
    assert len(ToolIndex.load(tmp_path / "empty")) == 0


def test_a_damaged_file_is_refused(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(ConfigError, match="damaged"):
        ToolIndex.load(saved)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"underpass tool index 0\n")
    with pytest.raises(ConfigError, match="version"):
        ToolIndex.load(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        ToolIndex.load(tmp_path / "absent")


def test_a_save_that_fails_leaves_no_file_behind(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        ToolIndex.build(TOOLS).save(folder)
    assert list(tmp_path.iterdir()) == [folder]
