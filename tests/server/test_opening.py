"""The first answers of `underpass serve`, from the recording of an earlier start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from tests.cli.command_line import BIN
from tests.cli.processes import background
from tests.patience import LONG

pytestmark = pytest.mark.requirement("R21", "R31")

SHAKEN: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "t", "version": "1"},
}
FORGED = [{"name": "forged", "inputSchema": {"type": "object"}}]
HANGS = {"command": sys.executable, "args": ["-c", "import signal; signal.pause()"]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"slow": HANGS}}))
    return tmp_path


class Peer:
    """A client of the handshake era that sees every line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.unasked: list[str] = []
        """The methods of notifications that came."""

    def send(self, **message: Any) -> None:
        self._in.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._in.flush()

    def ask(self, number: int, method: str, **params: Any) -> dict[str, Any]:
        self.send(id=number, method=method, params=params)
        while "id" not in (message := json.loads(self._out.readline())):
            self.unasked.append(message["method"])
        assert message["id"] == number, "each request is answered once"
        return message["result"]

    def begin(self) -> list[dict[str, Any]]:
        """Shake hands, and return the tools that are listed first."""
        self.ask(1, "initialize", **SHAKEN)
        self.send(method="notifications/initialized")
        return self.ask(2, "tools/list")["tools"]


def session(project: Path, *arguments: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """Serve once; return the tools listed first and at the end, and the notifications between."""
    with background("serve", *arguments, cwd=project) as process:
        peer = Peer(process)
        first = peer.begin()
        peer.ask(3, "ping")  # no recording answers this, so the server is there
        last = peer.ask(4, "tools/list")["tools"]
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LONG) == 0
    return first, last, peer.unasked


def forge(project: Path) -> Path:
    """Record other tools than there are: whoever shows them has not asked the server."""
    place = project / ".underpass" / "opening.json"
    content = json.loads(place.read_text())
    content["answers"]["tools/list 2025-06-18"]["tools"] = FORGED
    place.write_text(json.dumps(content))
    return place


def test_first_answers_come_from_the_recording_and_are_mended_when_they_are_wrong(project: Path) -> None:
    first, last, told = session(project)
    assert (first, told) == (last, [])
    assert first[0]["name"] == "run_code"
    place = forge(project)
    shown, right, told = session(project)
    assert shown == FORGED
    assert right == first
    assert told == ["notifications/tools/list_changed"]
    assert "forged" not in place.read_text()
    assert session(project) == (first, first, [])


def test_a_recording_of_another_configuration_is_not_used(project: Path) -> None:
    first, _, _ = session(project)
    forge(project)
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"fast": HANGS}}))
    shown, _, _ = session(project)
    assert shown != FORGED
    assert "fast" in json.dumps(shown)
    assert "fast" not in json.dumps(first)
    forge(project)
    assert session(project, "--sandbox", "none")[0] == shown


@pytest.mark.parametrize("content", ["", "{", "[]", '{"digest": 1}', '{"answers": []}', "[" * 100_000])
def test_a_damaged_recording_is_none(project: Path, content: str) -> None:
    place = project / ".underpass" / "opening.json"
    place.parent.mkdir()
    place.write_text(content)
    first, last, _ = session(project)
    assert first == last
    assert json.loads(place.read_text())["answers"]


def test_what_cannot_be_recorded_is_no_hindrance(project: Path) -> None:
    (project / ".underpass" / "opening.json" / "in the way").mkdir(parents=True)
    first, last, _ = session(project)
    assert first == last


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_start_that_has_only_given_its_first_answers(
    project: Path, number: signal.Signals
) -> None:
    session(project)
    with background("serve", cwd=project) as process:
        Peer(process).begin()
        process.send_signal(number)
        assert process.wait(LONG) == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_sdks_client_of_each_era_notices_nothing(project: Path, mode: str) -> None:
    parameters = StdioServerParameters(command=str(BIN / "underpass"), args=["serve"], cwd=project)
    seen: list[Any] = []
    for _ in range(2):
        with anyio.fail_after(LONG):
            async with Client(parameters, mode=mode) as client:
                tools = await client.list_tools()
                states = await client.call_tool("list_servers", {})
                seen.append((client.protocol_version, tools.model_dump(), states.structured_content))
    assert seen[0] == seen[1]
    recorded = json.loads((project / ".underpass" / "opening.json").read_text())["answers"]
    assert len(recorded) == 2
