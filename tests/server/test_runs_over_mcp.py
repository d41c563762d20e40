"""Runs asked for over MCP are seen, followed and ended like those of the API, whichever process has them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from tests.cli.command_line import BIN
from tests.cli.processes import Bell
from tests.patience import LONG
from tests.server.api_service import ApiUnderTest, api, events, run

pytestmark = [pytest.mark.requirement("R21", "R36", "R39"), pytest.mark.anyio]

ENDLESS = (
    "from mcp_servers import hostile\nawait hostile.echo()\n"
    "bell = open('bell', 'w')\nbell.write('x')\nbell.flush()\nwhile True: pass"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with api(tmp_path_factory.mktemp("desk")) as found:
        yield found


@asynccontextmanager
async def over_http(service: ApiUnderTest, token: str, mode: str) -> AsyncGenerator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=LONG) as http,
        Client(streamable_http_client(service.service.url, http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(service: ApiUnderTest) -> AsyncGenerator[Client]:
    folder = service.service.folder
    parameters = StdioServerParameters(
        command=str(BIN / "underpass"), args=["serve"], cwd=folder, env={"HOME": str(folder)}
    )
    async with Client(parameters) as client:
        yield client


async def cancelled_by_the_api(
    client: Client, owner: httpx2.Client, stranger: httpx2.Client, bell: Bell, agent: str
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Begin an endless run over MCP, end it by the API; return what the client was told, and the events."""
    told: dict[str, Any] = {}
    seen: list[dict[str, str]] = []

    async def call() -> None:
        answer = await client.call_tool("run_code", {"code": ENDLESS, "agent": agent, "timeout": 600})
        told.update({"error": answer.is_error, "text": str(answer.content)})

    def watch() -> list[dict[str, str]]:
        bell.wait()
        (listed,) = owner.get("/api/runs", params={"agent": agent}).json()["runs"]
        assert listed["state"] == "running"
        place = f"/api/runs/{listed['run']}"
        assert owner.get(place).json()["state"] == "running"
        assert stranger.delete(place).status_code == 404
        assert stranger.get(f"{place}/events").status_code == 404
        assert owner.delete(place).status_code == 204
        bell.wait_for_the_end()
        seen = events(owner.get(f"{place}/events").text)
        late = events(owner.get(f"{place}/events", headers={"Last-Event-ID": seen[-2]["id"]}).text)
        assert late == seen[-1:]
        assert owner.get(place).json()["state"] == "Interrupted"
        assert owner.delete(place).status_code == 409
        return seen

    with anyio.fail_after(LONG):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            seen = await anyio.to_thread.run_sync(watch)
    return told, seen


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_run_over_http_is_listed_followed_and_cancelled_by_its_tenant_alone(
    service: ApiUnderTest, mode: str
) -> None:
    token = service.tokens.create("acme", ["run", "read"])[1]
    bell = Bell(service.service.folder / "workspace" / f"acme.{mode}")
    async with over_http(service, token, mode) as client:
        told, seen = await cancelled_by_the_api(
            client, service.client(token), service.tenant("rival"), bell, mode
        )
    assert [each["event"] for each in seen] == ["started", "call", "call", "ended"]
    assert json.loads(seen[-1]["data"])["error"]["type"] == "Cancelled"
    assert told["error"]
    assert "was cancelled" in told["text"]


async def test_a_run_of_another_process_over_stdio_is_listed_followed_and_cancelled(
    service: ApiUnderTest,
) -> None:
    bell = Bell(service.service.folder / "workspace" / "neighbour")
    async with over_stdio(service) as client:
        told, seen = await cancelled_by_the_api(
            client, service.operator, service.tenant("rival"), bell, "neighbour"
        )
    assert [each["event"] for each in seen] == ["started", "call", "call", "ended"]
    assert [json.loads(each["data"])["state"] for each in seen[1:]] == ["begun", "ok", "Interrupted"]
    assert told["error"]
    assert "was cancelled" in told["text"]


async def test_a_run_over_mcp_tells_its_client_and_its_followers_of_its_progress(
    service: ApiUnderTest,
) -> None:
    code = "from mcp_runtime import progress\nprogress(1, 2, 'half')\n'done'"
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with over_http(service, service.service.token, "auto") as client:
        answer = await client.call_tool(
            "run_code", {"code": code, "agent": "telling"}, progress_callback=hear
        )
    content: dict[str, Any] = answer.structured_content or {}
    assert content["value"] == "done"
    assert heard == [(1.0, 2.0, "half")]
    seen = events(service.operator.get(f"/api/runs/{content['run']}/events").text)
    assert [each["event"] for each in seen] == ["started", "progress", "ended"]


async def test_a_run_of_a_process_that_has_no_desk_is_not_cancelled(
    service: ApiUnderTest, tmp_path: Path
) -> None:
    from underpass import Underpass

    bell = Bell(service.service.folder / "workspace" / "library")
    servers = {"mcpServers": json.loads((service.service.folder / ".mcp.json").read_text())["mcpServers"]}
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(
            Underpass.open(servers, home=service.service.folder, settings={"run.check": False})
        )
        tasks = await stack.enter_async_context(anyio.create_task_group())

        async def begin() -> None:
            await up.run(ENDLESS, agent="library", timeout=600)

        tasks.start_soon(begin)
        await anyio.to_thread.run_sync(bell.wait)
        (listed,) = service.operator.get("/api/runs", params={"agent": "library"}).json()["runs"]
        assert service.operator.delete(f"/api/runs/{listed['run']}").status_code == 409
        tasks.cancel_scope.cancel()


def test_pages_of_runs_that_go_on_have_each_of_them_once(service: ApiUnderTest) -> None:
    client = service.tenant("pages")
    waiting = "import time\ntime.sleep(600)"
    begun = [
        client.post("/api/runs", json={"code": waiting, "wait": False, "timeout_seconds": 900}).json()["run"]
        for _ in range(5)
    ]
    found: list[str] = []
    before: str | None = None
    while True:
        page = client.get("/api/runs", params={"limit": 2, **({"before": before} if before else {})}).json()
        found += [each["run"] for each in page["runs"]]
        before = page["before"]
        if before is None:
            break
    assert found == begun[::-1]
    for each in begun:
        assert client.delete(f"/api/runs/{each}").status_code == 204


def test_a_run_that_cannot_begin_is_there_with_the_reason(service: ApiUnderTest) -> None:
    client = service.tenant("early")
    begun = client.post("/api/runs", json={"code": "1", "environment": "none-such", "wait": False})
    assert begun.status_code == 202
    place = f"/api/runs/{begun.json()['run']}"
    last = events(client.get(f"{place}/events").text)[-1]
    assert json.loads(last["data"])["error"]["type"] == "ConfigError"
    assert client.get(place).json()["state"] == "ConfigError"
    assert run(client, "1")["value"] == 1
