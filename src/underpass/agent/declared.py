"""``[agents.NAME]``: what may stand there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Final, Literal, cast

from underpass.config import AgentSettings, unknown_setting
from underpass.errors import ConfigError, did_you_mean

_KEYS: Final = tuple(known.name for known in fields(AgentSettings))
_Mode = Literal["python", "typescript", "direct"]
_MODES: Final[tuple[_Mode, ...]] = ("python", "typescript", "direct")


def read_agent(name: str, value: object, origin: str) -> AgentSettings:
    """Check the table of one agent.

    Parameters:
        name: the agent's.
        value: what stands there.
        origin: where, for errors.

    Raises:
        ConfigError: a key or a value is no good.
    """
    setting = f"agents.{name}"
    where = f"{origin}: " if origin else ""
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{where}{setting} must be a table, but is {value!r}",
            hint=f"write [agents.{name.partition('_')[0]}] in underpass.toml, and below it rollout = 10",
            setting=setting,
        )
    table = cast("Mapping[str, object]", value)
    for key in table:
        if key not in _KEYS:
            raise unknown_setting(f"{setting}.{key}", [f"{setting}.{known}" for known in _KEYS], origin)
    default = AgentSettings()
    modes = _modes(table.get("modes", default.modes), f"{setting}.modes", where)
    rollout = _percentage(table.get("rollout", default.rollout), f"{setting}.rollout", where)
    if rollout < 100 and "direct" not in modes:
        raise ConfigError(
            f"{where}{setting}: commands outside of the rollout need the mode 'direct'",
            hint="add 'direct' to modes, or leave rollout out",
            setting=f"{setting}.rollout",
        )
    fallback = table.get("fallback", default.fallback)
    if not isinstance(fallback, bool):
        raise ConfigError(
            f"{where}{setting}.fallback must be true or false, but is {fallback!r}",
            setting=f"{setting}.fallback",
        )
    return AgentSettings(modes, fallback, rollout)


def _modes(value: object, setting: str, where: str) -> tuple[_Mode, ...]:
    items = cast("list[object]", value) if isinstance(value, list | tuple) else None
    if not items or not all(isinstance(item, str) for item in items):
        raise ConfigError(
            f"{where}{setting} must be a list of modes, but is {value!r}",
            hint=f"there are: {', '.join(_MODES)}",
            setting=setting,
        )
    for item in map(str, items):
        if item not in _MODES:
            close = did_you_mean(item, _MODES)
            raise ConfigError(
                f"{where}{setting}: there is no mode {item!r:.40}",
                hint=f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(_MODES)}",
                setting=setting,
            )
    return tuple(mode for mode in _MODES if mode in items)


def _percentage(value: object, setting: str, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return float(value)
    raise ConfigError(f"{where}{setting} must be a percentage, 0 to 100, but is {value!r}", setting=setting)
