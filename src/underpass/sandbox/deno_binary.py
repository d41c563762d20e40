"""Which Deno there is, and how it is started."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from underpass.errors import SandboxUnavailable, ValidationFailed
from underpass.sandbox.environment import SandboxEnvironment

INSTALL: Final = "pip install 'underpass[typescript]'"

_V8: Final = (
    # Bytecode is interpreted: V8 then needs no memory that is writable and executable, which the
    # kernel refuses, and the compilers in which most of its holes were are never run.
    "--jitless",
    # No threads of the engine's own, so that a warm process can be forked; there are other sandboxes
    # for the other processors.
    "--single-threaded",
    # No program needs the names of the engine's own functions.
    "--stack-trace-limit=40",
)


def is_installed() -> bool:
    """Whether TypeScript programs can be run at all."""
    return _path() is not None and find_spec("tree_sitter_typescript") is not None


def find() -> Path:
    """Return the Deno of the package of that name, or one on the path.

    Raises ``SandboxUnavailable`` where there is none; its hint says how to install it.
    """
    found = _path()
    if found is None:
        raise SandboxUnavailable(
            "TypeScript programs need Deno, which is not installed",
            hint=INSTALL,
            sandbox="deno",
            reasons=[f"no Deno for Python {platform.python_version()} at {sys.prefix}"],
        )
    return Path(os.path.realpath(found))


def _path() -> str | None:
    beside = Path(sysconfig.get_path("scripts")) / ("deno.exe" if sys.platform == "win32" else "deno")
    return str(beside) if beside.is_file() else shutil.which("deno")


def refuse(environment: SandboxEnvironment | None) -> None:
    """Raise ``ValidationFailed`` where there is an environment: those hold packages of Python."""
    if environment is not None:
        raise ValidationFailed(
            f"the environment {environment.name!r} holds Python packages",
            hint="run a TypeScript program without an environment",
        )


def arguments(
    *,
    guest: str,
    main: str,
    workspace: str,
    readable: tuple[str, ...],
    writable: tuple[str, ...],
    memory_mb: int,
    forks: bool = False,
) -> list[str]:
    """Return the arguments that start Deno with our guest and nothing else.

    It may read its modules and what is ``readable``, and write what is ``writable``; it has no
    network, no other processes, no environment, no native libraries, and asks nobody for more. A guest
    that ``forks`` may load native libraries, and gives that up once it has what it needs.
    """
    # The heap's own limit ends the process with V8's last word; the kernel's bounds the rest.
    flags = ",".join((*_V8, f"--max-old-space-size={memory_mb}"))
    return [
        "deno", "run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm",
        "--cached-only", "--deny-import", "--no-check", "--no-code-cache", "--node-modules-dir=none",
        f"--import-map={guest}/imports.json", f"--v8-flags={flags}",
        f"--allow-read={','.join((guest, *readable, *writable))}", f"--allow-write={','.join(writable)}",
        *(["--allow-ffi"] if forks else []),
        f"{guest}/{main}", workspace,
    ]  # fmt: skip


def environment(home: str, cache: str) -> dict[str, str]:
    """Return the environment of a Deno process; programs cannot read it."""
    return {
        # Nothing is fetched, and what is compiled is written there. Were that impossible, Deno would try
        # again and again for a fifth of a second.
        "DENO_DIR": cache,
        "DENO_NO_UPDATE_CHECK": "1",
        "HOME": home,
        "NO_COLOR": "1",
        "TZ": "UTC",
    }
