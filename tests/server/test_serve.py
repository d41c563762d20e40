import json
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from tests.cli.command_line import BIN, write_config
from tests.cli.processes import Bell, alive, background, descendants
from tests.patience import LONG

pytestmark = pytest.mark.requirement("R10", "R21")

PROGRAM = """
from mcp_servers import time
there = await time.convert_time(source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo")
print("this must not touch the protocol")
there["time_difference"]
"""


@asynccontextmanager
async def serving(folder: Path, mode: str) -> AsyncGenerator[Client]:
    parameters = StdioServerParameters(command=str(BIN / "underpass"), args=["serve"], cwd=folder)
    with anyio.fail_after(LONG):
        async with Client(parameters, mode=mode) as client:
            yield client


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_config(tmp_path, "time")
    return tmp_path


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_of_each_era_finds_a_tool_and_runs_code_that_calls_it(
    project: Path, mode: str
) -> None:
    async with serving(project, mode) as client:
        tools = (await client.list_tools()).tools
        found = await client.call_tool("search_tools", {"query": "convert timezone"})
        documentation = await client.call_tool("get_tool_documentation", {"names": ["time.convert_time"]})
        answer = await client.call_tool("run_code", {"code": PROGRAM})
        failed = await client.call_tool("run_code", {"code": "1 / 0"})
        servers = await client.call_tool("list_servers", {})
        version = client.protocol_version
    assert (version >= "2026") is (mode == "auto")
    assert len(tools) == 6
    assert found.structured_content["tools"][0]["module"] == "time"
    assert "target_timezone" in documentation.structured_content["documentation"]
    assert answer.structured_content["value"] == "+9.0h"
    assert answer.structured_content["stdout"] == "this must not touch the protocol\n"
    assert failed.is_error
    assert failed.structured_content["error"]["type"] == "ZeroDivisionError"
    assert servers.structured_content["servers"][0]["tools"] == 2


@pytest.mark.anyio
@pytest.mark.requirement("R24", "R31")
async def test_the_next_start_names_the_few_tools_that_are_known_and_starts_no_server(project: Path) -> None:
    listed: list[list[dict[str, Any]]] = []
    states: list[str] = []
    for _ in range(3):
        async with serving(project, "auto") as client:
            tools = (await client.list_tools()).tools
            listed.append([tool.model_dump(mode="json") for tool in tools])
            servers = await client.call_tool("list_servers", {})
            states.append(servers.structured_content["servers"][0]["state"])
            if not listed[1:]:
                await client.call_tool("search_tools", {"query": "time"})
    first, second, third = listed
    assert (len(first), len(second)) == (6, 2)
    assert second == third
    assert "time.get_current_time(*, timezone: str)" in second[0]["description"]
    assert states[-1] == "known"


@pytest.mark.anyio
async def test_clients_run_code_concurrently_through_one_server(project: Path) -> None:
    answers: dict[int, Any] = {}

    async def run(client: Client, number: int) -> None:
        answer = await client.call_tool("run_code", {"code": f"{number} * 2", "agent": f"a{number}"})
        answers[number] = answer.structured_content["value"]

    async with serving(project, "auto") as client, anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(run, client, number)
    assert answers == {number: number * 2 for number in range(5)}


def exchange(process: "subprocess.Popen[bytes]", *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Send messages and read one line for each that has an id."""
    assert process.stdin is not None
    assert process.stdout is not None
    answers: list[dict[str, Any]] = []
    for message in messages:
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        process.stdin.flush()
        if "id" in message:
            answers.append(json.loads(process.stdout.readline()))
    return answers


HANDSHAKE: list[dict[str, Any]] = [
    {
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    },
    {"method": "notifications/initialized"},
]
RUN = {"id": 2, "method": "tools/call", "params": {"name": "run_code", "arguments": {"code": PROGRAM}}}


@pytest.mark.parametrize("ending", ["eof", "SIGINT", "SIGTERM"])
def test_serve_ends_with_its_client_and_leaves_no_process(project: Path, ending: str) -> None:
    with background("serve", cwd=project) as process:
        _, answer = exchange(process, *HANDSHAKE, RUN)
        assert answer["result"]["structuredContent"]["value"] == "+9.0h"
        children = descendants(process.pid)
        if ending == "eof":
            assert process.stdin is not None
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[ending])
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b""
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(LONG) == {"eof": 0, "SIGINT": 130, "SIGTERM": 143}[ending]
    assert len(children) >= 2
    assert not [child for child in children if alive(child)]


def test_serve_answers_first_without_starting_a_server(project: Path) -> None:
    with background("serve", cwd=project) as process:
        _, answer = exchange(process, *HANDSHAKE, {"id": 2, "method": "tools/list"})
        assert answer["result"]["tools"][0]["name"] == "run_code"
        assert not [child for child in descendants(process.pid) if "mcp-server-time" in _command(child)]


def test_a_line_that_is_no_message_does_not_end_the_server(project: Path) -> None:
    with background("serve", cwd=project) as process:
        exchange(process, *HANDSHAKE)
        assert process.stdin is not None
        process.stdin.write(b"\xff no json\n\n")
        [answer] = exchange(process, {"id": 3, "method": "ping"})
        while answer.get("id") != 3:
            assert process.stdout is not None
            answer = json.loads(process.stdout.readline())
        assert "result" in answer


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode()
    except OSError:
        return ""


@pytest.mark.parametrize("ending", ["eof", "SIGINT"])
def test_a_client_that_leaves_during_a_run_ends_the_run(project: Path, ending: str) -> None:
    bell = Bell(project / "workspace" / "default")
    endless = "open('bell', 'w').write('x')\nimport asyncio\nawait asyncio.sleep(600)"
    call = {
        "method": "tools/call",
        "params": {"name": "run_code", "arguments": {"code": endless, "timeout": 600}},
    }
    with background("serve", cwd=project) as process:
        exchange(process, *HANDSHAKE)
        assert process.stdin is not None
        process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 2, **call}).encode() + b"\n")
        process.stdin.flush()
        bell.wait()
        children = descendants(process.pid)
        if ending == "eof":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == (0 if ending == "eof" else 130)
    assert not [child for child in children if alive(child)]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_call_that_the_client_cancels_ends_its_run_alone(project: Path, mode: str) -> None:
    bell = Bell(project / "workspace" / "default")
    endless = "bell = open('bell', 'w')\nbell.write('x')\nbell.flush()\nwhile True: pass"
    async with serving(project, mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "run_code", {"code": endless, "timeout": 600})
            await anyio.to_thread.run_sync(bell.wait)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(bell.wait_for_the_end)
        answer = await client.call_tool("run_code", {"code": "40 + 2"})
    assert answer.structured_content["value"] == 42
