"""What tools give, and where they lead: the operator's words, and then the servers' own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from underpass.broker.flow.marks import Label
from underpass.catalog import ToolDefinition
from underpass.config import FlowSettings
from underpass.errors import ConfigError, did_you_mean

Sink = Literal["no", "another server", "outside"]
"""Where a call leads: nowhere; to its server, and so away from all others; or to anyone."""


class ToolLabels:
    """The labels of tools.

    Parameters:
        settings: the operator's words.
        trusted: the servers whose word counts that a tool only reads.
        servers: those that there are.

    Raises ``ConfigError`` for a setting that names a server that there is not.
    """

    def __init__(self, settings: FlowSettings, trusted: Collection[str], servers: Collection[str]) -> None:
        for key in ("private", "untrusted", "sinks", "not_sinks"):
            for name in getattr(settings, key):
                _check(f"flow.{key}", name, servers)
        self._settings = settings
        self._trusted = frozenset(trusted)
        self._labels: dict[tuple[str, str], tuple[Label, ...]] = {}
        self._sinks: dict[tuple[str, str, str], Sink] = {}

    def of(self, server: str, tool: str) -> tuple[Label, ...]:
        """Return the labels of what a tool gives."""
        labels = self._labels.get((server, tool))
        if labels is None:
            settings = self._settings
            private: tuple[Label, ...] = ("private",) if _is_named(server, tool, settings.private) else ()
            strange: tuple[Label, ...] = ("untrusted",) if _is_named(server, tool, settings.untrusted) else ()
            labels = self._labels[server, tool] = private + strange
        return labels

    def sink(self, tool: ToolDefinition, digest: str) -> Sink:
        """Return where a call of a tool leads.

        Parameters:
            digest: of the definition; empty for a request for resources or prompts, which only reads.
        """
        key = (tool.server, tool.name, digest)
        sink = self._sinks.get(key)
        if sink is None:
            sink = self._sinks[key] = self._sink(tool, request=not digest)
        return sink

    def _sink(self, tool: ToolDefinition, *, request: bool) -> Sink:
        settings, hints = self._settings, tool.annotations
        if _is_named(tool.server, tool.name, settings.not_sinks):
            return "no"
        if _is_named(tool.server, tool.name, settings.sinks) or hints.get("openWorldHint") is True:
            return "outside"
        harmless = hints.get("readOnlyHint") is True and hints.get("destructiveHint") is not True
        return "no" if (request or harmless) and tool.server in self._trusted else "another server"


def _is_named(server: str, tool: str, names: Collection[str]) -> bool:
    return server in names or f"{server}.{tool}" in names


def _check(setting: str, name: str, servers: Collection[str]) -> None:
    if any(name == server or name.startswith(f"{server}.") for server in servers):
        return
    close = did_you_mean(name.partition(".")[0], servers)
    raise ConfigError(
        f"{setting} names {name!r}, and there is no such server",
        hint=f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(servers)) or 'none'}",
        setting=setting,
    )
