"""Our code that runs in Deno, as JavaScript: a process that need not translate it starts a third sooner."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parents[1] / "guest" / "typescript"
_TIMEOUT: Final = 60.0
_KEPT: Final = 30 * 86_400
"""Seconds after the last start with a folder from which it is removed. Its processes may live for long."""


def compiled(state: Path, binary: Path) -> Path:
    """Return a folder below ``state`` with the guest as JavaScript, made once by Deno itself.

    Where that fails, it is the folder of the sources: they do the same, and only start later.
    """
    sources = sorted(SOURCES.glob("*.ts"))
    digest = hashlib.sha256(f"{binary}{binary.stat().st_mtime_ns}".encode())
    for path in (*sources, SOURCES / "imports.json"):
        digest.update(path.read_bytes())
    folder = state / f"guest-{digest.hexdigest()[:24]}"
    if note_use(folder):
        return folder
    state.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=state, prefix=".making-"))
    try:
        _compile(binary, sources, made)
        made.rename(folder)
        _prune(state)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(made, ignore_errors=True)
        return folder if folder.is_dir() else SOURCES
    return folder


def main(folder: Path, name: str = "main") -> str:
    """Return the file of the module to start with."""
    return f"{name}.js" if (folder / f"{name}.js").exists() else f"{name}.ts"


def note_use(folder: Path) -> bool:
    """Note that a folder is used now; returns whether it is there."""
    try:
        os.utime(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return folder.is_dir()  # another user's
    return True


def _prune(state: Path) -> None:
    """Remove what other versions of us made and nobody has started with for long, or never finished."""
    for pattern in ("guest-*", ".making-*"):
        for folder in state.glob(pattern):
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > _KEPT:
                    shutil.rmtree(folder)


def _compile(binary: Path, sources: list[Path], target: Path) -> None:
    with tempfile.TemporaryDirectory() as cache:
        subprocess.run(
            [
                *(binary, "transpile", "--quiet", "--no-config", "--source-map", "none"),
                *("--outdir", str(target), *(path.name for path in sources)),
            ],
            cwd=SOURCES,
            env={"DENO_DIR": cache, "HOME": cache, "DENO_NO_UPDATE_CHECK": "1", "PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        )
    imports = (SOURCES / "imports.json").read_text(encoding="utf-8")
    (target / "imports.json").write_text(imports.replace(".ts", ".js"), encoding="utf-8")
    for source in sources:
        file = target / f"{source.stem}.js"
        file.write_text(file.read_text(encoding="utf-8").replace('.ts"', '.js"'), encoding="utf-8")
    for path in (target, *target.iterdir()):
        # The sandbox is another user when root started it.
        path.chmod(0o755 if path.is_dir() else 0o644)
