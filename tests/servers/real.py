"""Servers of other people, each in its own environment, made once and kept."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from underpass.demo.environments import ensure_environment

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = REPOSITORY / ".underpass" / "test-servers"


def command(name: str) -> str:
    """The path of a real server's command, installed when it is not there yet."""
    return str(ensure_environment(name, ENVIRONMENTS) / "bin" / name)


@contextmanager
def serve_testkit() -> Generator[str]:
    """Serve mcp-testkit, which is built on the first generation of the SDK, and give its URL."""
    process = subprocess.Popen(
        [command("mcp-testkit"), "--transport", "http", "--port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    with process, process.stderr as lines:
        try:
            # It says itself when it is ready, and where.
            found = (re.search(r"running on (http://\S+)", line) for line in lines)
            yield next(match[1] for match in found if match) + "/mcp"
        finally:
            process.kill()
