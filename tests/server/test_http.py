"""The facade over HTTP: both eras of the protocol, its unlisted tool, its start and its end."""

import json
import signal
import socket
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from tests.cli.command_line import underpass, write_config
from tests.cli.processes import Bell, alive, background, descendants
from tests.patience import LONG
from tests.server.http_service import HEADERS, Service, call, project, serving

from underpass.server.facade import facade

pytestmark = [pytest.mark.requirement("R06", "R21"), pytest.mark.anyio]

MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])
PROGRAM = """
from mcp_servers import testkit
print("printed")
await testkit.math_add(a=40, b=2)
"""


def ask(authorization: str) -> dict[str, str]:
    """The headers of one call."""
    return HEADERS | {"Authorization": authorization}


def text(result: Any) -> str:
    return result.content[0].text


@MODES
async def test_a_client_of_each_era_runs_code_that_calls_a_tool(service: Service, mode: str) -> None:
    async with service.client(mode) as client:
        assert (client.protocol_version >= "2026") is (mode == "auto")
        listed = [tool.name for tool in (await client.list_tools()).tools]
        answer = (await client.call_tool("run_code", {"code": PROGRAM})).structured_content
    assert listed[:4] == ["run_code", "search_tools", "get_tool_documentation", "list_servers"]
    assert answer["ok"]
    assert answer["stdout"] == "printed\n"
    assert answer["tool_calls"] == 1


@MODES
async def test_a_client_of_each_era_calls_a_tool_that_is_not_listed(service: Service, mode: str) -> None:
    async with service.client(mode) as client:
        value = await client.call_tool(
            "call_tool", {"server": "hostile", "tool": "echo", "arguments": {"a": [1, None, "ü"]}}
        )
        failed = await client.call_tool("call_tool", {"server": "hostil", "tool": "echo"})
        wrong = await client.call_tool("call_tool", {"server": "hostile"})
    assert json.loads(text(value)) == {"a": [1, None, "ü"]}
    assert failed.is_error
    error = json.loads(text(failed))
    assert error["type"] == "ToolNotFound"
    assert error["hint"] == "did you mean 'hostile'?"
    assert wrong.is_error
    assert '"tool" is a required property' in text(wrong)


async def test_over_stdio_there_is_no_such_tool_and_none_is_suggested() -> None:
    from mcp import Client
    from tests.server.test_facade import Backend

    from underpass.catalog.catalog import Catalog

    async with Catalog({}) as catalog, Client(facade(Backend(catalog))) as client:
        with pytest.raises(MCPError, match=r"unknown tool 'call_tool'$"):
            await client.call_tool("call_tool", {"server": "hostile", "tool": "echo"})


@MODES
async def test_a_call_that_the_client_cancels_ends_its_run(service: Service, mode: str) -> None:
    bell = Bell(service.folder / "workspace" / f"cancelled-{mode}")
    endless = "bell = open('bell', 'w')\nbell.write('x')\nbell.flush()\nwhile True: pass"
    arguments = {"code": endless, "timeout": 600, "agent": f"cancelled-{mode}"}
    async with service.client(mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "run_code", arguments)
            await anyio.to_thread.run_sync(bell.wait)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(bell.wait_for_the_end)


CATCHING = {
    "python": """
from mcp_servers import hostile, ToolError
try:
    await hostile.fail()
except ToolError as error:
    name = type(error).__name__
name
""",
    "typescript": """
import { hostile, ToolError } from "mcp-servers";
try { await hostile.fail(); } catch (error) { return error instanceof ToolError && error.name; }
""",
}


@pytest.mark.parametrize("language", CATCHING)
async def test_the_errors_have_the_same_names_inside_a_sandbox(service: Service, language: str) -> None:
    async with service.client("auto") as client:
        answer = await client.call_tool("run_code", {"code": CATCHING[language], "language": language})
    assert answer.structured_content["value"] == "ToolFailed", answer


