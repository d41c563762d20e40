"""Disks that are full or read-only, in a namespace of mounts of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

_FULL = """
import os, subprocess
from pathlib import Path

def full(folder):
    '''Let a folder be on a small disk, with what is in it now; nothing more fits.'''
    folder = Path(folder)
    subprocess.run(["cp", "-a", f"{folder}/.", f"{folder}.before"], check=True) if folder.exists() else None
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], check=True)
    if Path(f"{folder}.before").exists():
        subprocess.run(["cp", "-a", f"{folder}.before/.", str(folder)], check=True)
    fill(folder)

def fill(folder):
    with open(Path(folder) / "ballast", "ab", buffering=0) as ballast:
        for size in (65536, 4096, 1):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                pass

def empty(folder):
    (Path(folder) / "ballast").unlink()

def read_only(folder):
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)

def writable(folder):
    subprocess.run(["umount", str(folder)], check=True)
"""


def _unshare() -> list[str]:
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--"]


@cache
def can_mount() -> bool:
    """Whether mounts can be had here."""
    mount = "mount -t tmpfs -o size=1m none /mnt"
    try:
        return (
            subprocess.run([*_unshare(), "sh", "-c", mount], check=False, capture_output=True).returncode == 0
        )
    except FileNotFoundError:
        return False


def run(code: str, *arguments: str | Path) -> str:
    """Run a script that may call ``full``, ``fill``, ``empty``, ``read_only`` and ``writable``."""
    command = [*_unshare(), sys.executable, "-c", _FULL + code, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout
