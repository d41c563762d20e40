"""Reading tool definitions from a file: nothing good is lost, and every loss is told."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from underpass.codegen.manifest import read_manifest
from underpass.codegen.python import PythonPackage
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R03", "R08")


def _entry(server: str = "git", name: str = "log", **more: Any) -> str:
    return json.dumps({"server": server, "name": name, "inputSchema": {"type": "object"}, **more})


def _write(path: Path, *lines: str | bytes) -> Path:
    data = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["tools.jsonl", "tools.jsonl.gz"])
def test_tools_are_read_by_server_in_the_files_order(tmp_path: Path, name: str) -> None:
    lines = (_entry("b", "one", description="First."), _entry("a", "two"), "", _entry("b", "three"), "  ")
    listings = read_manifest(_write(tmp_path / name, *lines))

    assert {server: [tool.name for tool in listing.tools] for server, listing in listings.items()} == {
        "b": ["one", "three"],
        "a": ["two"],
    }
    assert listings["b"].tools[0].description == "First."
    assert listings["b"].tools[0].server == "b"
    assert not any(listing.findings for listing in listings.values())


def test_a_broken_line_is_told_by_its_number_and_the_others_are_read(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "tools.jsonl",
        "\ufeff" + _entry("git", "one"),
        '{"server": "git", "name": "cut',
        "[1, 2]",
        b"\xff\xfe",
        "[" * 100_000,
        _entry("git", "two"),
        '{"server": "git"}',
        '{"server": "git", "name": 7}',
        _entry("git", "two"),
        _entry("git", "three", outputSchema=3, description=["x"]),
        '{"server": "git", "name": "nan", "inputSchema": {"type": "object"}, "x": NaN}',
    )
    listings = read_manifest(path)

    assert [tool.name for tool in listings["git"].tools] == ["one", "two", "three", "nan"]
    told = {finding.reason.partition(":")[0]: finding for finding in listings["git"].findings}
    assert {line: finding.action for line, finding in told.items()} == {
        "line 7": "quarantined",
        "line 8": "quarantined",
        "line 9": "quarantined",
        "line 10": "repaired",
    }
    assert told["line 9"].tool == "two"
    nameless = listings["tools"].findings
    assert [finding.reason.partition(":")[0] for finding in nameless] == [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
    ]
    assert "column" in nameless[0].reason


def test_the_files_name_stands_for_a_server_that_is_not_named(tmp_path: Path) -> None:
    listings = read_manifest(_write(tmp_path / "github.jsonl", '{"name": "search"}'))

    assert [tool.id for tool in listings["github"].tools] == ["github::search"]


def test_what_a_damaged_file_still_holds_is_read(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "tools.jsonl.gz", *(_entry("git", f"tool{n}", description="x" * n) for n in range(3000))
    )
    path.write_bytes(path.read_bytes()[:-3000])
    listings = read_manifest(path)

    assert 0 < len(listings["git"].tools) < 3000
    [finding] = listings["tools"].findings
    assert "damaged after line" in finding.reason


@pytest.mark.parametrize("lines", [(), ("", " "), ("no json",), ('{"server": "git"}',)])
def test_a_file_without_any_tool_is_an_error(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="holds no tool definitions") as raised:
        read_manifest(_write(tmp_path / "tools.jsonl", *lines))

    assert raised.value.hint


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file") as raised:
        read_manifest(tmp_path / "absent.jsonl")

    assert raised.value.data["path"] == str(tmp_path / "absent.jsonl")


def test_a_manifest_is_what_a_package_is_made_of(tmp_path: Path) -> None:
    package = PythonPackage(read_manifest(_write(tmp_path / "x.jsonl", _entry("my-git", "getLog"))))

    assert "my_git/_get_log.py" in package.files()
