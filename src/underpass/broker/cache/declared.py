"""``[cache]``: what may stand there, and what it makes of each tool."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from underpass.broker.policy.glob import Glob
from underpass.catalog import ToolDefinition
from underpass.config import CacheSettings
from underpass.errors import ConfigError

_HINT: Final = 'write the server and the tool: "git.git_log", or "web.*"'


def read_setting(key: str, value: object, origin: str) -> object:
    """Check ``cache.tools`` or ``cache.ttl``.

    Parameters:
        origin: where the setting stands, for errors.

    Raises:
        ConfigError: the value is no good.
    """
    setting = f"cache.{key}"
    where = f"{origin}: " if origin else ""
    if key == "ttl":
        return dict(_seconds(value, setting, where))
    if origin.startswith("$") and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}{setting} must be a list of tools, but is {value!r}", setting=setting)
    return tuple(_pattern(each, setting, where) for each in cast("Sequence[object]", value))


def _seconds(value: object, setting: str, where: str) -> Iterator[tuple[str, float]]:
    if not isinstance(value, Mapping):
        hint = 'write a section [cache.ttl] with lines such as "git.git_log" = 60'
        raise ConfigError(
            f"{where}{setting} must be a table of seconds, but is {value!r}", hint=hint, setting=setting
        )
    for pattern, seconds in cast("Mapping[object, object]", value).items():
        text = _pattern(pattern, setting, where)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            raise ConfigError(
                f"{where}{setting}.{text!r} must be seconds, 0 or more, but is {seconds!r}", setting=setting
            )
        yield text, float(seconds)


def _pattern(value: object, setting: str, where: str) -> str:
    if not isinstance(value, str) or not all(value.partition(".")):
        raise ConfigError(f"{where}{setting}: {value!r} names no tool", hint=_HINT, setting=setting)
    return value


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the cache does about the calls of one tool."""

    reads: bool
    """Whether they change nothing; what is kept of a server is dropped with any other call."""
    seconds: float
    """How long a result is good; 0: it is not kept."""


class Declarations:
    """What the operator has said of tools.

    A tool that the operator names counts as one that only reads, whatever its server says of it. A pattern
    with ``*`` leaves out the tools that change something by their server's own word: whoever writes
    ``web.*`` may not know that there is a ``web.post``.

    Parameters:
        settings: which tools are named, and how long their results are good.
        trusted: the servers whose word counts that a tool only reads.
    """

    def __init__(self, settings: CacheSettings, trusted: Collection[str]) -> None:
        self._named = frozenset(settings.tools)
        self._patterns = [Glob(tool) for tool in settings.tools if "*" in tool]
        self._read_only = settings.read_only
        self._trusted = frozenset(trusted)
        self._usual = settings.ttl_seconds
        self._exact = settings.ttl
        self._lives = [(Glob(tool), seconds) for tool, seconds in settings.ttl.items() if "*" in tool]

    def about(self, tool: ToolDefinition) -> Treatment:
        """Return what is to be done about a tool."""
        name, hints = f"{tool.server}.{tool.name}", tool.annotations
        says_reads = hints.get("readOnlyHint") is True and hints.get("destructiveHint") is not True
        says_writes = hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True
        declared = name in self._named or (
            not says_writes and any(pattern.matches(name) for pattern in self._patterns)
        )
        trusted = says_reads and tool.server in self._trusted
        kept = declared or (trusted and self._read_only)
        return Treatment(declared or trusted, self._life(name) if kept else 0)

    def _life(self, name: str) -> float:
        if (seconds := self._exact.get(name)) is not None:
            return seconds
        return next((seconds for pattern, seconds in self._lives if pattern.matches(name)), self._usual)
