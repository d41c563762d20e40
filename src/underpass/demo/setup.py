"""What the demonstration needs on disk: servers, a repository, a configuration, modules."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from underpass.demo.environments import SERVERS, ensure_environment, is_ready
from underpass.demo.repository import build_repository

_ENOUGH = 50
"""Commits from which on a repository's own history is worth showing."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The git repository that the programs read."""

    path: Path
    commits: int
    built: bool
    """Whether the demonstration built it; otherwise it is the one it was started in."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The demonstration's folder, filled."""

    folder: Path
    config: Path
    repository: Repository
    names: tuple[str, ...]


def prepare(folder: Path, here: Path, step: Callable[[str], None]) -> Setting:
    """Install the servers, choose or build the repository, and write the configuration.

    Parameters:
        folder: where everything goes; made if absent.
        here: the folder whose repository is read when it has at least 50 commits.
        step: told what is done next, in a few words.

    Raises:
        UnderpassError: a server cannot be installed, or git does not work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The folder stays out of every repository that it is in.
    (folder / ".gitignore").write_text("*\n")

    def install(name: str) -> Path:
        return ensure_environment(name, folder / "servers")

    missing: list[str] = [name for name in SERVERS if not is_ready(name, folder / "servers")]
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        started = {pool.submit(install, name): name for name in SERVERS}
        while missing:
            step(f"installing {', '.join(missing)}, each in an environment of its own (only once)")
            jobs = [job for job, name in started.items() if name in missing]
            done = {started[job] for job in wait(jobs, return_when=FIRST_COMPLETED).done}
            missing = [name for name in missing if name not in done]
        environments = {name: job.result() for job, name in started.items()}
    step("choosing a git repository")
    repository = _repository(folder, here)
    arguments = {"mcp-server-git": ["--repository", str(repository.path)]}
    entries = {
        _short(name): {"command": str(path / "bin" / name), "args": arguments.get(name, [])}
        for name, path in environments.items()
    }
    config = folder / ".mcp.json"
    config.write_text(json.dumps({"mcpServers": entries}, indent=2) + "\n")
    return Setting(folder, config, repository, tuple(entries))


def tidy(folder: Path) -> None:
    """Remove what ``prepare`` and the runs made, except the installed servers."""
    for path in folder.iterdir():
        if path.name in ("servers", ".gitignore"):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _short(server: str) -> str:
    return server.removeprefix("mcp-").removeprefix("server-")


def _repository(folder: Path, here: Path) -> Repository:
    root, commits = _git(here, "rev-parse", "--show-toplevel"), _git(here, "rev-list", "--count", "HEAD")
    if root and commits and int(commits) >= _ENOUGH:
        return Repository(Path(root), int(commits), built=False)
    path = folder / "repository"
    return Repository(path, build_repository(path), built=True)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
