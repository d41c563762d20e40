"""The coding agents that can use Underpass, and where each has its list of servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from underpass.catalog.discover import codex_home, settings_folders
from underpass.errors import ConfigError

Scope = Literal["project", "user"]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a person works."""

    home: Path
    cwd: Path
    environ: Mapping[str, str]
    platform: str
    """As ``sys.platform``."""

    @property
    def settings(self) -> Path:
        """Where programs have a person's settings."""
        linux, mac, windows = settings_folders(self.home, self.environ)
        return {"darwin": mac, "win32": windows}.get(self.platform, linux)


@dataclass(frozen=True, slots=True)
class Client:
    """One program, and its files for a person and for a project."""

    title: str
    section: str
    """The key that holds the servers."""
    user: Callable[[Surroundings], Path]
    project: Path | None
    """Seen from the project's folder; None where the program has none."""
    typed: bool = False
    """Whether an entry says ``"type": "stdio"``."""

    def file(self, scope: Scope | None, here: Surroundings) -> Path:
        """Return the file of a scope; without one, the project's where there is any.

        Raises:
            ConfigError: the program has no file for projects.
        """
        if scope == "user" or (scope is None and self.project is None):
            return self.user(here)
        if self.project is None:
            raise ConfigError(
                f"{self.title} has no configuration for projects", hint="leave --scope out, or give `user`"
            )
        return here.cwd / self.project

    def entry(self, command: str, args: list[str]) -> dict[str, Any]:
        """Return the entry of a server that the program starts."""
        kind = {"type": "stdio"} if self.typed else {}
        return {**kind, "command": command, "args": args}


CLIENTS: Mapping[str, Client] = {
    "claude-code": Client(
        "Claude Code", "mcpServers", lambda here: here.home / ".claude.json", Path(".mcp.json"), typed=True
    ),
    "claude-desktop": Client(
        "Claude Desktop",
        "mcpServers",
        lambda here: here.settings / "Claude" / "claude_desktop_config.json",
        None,
    ),
    "cursor": Client(
        "Cursor", "mcpServers", lambda here: here.home / ".cursor" / "mcp.json", Path(".cursor", "mcp.json")
    ),
    "vscode": Client(
        "VS Code",
        "servers",
        lambda here: here.settings / "Code" / "User" / "mcp.json",
        Path(".vscode", "mcp.json"),
        typed=True,
    ),
    "codex": Client(
        "Codex",
        "mcp_servers",
        lambda here: codex_home(here.home, here.environ) / "config.toml",
        Path(".codex", "config.toml"),
    ),
}
