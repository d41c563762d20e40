"""Python environments for the demonstration's servers: one each, as their users have them.

The servers need different releases of the MCP SDK, so they cannot share one. Their packages are
pinned, with hashes, in ``pins/<name>.txt``.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from underpass.errors import ServerUnavailable

SERVERS = ("mcp-server-git", "mcp-server-time", "mcp-testkit")
"""The servers there are pins for. Each is also the name of its command in ``<environment>/bin``."""

_MARKER = "complete"


def environment_path(name: str, root: Path) -> Path:
    """Where the environment of a server is, or would be: new pins or another Python give another path."""
    identity = f"{sys.version_info[:2]}\n{_pins(name)}"
    return root / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def is_ready(name: str, root: Path) -> bool:
    """Whether ``ensure_environment`` would return at once."""
    return is_complete(environment_path(name, root))


def is_complete(environment: Path) -> bool:
    """Whether an environment has all its packages."""
    return (environment / _MARKER).exists()


def ensure_environment(name: str, root: Path) -> Path:
    """Make a server's environment unless it is there, and return its folder.

    The server's command is ``<folder>/bin/<name>``. The call blocks for as long as the packages
    take to install (seconds); call it in a worker thread from async code. Concurrent callers, in
    this process or others, wait for the one that installs; an interrupted one starts afresh.

    Parameters:
        name: one of ``SERVERS``.
        root: the folder that holds the environments; made if absent.

    Raises:
        ServerUnavailable: the environment or its packages could not be installed.
    """
    environment = environment_path(name, root)
    ensure_pinned(name, environment, _pins(name))
    return environment


def ensure_pinned(name: str, environment: Path, pins: str) -> None:
    """Make an environment with these packages unless it is there; otherwise as ``ensure_environment``.

    Parameters:
        name: for errors.
        environment: its folder. New pins need a new one.
        pins: the packages with their hashes, as pip reads them.

    Raises:
        ServerUnavailable: the environment or its packages could not be installed.
    """
    if is_complete(environment):
        return
    environment.parent.mkdir(parents=True, exist_ok=True)
    with _lock(environment.with_suffix(".lock")):
        if not is_complete(environment):
            _install(name, environment, pins)


def _install(name: str, environment: Path, text: str) -> None:
    # A virtual environment holds its own path, so it is built in place, and the marker goes last.
    shutil.rmtree(environment, ignore_errors=True)
    _run(name, [sys.executable, "-I", "-m", "venv", str(environment)])
    pins = environment / "pins.txt"
    pins.write_text(text)
    # Isolated: packages of a PYTHONPATH would count as installed, and not be there for the server.
    pip = [str(environment / "bin" / "python"), "-I", "-m", "pip", "--disable-pip-version-check"]
    _run(name, [*pip, "--no-input", "install", "--quiet", "--require-hashes", "--requirement", str(pins)])
    (environment / _MARKER).touch()


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = (done.stderr or done.stdout).strip()[-2000:]
        raise ServerUnavailable(
            f"the environment of {name} could not be installed: {' '.join(command[1:4])} "
            f"ended with status {done.returncode}",
            hint=tail or "check that Python's venv module and a package registry are available",
            server=name,
            stderr=tail,
        )


def _pins(name: str) -> str:
    if name not in SERVERS:
        raise ValueError(f"there are no pins for {name!r}; there are pins for {', '.join(SERVERS)}")
    return files("underpass.demo").joinpath("pins", f"{name}.txt").read_text()


@contextmanager
def _lock(path: Path) -> Generator[None]:
    # The kernel drops the lock with its holder, so an interrupted install leaves none behind.
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
