"""The code in README and docs runs.

A block's language says how: ``sh`` with a shell, ``python`` with an interpreter (top-level ``await``
allowed), ``python program`` with ``underpass run``; ``python program=NAME`` is also saved under that name
for the blocks after it; ``typescript program`` is the same in TypeScript. The blocks of a page share one
folder: a git repository with real history, and a ``.mcp.json`` with the real git server. Other languages
(``text``, ``json``, ``toml``) are not run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.real import command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```([^\n]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

AWAITING = """
import ast, asyncio, inspect
source = open({path!r}).read()
code = compile(source, {path!r}, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
result = eval(code, {{"__name__": "__main__"}})
if inspect.iscoroutine(result):
    asyncio.run(result)
"""


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(match[1].strip(), match[2]) for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A repository with three authors and 60 commits, and ``uvx`` that starts the real server."""
    server = command("mcp-server-git")
    tools = tmp_path / "bin"
    tools.mkdir()
    # `uvx NAME …` would install the server first; here it is installed already.
    (tools / "uvx").write_text(f'#!/bin/sh\nshift\nexec "{server}" "$@"\n')
    (tools / "uvx").chmod(0o755)
    folder = tmp_path / "project"
    folder.mkdir()
    environment = {**os.environ, "GIT_COMMITTER_NAME": "c", "GIT_COMMITTER_EMAIL": "c@example.org"}
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    for n in range(60):
        author = f"{('Ada', 'Grace', 'Edsger')[n % 3]} <a{n % 3}@example.org>"
        subprocess.run(
            ["git", "commit", "-q", "--allow-empty", "-m", f"Change {n}", f"--author={author}"],
            cwd=folder, check=True, env=environment,
        )  # fmt: skip
    yield folder
    shutil.rmtree(folder)


def run(language: str, code: str, folder: Path) -> None:
    path = os.pathsep.join([str(folder.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    program: list[str]
    match language.split("=", maxsplit=1)[0]:
        case "sh":
            program = ["sh", "-euc", code]
        case "python":
            (folder / "block.py").write_text(code)
            program = [sys.executable, "-c", AWAITING.format(path="block.py")]
        case "python program":
            name = language.partition("=")[2] or "block.py"
            (folder / name).write_text(code)
            program = ["underpass", "run", name]
        case "typescript program":
            (folder / "block.ts").write_text(code)
            program = ["underpass", "run", "block.ts"]
        case "json":
            json.loads(code)
            return
        case "toml":
            tomllib.loads(code)
            return
        case _:
            assert language == "text"
            return
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        program, cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=120
    )
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"


@pytest.mark.requirement("R39")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_code_of_a_page_runs(page: Path, project: Path) -> None:
    run("sh", "underpass add git -- uvx mcp-server-git --repository .", project)
    for language, code in blocks(page):
        if "underpass add git" in code:
            (project / ".mcp.json").unlink()
        run(language, code, project)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
