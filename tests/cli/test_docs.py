"""`underpass docs` for one tool in each language, and for all of them as a folder of pages."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import at_terminal, underpass, write_config

pytestmark = pytest.mark.requirement("R22")

AUTHOR = {"type": "array", "items": {"properties": {"author": {"type": "string"}}}}
TOOLS: list[dict[str, Any]] = [
    {
        "server": "my-git",
        "name": "git_log",
        "description": "Shows the commit log.",
        "inputSchema": {"type": "object", "properties": {"filters": AUTHOR}},
    },
    {"server": "my-git", "name": "git_diff", "description": "Shows the diff.", "inputSchema": {}},
    {"server": "wiki", "name": "search", "description": "Finds pages.", "inputSchema": {}},
]


def manifest(folder: Path, tools: list[dict[str, Any]]) -> str:
    (folder / "tools.jsonl").write_text("\n".join(map(json.dumps, tools)))
    return "tools.jsonl"


@pytest.mark.requirement("R24")
def test_a_tool_of_a_manifest_is_documented_in_the_language_asked_for(tmp_path: Path) -> None:
    file = manifest(tmp_path, TOOLS)

    brief = underpass("docs", "my-git.git_log", "--manifest", file, cwd=tmp_path)
    full = underpass(
        "docs", "myGit.gitLog", "--manifest", file, "--language", "typescript", "--full", cwd=tmp_path
    )
    facts = underpass("docs", "my-git.git_log", "--manifest", file, "--json", cwd=tmp_path).json

    assert brief.stdout.startswith("# my_git.git_log\n\nCategory: version-control; capabilities: get, read\n")
    assert "- `my_git.git_diff`: Shows the diff.\n" in brief.stdout
    assert "filters[].author" not in brief.stdout
    assert full.stdout.startswith("# myGit.gitLog\n")
    assert "  - `filters[].author` (`string`)\n" in full.stdout
    assert (facts["category"], facts["capabilities"]) == ("version-control", ["get", "read"])


def test_a_folder_of_pages_follows_the_tools_there_are(tmp_path: Path) -> None:
    command = ("docs", "--output", "pages", "--manifest", "tools.jsonl", "--language", "both")
    manifest(tmp_path, TOOLS)
    first = underpass(*command, cwd=tmp_path)
    (tmp_path / "pages" / "wiki" / "notes.md").write_text("Mine.\n")
    manifest(tmp_path, TOOLS[:1])
    second = underpass(*command, "--json", cwd=tmp_path).json
    third = underpass(*command, "--json", cwd=tmp_path).json

    assert first.stdout.startswith("pages/index.md: 3 tools of 2 servers in ")
    assert "## In TypeScript" in (tmp_path / "pages" / "my_git" / "git_log.md").read_text()
    assert (second["tools"], second["servers"], second["languages"]) == (1, 1, ["python", "typescript"])
    assert [file.name for file in (tmp_path / "pages" / "wiki").iterdir()] == ["notes.md"]
    assert not (tmp_path / "pages" / "my_git" / "git_diff.md").exists()
    assert third["changed"] == 0


def test_a_server_that_cannot_be_asked_keeps_its_pages(tmp_path: Path) -> None:
    write_config(tmp_path, "time", wiki={"command": "there-is-no-such-command"})
    kept: dict[str, Any] = {
        "server": "wiki",
        "name": "search",
        "description": "Finds pages.",
        "inputSchema": {},
    }
    underpass("docs", "--output", "pages", "--manifest", manifest(tmp_path, [kept]), cwd=tmp_path)

    done = underpass("docs", "--output", "pages", cwd=tmp_path)

    assert done.status == 1
    assert "there-is-no-such-command" in done.stderr
    assert (tmp_path / "pages" / "wiki" / "search.md").exists()
    assert "2 tools of 1 server." in (tmp_path / "pages" / "index.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either a TOOL or an --output folder"),
        (["a.b", "--output", "pages"], "either a TOOL or an --output folder"),
        (["a.b", "--language", "both"], "--language both goes with --output"),
        (["--output", "pages", "--full"], "--full goes with a TOOL"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = underpass("docs", *arguments, cwd=tmp_path)

    assert (done.status, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_page_is_set_in_type_at_a_terminal_and_sends_it_nothing_else(tmp_path: Path) -> None:
    hostile = {**TOOLS[0], "description": "Red \u001b[31m text\u0007. <b>x</b>"}
    status, shown = at_terminal(
        "docs", "my-git.git_log", "--manifest", manifest(tmp_path, [hostile]), cwd=tmp_path
    )

    assert status == 0
    assert "```" not in shown
    assert "\u001b[31m text" not in shown
    assert "\u0007" not in shown
