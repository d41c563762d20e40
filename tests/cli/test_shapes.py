"""`underpass shapes`, with what real servers answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import underpass, write_config

from underpass.shapes.shape import Shape
from underpass.shapes.store import FILE_NAME, Key, ShapeStore

pytestmark = pytest.mark.requirement("R09")

PROGRAM = """
from mcp_servers import kit, time
kinds = await kit.echo_types()
[await time.get_current_time(timezone="UTC"), await kit.collection_chunk(items=[1, 2, 3], size=2)]
"""


def observe(
    folder: Path, *values: Any, server: str = "my-kit", tool: str = "list-all", digest: str = "d"
) -> None:
    shape = Shape()
    for value in values:
        shape.observe(value)
    ShapeStore(folder / ".underpass" / FILE_NAME).add({Key(server, tool, digest): shape})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {}}')
    return tmp_path


@pytest.mark.slow
def test_results_of_real_servers_become_types_of_generated_modules(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    config = json.loads((tmp_path / ".mcp.json").read_text())
    config["mcpServers"]["kit"] = json.loads(write_config(tmp_path, "testkit").read_text())["mcpServers"][
        "testkit"
    ]
    (tmp_path / ".mcp.json").write_text(json.dumps(config))

    assert underpass("run", "-c", PROGRAM, cwd=tmp_path).status == 0
    listed = underpass("shapes", "list", cwd=tmp_path)
    assert "kit.echo_types" in listed.stdout
    assert underpass("docs", "kit.echo_types", cwd=tmp_path).stdout.count("observed 1 time") == 2
    found = underpass("tools", "--server", "kit", "--json", cwd=tmp_path).json["servers"][0]["tools"]
    assert sum("# observed 1 time" in tool["signature"] for tool in found) == 2

    underpass("generate", "--output", "mcp_servers", cwd=tmp_path)
    module = (tmp_path / "mcp_servers" / "kit" / "_echo_types.py").read_text()
    assert "-> Annotated[Any, Result]:" in module
    assert "observed 1 time" in module
    declared = (tmp_path / "mcp_servers" / "time" / "_get_current_time.py").read_text()
    assert "observed" not in declared

    assert underpass("shapes", "forget", "kit", cwd=tmp_path).stdout == "kit: 2 tools forgotten\n"
    underpass("generate", "--output", "mcp_servers", cwd=tmp_path)
    assert "observed" not in (tmp_path / "mcp_servers" / "kit" / "_echo_types.py").read_text()


def test_a_shape_is_listed_shown_and_forgotten(project: Path) -> None:
    observe(project, [{"id": 1}, {"id": 2, "at": "2026-01-02"}], [])
    observe(project, "text", tool="read")
    observe(project, "text", server="other", tool="read")
    assert underpass("shapes", "list", cwd=project).stdout.split() == [
        *("tool", "results", "observed", "my-kit.list-all", "list", "2"),
        *("my-kit.read", "text", "1", "other.read", "text", "1"),
    ]
    assert underpass("shapes", "list", "other", "--json", cwd=project).json == {
        "shapes": [{"server": "other", "tool": "read", "definition": "d", "observed": 1}]
    }
    assert underpass("shapes", "show", "my-kit.list-all", cwd=project).stdout.splitlines() == [
        "my-kit.list-all, observed 2 times",
        "result: list",
        "  (each item): object",
        "    id: integer",
        "    at: text (date)  (1 of 2)",
    ]
    # The names of the generated code do as well.
    shown = underpass("shapes", "show", "my_kit.list_all", "--json", cwd=project).json
    assert (shown["tool"], shown["schema"]["items"]["required"]) == ("list-all", ["id"])
    assert underpass("shapes", "forget", "my_kit.list_all", cwd=project).stdout == (
        "my_kit.list_all: 1 tool forgotten\n"
    )
    assert underpass("shapes", "forget", "my-kit", "--json", cwd=project).json == {
        "server": "my-kit",
        "tool": None,
        "forgotten": 1,
    }
    assert underpass("shapes", "list", cwd=project).stdout.count("read") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "othr"], "did you mean 'other'?"),
        (["show", "other.raed"], "did you mean 'read'?"),
        (["show", "other"], "no server is named"),
        (["forget", "nowhere.read"], "no server is named 'nowhere'"),
    ],
)
def test_a_name_that_is_not_there_is_an_error_with_those_that_are(
    project: Path, arguments: list[str], message: str
) -> None:
    observe(project, "text", server="other", tool="read")
    done = underpass("shapes", *arguments, cwd=project)
    assert done.status == 1
    assert message in done.stderr


def test_with_nothing_observed_the_list_says_what_to_do(project: Path) -> None:
    assert "nothing observed yet" in underpass("shapes", "list", cwd=project).stdout
    assert underpass("shapes", "list", "--json", cwd=project).json == {"shapes": []}


def test_a_corrupt_file_is_said_and_kept_aside(project: Path) -> None:
    (project / ".underpass").mkdir()
    (project / ".underpass" / FILE_NAME).write_bytes(b"nonsense" * 1_000)
    done = underpass("shapes", "list", cwd=project)
    assert done.status == 0
    assert f"was kept as {FILE_NAME}." in done.stderr
    assert "observed shapes" not in underpass("shapes", "list", cwd=project).stderr


def test_a_file_that_cannot_be_opened_is_a_configuration_error(project: Path) -> None:
    (project / ".underpass" / FILE_NAME).mkdir(parents=True)
    done = underpass("shapes", "list", cwd=project)
    assert (done.status, "cannot be read or written" in done.stderr) == (2, True)
