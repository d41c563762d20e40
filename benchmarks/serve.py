"""How soon `underpass serve` gives its first answers: ``python -m benchmarks.serve``.

Fifty servers are configured, and their tools known from manifests; as commands they hang, crash or are
missing. Beside it stands the same with no server, without the recording of first answers, and the import
of the SDK alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underpass.catalog import Listing, ServerSpec, ToolDefinition, ToolLock, load_servers
from underpass.catalog.manifest_cache import Manifest, ManifestCache

_SERVERS = 50
_TOOLS = 10
_ROUNDS = 11
_LONGEST = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_COMMANDS = (
    ["sleep", "1000"],
    ["sh", "-c", "exit 3"],
    ["no-such-command"],
)


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds, and seconds of processor time, until each answer."""

    listed: float
    listed_cpu: float
    searched: float
    searched_cpu: float


def configure(folder: Path, servers: int) -> Path:
    """Write a configuration with manifests and a lock file; give its path."""
    entries = {
        f"server-{number}": {"command": command, "args": args}
        for number in range(servers)
        for command, *args in [_COMMANDS[number % len(_COMMANDS)]]
    }
    path = folder / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": entries}))
    cache, lock = ManifestCache(folder / ".underpass" / "manifests"), ToolLock(path)
    for name, source in load_servers(path).items():
        assert isinstance(source, ServerSpec)
        listing = Listing(tuple(_tool(name, number) for number in range(_TOOLS)))
        cache.of(source).store(Manifest(listing, time.time()))
        lock.pin(name, listing)
    return path


def _tool(server: str, number: int) -> ToolDefinition:
    kind = ("list", "get", "create", "update", "delete")[number % 5]
    thing = ("issue", "invoice", "calendar event", "message", "file")[number % 3]
    properties = {name: {"type": "string", "description": f"The {name}."} for name in ("id", "text", "since")}
    return ToolDefinition(
        server,
        f"{kind}_{thing.replace(' ', '_')}_{number}",
        f"{kind.title()} one {thing} of {server}, as its owner sees it.",
        input_schema={"type": "object", "properties": properties, "required": ["id"]},
    )


def start(config: Path) -> Start:
    """Start `underpass serve`, ask it for its tools, then to search, and end it."""
    begun = time.perf_counter()
    command = [str(Path(sys.executable).with_name("underpass")), "serve", "--config", str(config)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            client = _Client(process)
            info = {"name": "benchmark", "version": "1"}
            shaken = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
            client.request("initialize", shaken)
            client.send({"method": "notifications/initialized"})
            client.request("tools/list", {})
            listed, listed_cpu = time.perf_counter() - begun, _processor_time(process.pid)
            client.request(
                "tools/call", {"name": "search_tools", "arguments": {"query": "create an invoice"}}
            )
            return Start(listed, listed_cpu, time.perf_counter() - begun, _processor_time(process.pid))
        finally:
            process.kill()


class _Client:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self._last = 0

    def send(self, message: dict[str, Any]) -> None:
        self._in.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._in.flush()

    def request(self, method: str, params: dict[str, Any]) -> None:
        self._last += 1
        self.send({"id": self._last, "method": method, "params": params})
        while line := self._out.readline():
            message = json.loads(line)
            if message.get("id") == self._last:
                if "result" not in message or message["result"].get("isError"):
                    raise RuntimeError(f"{method}: {line[:500]!r}")
                return
        raise RuntimeError(f"{method}: the server ended")


def _processor_time(pid: int) -> float:
    """Seconds of processor time of a process and of its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def imported() -> tuple[float, float]:
    """Seconds, and seconds of processor time, of the import of the SDK."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", "import mcp"])
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print the table."""
    many, none, unrecorded, sdk = list[Start](), list[Start](), list[Start](), list[tuple[float, float]]()
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("many", "none")]
        for place in places:
            place.mkdir()
        configs = [configure(place, servers) for place, servers in zip(places, (_SERVERS, 0), strict=True)]
        for config in configs:
            start(config)  # the first start of a version is another matter
        for _ in range(_ROUNDS):
            many.append(start(configs[0]))
            none.append(start(configs[1]))
            (places[0] / ".underpass" / "opening.json").unlink()
            unrecorded.append(start(configs[0]))
            sdk.append(imported())
    print("| from the start of the process | wall clock, median (least) | processor time, median | goal |")
    print("|---|---|---|---|")
    goal = "≤ 500 ms"
    print(_row(f"first `tools/list`, {_SERVERS} servers", [(s.listed, s.listed_cpu) for s in many], goal))
    print(_row("first `tools/list`, no server", [(s.listed, s.listed_cpu) for s in none]))
    print(_row(f"… {_SERVERS} servers, no recording", [(s.listed, s.listed_cpu) for s in unrecorded]))
    print(_row(f"first `search_tools`, {_SERVERS} servers", [(s.searched, s.searched_cpu) for s in many]))
    print(_row("first `search_tools`, no server", [(s.searched, s.searched_cpu) for s in none]))
    print(_row("`python -c 'import mcp'`", sdk))


def _row(what: str, seen: list[tuple[float, float]], goal: str = "") -> str:
    wall, cpu = [times[0] for times in seen], [times[1] for times in seen]
    shown = f"{statistics.median(wall) * 1e3:.0f} ms ({min(wall) * 1e3:.0f})"
    return f"| {what} | {shown} | {statistics.median(cpu) * 1e3:.0f} ms | {goal} |"


if __name__ == "__main__":
    main()
