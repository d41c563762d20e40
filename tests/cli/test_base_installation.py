"""Underpass works with the packages of ``requirements/runtime.txt`` alone; extras are extras."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.command_line import write_config
from tests.patience import LONG

pytestmark = [
    pytest.mark.requirement("R10", "R16"),
    pytest.mark.skipif(sys.platform != "linux", reason="the process sandbox needs Linux"),
]

PINS = Path(__file__).parents[2] / "requirements" / "runtime.txt"
PROGRAM = """
import importlib.machinery, json, sys

class Base(importlib.machinery.PathFinder):
    # What others than the pinned distributions have brought is not there.
    absent = set(json.loads(sys.argv.pop(1)))

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if path is None and name in cls.absent else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Base
from underpass.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def absent() -> str:
    """The packages that are here for an extra or for development alone, as JSON."""
    pins = PINS.read_text(encoding="utf-8")
    pinned = {plain(name) for name in re.findall(r"^([\w.-]+)==", pins, re.MULTILINE)} | {"underpass"}
    assert len(pinned) > 20
    packages = importlib.metadata.packages_distributions().items()
    found = [package for package, names in packages if pinned.isdisjoint(map(plain, names))]
    assert "tree_sitter" in found
    return json.dumps(found)


def plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def command(folder: Path, absent: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as it is after an installation without extras."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, absent, *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "-c", "1 + 1", "--json"),
        ("run", "-c", "from mcp_servers import time\nawait time.get_current_time(timezone='UTC')"),
        ("tools", "time zone", "--skills"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_commands_need_no_package_of_an_extra(
    tmp_path: Path, absent: str, arguments: tuple[str, ...]
) -> None:
    write_config(tmp_path, "time")
    done = command(tmp_path, absent, *arguments)
    assert done.returncode == 0, done.stderr


def test_what_needs_an_extra_says_which(tmp_path: Path, absent: str) -> None:
    write_config(tmp_path, "time")
    for arguments, extra in (
        (("run", "--language", "typescript", "-c", "1"), "typescript"),
        (("agent", "hello", "--model", "openai:none"), "agent"),
    ):
        done = command(tmp_path, absent, *arguments)
        assert done.returncode != 0
        assert f"underpass[{extra}]" in done.stderr.replace("'", "") or f"`{extra}`" in done.stderr
        assert "ModuleNotFoundError" not in done.stderr