async def test_two_hundred_concurrent_calls_get_their_own_answers(service: Service) -> None:
    values: dict[int, Any] = {}
    async with service.client("auto") as client:

        async def one(number: int) -> None:
            arguments = {"server": "hostile", "tool": "echo", "arguments": {"n": number}}
            values[number] = json.loads(text(await client.call_tool("call_tool", arguments)))

        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(one, number)
    assert values == {number: {"n": number} for number in range(200)}


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM"])
async def test_a_signal_lets_requests_finish_and_leaves_no_process(tmp_path: Path, ending: str) -> None:
    children: set[int] = set()
    with serving(project(tmp_path)) as service:
        bell = Bell(tmp_path / "workspace" / "default")
        # The program waits until the server has closed its door.
        port = httpx2.URL(service.url).port
        code = "open('bell', 'w').write('x')\nimport time\ntime.sleep(0.5)\n'finished'"
        answers: list[Any] = []

        async def run() -> None:
            try:
                # This client of the older era has a stream open for news: nobody waits for that.
                async with service.client("legacy") as client:
                    await client.list_tools()  # or it would ask for them to check the answer
                    answers.append((await client.call_tool("run_code", {"code": code})).structured_content)
            except* httpx2.TransportError:
                pass  # it would say goodbye, but the service has gone

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await anyio.to_thread.run_sync(bell.wait)
            children = descendants(service.process.pid)
            service.process.send_signal(signal.Signals[ending])
        assert answers[0]["value"] == "finished"
        assert await anyio.to_thread.run_sync(service.process.wait, LONG) == 128 + signal.Signals[ending]
        assert service.process.stderr is not None
        assert b"Traceback" not in service.process.stderr.read()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port or 0))
    assert children
    assert not [child for child in children if alive(child)]


async def test_the_token_is_made_once_for_its_owner_alone_and_shown_nowhere(tmp_path: Path) -> None:
    write_config(tmp_path)
    tokens: list[str] = []
    for _ in range(2):
        with serving(tmp_path) as service:
            tokens.append(service.token)
            assert service.token_file == tmp_path / ".underpass" / "token"
            assert service.token_file.stat().st_mode & 0o777 == 0o600
            service.process.send_signal(signal.SIGTERM)
            said = b"".join(service.process.communicate(timeout=LONG))
        assert tokens[-1].encode() not in said
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) >= 32
    assert [path.name for path in (tmp_path / ".underpass").glob("*token*")] == ["token"]
    assert (tmp_path / ".underpass" / ".gitignore").read_text() == "*\n"


async def test_the_token_can_come_from_a_file_or_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path)
    own = tmp_path / "own"
    own.write_text("a-token-of-our-own\n")
    own.chmod(0o644)
    monkeypatch.setenv("UNDERPASS_TOKEN", "a-token-in-the-environment")
    with serving(tmp_path) as service:
        url, token = service.url, "Bearer a-token-in-the-environment"
        answer = httpx2.post(url, json=call("hostile", "environment", {}), headers=ask(token))
        assert answer.status_code == 200
        assert "a-token-in-the-environment" not in answer.text
    with serving(tmp_path, "--token-file", str(own)) as service:
        assert service.post(call("hostile", "echo", {})).status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert service.process.stderr is not None
        assert b"other users of this machine can read" in service.process.stderr.read()
    assert not (tmp_path / ".underpass" / "token").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--http", "8765"], "is no address to listen on"),
        (["--http", "127.0.0.1:"], "is no address to listen on"),
        (["--http", "127.0.0.1:99999"], "is no address to listen on"),
        (["--http", "[nine]:1"], "is no address to listen on"),
        (["--http", "http://127.0.0.1:1"], "is no address to listen on"),
        (["--http", "192.0.2.7:0"], "cannot listen on 192.0.2.7:0"),
        (["--http", "no-such-host.invalid:0"], "cannot listen on no-such-host.invalid:0"),
        (["--http", "127.0.0.1:0", "--token-file", "missing"], "the token file missing cannot be read"),
        (["--http", "127.0.0.1:0", "--token-file", "short"], "what is in short is no token"),
        (["--token-file", "short"], "--token-file is for --http"),
    ],
)
def test_what_cannot_be_served_is_an_error_that_says_why(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    write_config(tmp_path)
    (tmp_path / "short").write_text("secret")
    done = underpass("serve", *arguments, cwd=tmp_path)
    assert done.status == 2
    assert message in done.stderr.replace("\n", " ")
    assert "secret" not in done.stderr


def test_a_port_in_use_is_an_error_that_says_what_to_do(service: Service) -> None:
    port = httpx2.URL(service.url).port
    done = underpass("serve", "--http", f"127.0.0.1:{port}", cwd=service.folder)
    assert done.status == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "port 0 takes any that is free" in done.stderr


@pytest.mark.parametrize(("address", "host"), [("0.0.0.0:0", "127.0.0.1"), ("[::1]:0", "[::1]")])
def test_other_addresses_are_served_and_those_of_other_machines_warned_of(
    tmp_path: Path, address: str, host: str
) -> None:
    write_config(tmp_path)
    with background("serve", "--http", address, cwd=tmp_path) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert f"at http://{host}:" in line
        assert f"the token is in {tmp_path / '.underpass' / 'token'}" in line
        assert httpx2.get(line.split()[4].rstrip(";")).status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert (b"can be reached from other machines" in process.stderr.read()) is (host == "127.0.0.1")
