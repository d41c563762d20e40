"""Made-up data as files, and how a server gets at them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson


def write(path: Path, content: bytes) -> None:
    """Put a file in its place as a whole: a server that is starting reads it, or what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Put a value there as JSON."""
    write(path, orjson.dumps(value))


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Put texts there, by their paths below the folder."""
    for path, text in texts.items():
        write(folder / path, text.encode())


def given_path() -> Path:
    """The path that this server was started with."""
    return Path(sys.argv[1])


def given() -> Any:
    """The value in the file that this server was started with."""
    return orjson.loads(given_path().read_bytes())
