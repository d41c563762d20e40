"""Runs the command line as a person would, and in process where that shows as much."""

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from tests.patience import LONG
from tests.servers.real import command

from underpass.cli.main import main

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


def in_process(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Finished:
    """Run a command to its end in this process, which shows the same and imports nothing anew."""
    streams = [TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2)]
    with (
        chdir(cwd),
        patch.dict(os.environ, {"HOME": str(cwd), **(env or {})}),
        redirect_stdout(streams[0]),
        redirect_stderr(streams[1]),
        patch.object(sys, "stdin", StringIO()),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(each) for each in arguments])
    texts: list[str] = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    assert isinstance(ended.value.code, int)
    return Finished(ended.value.code, *texts)


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
