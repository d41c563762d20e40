"""Runs the command line as a person would, and in process where that shows as much."""

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.patience import LONG
from tests.servers.real import command

BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Finished:
    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def underpass(
    *arguments: str | Path,
    cwd: Path,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    program: str = "underpass",
) -> Finished:
    """Run the installed command to its end, without a terminal and with an empty home."""
    done = subprocess.run(
        [BIN / program, *arguments],
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd), **(env or {})},
        input=stdin.encode(),
        capture_output=True,
        check=False,
        timeout=LONG,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def at_terminal(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, typed: str = ""
) -> tuple[int, str]:
    """Run the installed command at a terminal of 100 columns; return its status and all it showed.

    What is ``typed`` is typed when it first asks: when what it showed ends in a colon and a space.
    """
    here, there = pty.openpty()
    termios.tcsetwinsize(there, (40, 100))
    environment = {**os.environ, "HOME": str(cwd), "TERM": "xterm-256color", **(env or {})}
    parts: list[bytes] = []
    with subprocess.Popen(
        [BIN / "underpass", *arguments], cwd=cwd, env=environment, stdin=there, stdout=there, stderr=there
    ) as process:
        os.close(there)
        with suppress(OSError):  # how a terminal's end is told
            while part := os.read(here, 65_536):
                parts.append(part)
                if typed and b"".join(parts).endswith(b": "):
                    os.write(here, typed.encode())
                    typed = ""
    os.close(here)
    return process.returncode, b"".join(parts).decode()


def write_config(folder: Path, *real: str, **entries: Mapping[str, Any]) -> Path:
    """Write a .mcp.json of real servers (``time`` is mcp-server-time) and other entries."""
    names = {"time": "mcp-server-time", "git": "mcp-server-git", "testkit": "mcp-testkit"}
    servers = {name: {"command": command(names[name])} for name in real} | entries
    path = folder / ".mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    return path
