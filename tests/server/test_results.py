"""Kept results as MCP resources, through the real service and the SDK's client of both eras."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import BlobResourceContents, TextResourceContents
from tests.server.http_service import Service

from underpass.server.results import ResultResources
from underpass.workspace.kept import KeptResults

pytestmark = [pytest.mark.requirement("R12", "R21"), pytest.mark.anyio]

MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])
PNG = base64.b64decode("iVBORw0KGgo=")


@MODES
async def test_a_value_that_was_too_large_is_read_whole_as_a_resource(service: Service, mode: str) -> None:
    async with service.client(mode) as client:
        run = (
            await client.call_tool("run_code", {"code": "list(range(20_000))", "agent": f"a{mode}"})
        ).structured_content
        name = run["handle"].removeprefix("results/")
        [template] = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "underpass://results/{agent}/{handle}"
        listed = {each.uri: each for each in (await client.list_resources()).resources}
        uri = f"underpass://results/a{mode}/{name}"
        assert (listed[uri].mime_type, listed[uri].name) == ("application/json", run["handle"])
        for address in (uri, uri.replace(name, f"results/{name}"), uri.replace(name, f"results%2F{name}")):
            [content] = (await client.read_resource(address)).contents
            assert isinstance(content, TextResourceContents)
            assert content.mime_type == "application/json"
            assert json.loads(content.text) == list(range(20_000))
            assert listed[uri].size == len(content.text)


@asynccontextmanager
async def connected(workspaces: Path, mode: str) -> AsyncGenerator[Client]:
    server: Server[object] = Server("results")
    ResultResources(KeptResults(workspaces)).offer(server)
    async with Client(server, mode=mode) as client:
        yield client


@pytest.fixture
def workspaces(tmp_path: Path) -> Path:
    results = tmp_path / "workspace" / "default" / "results"
    results.mkdir(parents=True)
    (tmp_path / "secret.json").write_text('"secret"')
    (tmp_path / "workspace" / "default" / "private.json").write_text('"private"')
    (tmp_path / "workspace" / "other").mkdir()
    (tmp_path / "workspace" / "other" / "results").symlink_to(results)
    (results / "note.txt").write_text("text é")
    (results / "image.png").write_bytes(PNG)
    (results / "odd.unknown-ending").write_bytes(b"\xff")
    (results / "huge.json").write_text(f'"{"x" * (1 << 20)}"')
    (results / "link.json").symlink_to(tmp_path / "secret.json")
    (results / "folder.json").mkdir()
    os.mkfifo(results / "pipe.json")
    return tmp_path / "workspace"


@MODES
async def test_each_result_has_its_type_and_only_results_are_listed(workspaces: Path, mode: str) -> None:
    async with connected(workspaces, mode) as client:
        listed = {each.name: each.mime_type for each in (await client.list_resources()).resources}
        [text] = (await client.read_resource("underpass://results/default/note.txt")).contents
        [image] = (await client.read_resource("underpass://results/default/image.png")).contents
    assert listed == {
        "results/note.txt": "text/plain",
        "results/image.png": "image/png",
        "results/odd.unknown-ending": "application/octet-stream",
        "results/huge.json": "application/json",
    }
    assert isinstance(text, TextResourceContents)
    assert text.text == "text é"
    assert isinstance(image, BlobResourceContents)
    assert (base64.b64decode(image.blob), image.mime_type) == (PNG, "image/png")


@MODES
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("default/none.json", "has no result"),
        ("default/link.json", "has no result"),
        ("default/folder.json", "has no result"),
        ("default/pipe.json", "has no result"),
        ("default/../private.json", "has no result"),
        ("default/%2E%2E%2Fprivate.json", "has no result"),
        ("default/..%2F..%2F..%2Fsecret.json", "has no result"),
        ("default/results/../note.txt", "has no result"),
        ("default/%00", "has no result"),
        ("default/" + "x" * 5_000, "has no result"),
        ("other/note.txt", "has no result"),
        ("nobody/note.txt", "has no result"),
        ("%2E%2E/secret.json", "is no name for an agent"),
        ("mcp-servers/x", "is no name for an agent"),
        ("default/", "no resource has the address"),
        ("default", "no resource has the address"),
        ("default/huge.json", "1,048,578 bytes, and 1,048,576 are shown at most"),
    ],
)
async def test_nothing_but_a_result_of_moderate_size_is_read(
    workspaces: Path, mode: str, path: str, message: str
) -> None:
    async with connected(workspaces, mode) as client:
        with pytest.raises(MCPError, match=message) as caught:
            await client.read_resource(f"underpass://results/{path}")
        with pytest.raises(MCPError, match="no resource has the address"):
            await client.read_resource("file:///etc/passwd")
    assert len(str(caught.value)) < 1_500


async def test_without_workspaces_there_are_no_results(tmp_path: Path) -> None:
    async with connected(tmp_path / "none", "auto") as client:
        assert (await client.list_resources()).resources == []
