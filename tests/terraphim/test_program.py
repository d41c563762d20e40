"""`terraphim-mcp` as it is installed: over stdio, over HTTP, and with mistakes in the call."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from tests.terraphim.notes import project
from tests.terraphim.surface import MODES, PROGRAM, lines, over_http, over_stdio, value

pytestmark = pytest.mark.requirement("R49", "R50")

ROLES = {
    "id": "Server",
    "global_shortcut": "Ctrl+X",
    "roles": {
        "Engineer": {
            "shortname": "eng",
            "name": "Engineer",
            "relevance_function": "terraphim-graph",
            "theme": "lumen",
            "kg": {
                "automata_path": None,
                "knowledge_graph_local": {"input_type": "markdown", "path": "kg"},
                "public": True,
                "publish": True,
            },
            "haystacks": [{"location": "notes", "service": "Ripgrep", "read_only": True}],
            "extra": {},
        }
    },
    "default_role": "Engineer",
    "selected_role": "Engineer",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project(tmp_path)
    (tmp_path / "roles.json").write_text(json.dumps(ROLES))
    return tmp_path


async def check(client: Client, role: str) -> None:
    assert len((await client.list_tools()).tools) == 17
    found = value(await client.call_tool("search", {"query": "rust async patterns", "limit": 100}))
    assert found[0]["title"] == "Async patterns in Rust"
    assert value(await client.call_tool("find_matches", {"text": "rustlang"}))[0]["normalized_term"] == "rust"
    assert value(await client.call_tool("is_all_terms_connected_by_path", {"text": "rust, futures"})) is True
    built = await client.call_tool("build_autocomplete_index", {})
    assert lines(built)[0].endswith(f"for role '{role}'")


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
async def test_it_serves_a_configuration_over_stdio_from_any_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, mode: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    async with over_stdio("--config", folder / "roles.json", cwd=elsewhere, mode=mode) as client:
        assert (client.protocol_version >= "2026") is (mode == "auto")
        await check(client, "Engineer")


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
async def test_two_folders_are_enough(folder: Path, mode: str) -> None:
    async with over_stdio("--kg", "./kg", "--haystack", "./notes", cwd=folder, mode=mode) as client:
        await check(client, "Default")


@pytest.fixture
def url(folder: Path) -> Generator[str]:
    with over_http("--config", "roles.json", cwd=folder) as (url, _):
        yield url


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
async def test_it_serves_over_http_in_both_eras(url: str, mode: str) -> None:
    async with Client(url, mode=mode) as client:
        await check(client, "Engineer")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example:80"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 400),
    ],
)
def test_a_request_that_is_meant_for_another_or_comes_from_a_page_is_refused(
    url: str, headers: dict[str, str], status: int
) -> None:
    usual = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    answer = httpx2.post(url, headers=usual | headers, content=json.dumps(message), timeout=30)
    assert answer.status_code == status


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_http_server(folder: Path, ending: signal.Signals) -> None:
    with over_http("--kg", "kg", cwd=folder) as (_, process):
        process.send_signal(ending)
        assert process.wait(20) in (0, 130, -ending)


@pytest.mark.parametrize("ending", ["eof", "SIGTERM"])
def test_the_end_of_its_input_or_a_signal_ends_the_stdio_server(folder: Path, ending: str) -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    with subprocess.Popen(
        [PROGRAM, "--kg", "kg"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline()
        if ending == "eof":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == (0 if ending == "eof" else -signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say what to serve"),
        (["--config", "roles.json", "--kg", "kg"], "--config names the folders already"),
        (["--config", "nowhere.json"], "nowhere.json cannot be read: No such file"),
        (["--config", "bad.json"], "$.roles.A.relevance_function"),
        (["--kg", "nowhere"], "nowhere"),
        (["--kg", "roles.json"], "is a file"),
        (["--kg", "kg", "--http", "8000"], "is no address to listen on"),
        (["--kg", "kg", "--http", "127.0.0.1:99999"], "is no address to listen on"),
        (["--kg", "kg", "--http", "192.0.2.1:0"], "cannot listen on 192.0.2.1:0"),
        (["--nonsense"], "No such option"),
    ],
)
def test_a_mistake_in_the_call_is_told_without_a_traceback(
    folder: Path, arguments: list[str], told: str
) -> None:
    (folder / "bad.json").write_text('{"roles": {"A": {"relevance_function": "best"}}}')
    done = subprocess.run(
        [PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_shows_how_to_begin() -> None:
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True, timeout=60)
    for part in ("--config", "--kg", "--haystack", "--http", "$ terraphim-mcp --kg ./kg --haystack ./notes"):
        assert part in done.stdout


def test_it_knows_nothing_of_underpass() -> None:
    code = (
        "import sys, terraphim.cli, terraphim.server.http\n"
        "sys.exit(any(name.split('.')[0] == 'underpass' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
