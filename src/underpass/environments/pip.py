"""pip, of the interpreter that the sandbox runs: it knows the registry, its proxies and its credentials.

Wheels only: installing a wheel unpacks it, while building anything else runs the package's own
program, on the host and with the user's rights.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import anyio

from underpass.environments.lock import Lock, Pin
from underpass.errors import ConfigError, SandboxUnavailable, UnderpassError

_PIP: Final = (sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color")
_INSTALL: Final = ("install", "--only-binary=:all:", "--progress-bar=off")
_OPEN_TO_ALL: Final = 0o022
"""The sandbox is another user: it must be able to read what we install."""
_TAIL: Final = 2_000
"""Characters of what pip said that an error keeps."""


async def resolve(name: str, packages: Sequence[str], scratch: Path) -> list[Pin]:
    """Return what these requirements come to, dependencies included. Nothing is installed.

    Parameters:
        name: the environment, for errors.
        scratch: an empty folder to work in.

    Raises:
        ConfigError: the requirements cannot be met.
        SandboxUnavailable: pip or the registry cannot be used.
    """
    report = scratch / "report.json"
    done = await run(
        [
            *_PIP,
            *_INSTALL,
            "--dry-run",
            f"--target={scratch / 'target'}",
            f"--report={report}",
            "--",
            *packages,
        ],
        scratch,
    )
    if done.returncode:
        raise await _unresolved(name, done, scratch)
    content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if not content["install"]:
        raise ConfigError(
            f"the environment {name!r}: none of its packages is for this Python and platform",
            hint="see what stands after ; in packages",
            environment=name,
        )
    return [_pin(name, found) for found in content["install"]]


async def install(name: str, lock: Lock, target: Path, scratch: Path) -> None:
    """Install exactly what is pinned.

    Raises:
        ConfigError: what the registry has is not what is pinned.
        SandboxUnavailable: pip or the registry cannot be used.
    """
    pins = scratch / "pins.txt"
    pins.write_text(lock.pinned(), encoding="utf-8")
    exact = ("--require-hashes", "--no-deps", "--no-compile", f"--target={target}", f"--requirement={pins}")
    done = await run([*_PIP, *_INSTALL, *exact], scratch)
    if not done.returncode:
        return
    said = done.stderr.decode(errors="replace")
    if "DO NOT MATCH THE HASHES" in said or "No matching distribution" in said:
        wrong = re.search(
            r"^    (\S+==\S+) from|No matching distribution found for (\S+)", said, re.MULTILINE
        )
        package = next(filter(None, wrong.groups()), "a package") if wrong else "a package"
        raise ConfigError(
            f"the environment {name!r}: the registry has no {package} with a pinned hash",
            hint=f"the lock was made for {lock.resolved_for or 'an unknown Python'}; if that is the reason, "
            f"or if you trust what the registry has now, remove the lock and build again",
            environment=name,
        )
    raise _failed(name, said, done.stdout.decode(errors="replace"))


async def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; being cancelled ends it."""
    return await anyio.run_process(
        command, stdin=subprocess.DEVNULL, check=False, cwd=folder, umask=_OPEN_TO_ALL
    )


def _pin(name: str, found: dict[str, Any]) -> Pin:
    package, version = found["metadata"]["name"], found["metadata"]["version"]
    digest = found["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if digest is None:
        raise SandboxUnavailable(
            f"the environment {name!r}: the registry gives no SHA-256 of {package} {version}",
            hint="use a registry that does, as pypi.org",
            environment=name,
        )
    return Pin(re.sub(r"[-_.]+", "-", package).lower(), version, (digest,))


async def _unresolved(name: str, done: subprocess.CompletedProcess[bytes], scratch: Path) -> UnderpassError:
    said, told = done.stderr.decode(errors="replace"), done.stdout.decode(errors="replace")
    if "ResolutionImpossible" in said:
        reasons = re.search(r"The conflict is caused by:\n((?: .*\n)+)", told)
        why = "; ".join(line.strip() for line in reasons[1].splitlines()) if reasons else _last_error(said)
        return ConfigError(
            f"the environment {name!r}: its packages need what excludes each other: {why}",
            hint="loosen the versions in packages",
            environment=name,
        )
    missing = re.search(r"requirement (.+?)(?: \(from .+?\))? \(from versions: (.*)\)", said)
    if missing is None or "connection broken by" in said:
        return _failed(name, said, told)
    requirement, versions = missing[1], missing[2]
    if versions != "none":
        latest = ", ".join(versions.split(", ")[-5:])
        return ConfigError(
            f"the environment {name!r}: no release fits {requirement!r}",
            hint=f"releases that have a wheel for this Python: …, {latest}",
            environment=name,
        )
    package = re.split(r"[^A-Za-z0-9._-]", requirement)[0]
    looked = await run([*_PIP, "index", "-vv", "versions", "--no-binary=:all:", package], scratch)
    if looked.returncode == 0:
        return ConfigError(
            f"the environment {name!r}: {package} has no wheel for this Python and platform",
            hint="only wheels are installed, because building a package runs its own program on this "
            "machine; choose another package, or put a wheel of it on a registry of yours",
            environment=name,
        )
    if re.search(rb"Could not fetch URL \S+: (?!404)", looked.stdout):
        return _unreachable(name, said)
    return ConfigError(
        f"the environment {name!r}: the registry has no package {package!r}",
        hint="check the spelling in underpass.toml, and which registry `pip config list` names",
        environment=name,
    )


def _failed(name: str, said: str, told: str) -> SandboxUnavailable:
    if "No module named pip" in said:
        return SandboxUnavailable(
            f"the environment {name!r} cannot be built: there is no pip for {sys.executable}",
            hint=f"{sys.executable} -m ensurepip",
            environment=name,
        )
    if "connection broken by" in said:
        return _unreachable(name, said)
    tail = (said or told).strip()[-_TAIL:]
    return SandboxUnavailable(
        f"the environment {name!r} cannot be built: pip failed: {_last_error(said)}",
        hint=tail,
        environment=name,
        stderr=tail,
    )


def _unreachable(name: str, said: str) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"the environment {name!r} cannot be built: the package registry cannot be used",
        hint="check the network, the proxy and the credentials, and which registry `pip config list` names",
        environment=name,
        stderr=said.strip()[-_TAIL:],
    )


def _last_error(said: str) -> str:
    errors = [line for line in said.splitlines() if line.strip()] or ["it said nothing"]
    marked = [line for line in errors if line.startswith("ERROR: ") and "ResolutionImpossible" not in line]
    return (marked or errors)[-1].removeprefix("ERROR: ")
