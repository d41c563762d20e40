"""Reading ``[[policy.rules]]``: what may stand there, and what is said where it does not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, cast, get_args

from underpass.broker.policy.decision import Effect
from underpass.broker.policy.glob import Glob
from underpass.broker.policy.rule import Annotation, Condition, Predicate, Range, Rate, Rule
from underpass.config import unknown_setting
from underpass.errors import ConfigError, did_you_mean

SETTING: Final = "policy.rules"
_KEYS: Final = [known.name for known in fields(Rule)]
_LIMITS: Final = ("rate", "calls_per_run", "bytes_per_run")
_RATE: Final = re.compile(r"\s*(\d+)\s*/\s*(\w+)\s*", re.ASCII)
_SECONDS: Final = {"s": 1.0, "min": 60.0, "hour": 3600.0, "day": 86400.0}


def read_rules(value: object, origin: str = "") -> tuple[Rule, ...]:
    """Check the tables of ``[[policy.rules]]``.

    Parameters:
        origin: where they stand, for errors.

    Raises:
        ConfigError: one is no good (``setting``: ``policy.rules[2].decision``).
    """
    if not isinstance(value, list | tuple):
        raise _Reader(SETTING, origin).wrong("a list of tables", value, "write [[policy.rules]]")
    tables = cast("Sequence[object]", value)
    return tuple(_rule(table, f"{SETTING}[{number}]", origin) for number, table in enumerate(tables, 1))


def _rule(value: object, setting: str, origin: str) -> Rule:
    reader = _Reader(setting, origin)
    if not isinstance(value, Mapping):
        raise reader.wrong("a table", value, "write [[policy.rules]]")
    table = cast("Mapping[str, object]", value)
    for key in table:
        if key not in _KEYS:
            raise unknown_setting(f"{setting}.{key}", [f"{setting}.{known}" for known in _KEYS], origin)
    if "decision" not in table:
        raise reader.error("has no decision", 'such as decision = "ask"; or "allow", or "deny"')
    rule = Rule(
        decision=reader.choice(table, "decision", get_args(Effect)),
        server=reader.globs(table, "server"),
        tool=reader.globs(table, "tool"),
        category=reader.globs(table, "category"),
        annotation=tuple(
            cast("Annotation", glob.text) for glob in reader.globs(table, "annotation", get_args(Annotation))
        ),
        agent=reader.globs(table, "agent"),
        arguments=reader.predicates(table),
        rate=reader.rate(table),
        calls_per_run=reader.number(table, "calls_per_run"),
        bytes_per_run=reader.number(table, "bytes_per_run"),
        flow=reader.choice(table, "flow", ("allow",)) if "flow" in table else "",
        reason=reader.text(table, "reason"),
    )
    if rule.decision == "deny" and (limit := next((key for key in _LIMITS if key in table), None)):
        raise _Reader(f"{setting}.{limit}", origin).error("limits calls that are denied", "leave it out")
    return rule


class _Reader:
    """Reads the values of one table; its errors say where."""

    def __init__(self, setting: str, origin: str) -> None:
        self._setting = setting
        self._origin = origin

    def error(self, what: str, hint: str = "") -> ConfigError:
        where = f"{self._origin}: " if self._origin else ""
        return ConfigError(f"{where}{self._setting} {what}", hint=hint, setting=self._setting)

    def wrong(self, wanted: str, value: object, hint: str = "") -> ConfigError:
        return self.error(f"must be {wanted}, but is {value!r}", hint)

    def at(self, key: str) -> _Reader:
        return _Reader(f"{self._setting}.{key}", self._origin)

    def choice(self, table: Mapping[str, object], key: str, known: Sequence[str]) -> Any:
        if (value := table[key]) not in known:
            raise self.at(key).wrong(" or ".join(f'"{one}"' for one in known), value, _nearest(value, known))
        return value

    def text(self, table: Mapping[str, object], key: str) -> str:
        if not isinstance(value := table.get(key, ""), str):
            raise self.at(key).wrong("a text", value)
        return value

    def globs(self, table: Mapping[str, object], key: str, known: Sequence[str] = ()) -> tuple[Glob, ...]:
        if key not in table:
            return ()
        items = _items(value := table[key])
        if not items or not all(isinstance(item, str) and item for item in items):
            raise self.at(key).wrong("a text, or a list of texts", value)
        for item in items:
            if known and item not in known:
                raise self.at(key).wrong(
                    " or ".join(f'"{one}"' for one in known), item, _nearest(item, known)
                )
        return tuple(Glob(str(item)) for item in items)

    def number(self, table: Mapping[str, object], key: str) -> int | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.at(key).wrong("a whole number above 0", value)
        return value

    def rate(self, table: Mapping[str, object]) -> Rate | None:
        if (value := table.get("rate")) is None:
            return None
        found = _RATE.fullmatch(value) if isinstance(value, str) else None
        if not isinstance(value, str) or found is None or found[2] not in _SECONDS or int(found[1]) < 1:
            units = ", ".join(f"/{unit}" for unit in _SECONDS)
            raise self.at("rate").wrong('such as "10/min"', value, f"the units are {units}")
        return Rate(int(found[1]), _SECONDS[found[2]], value.strip())

    def predicates(self, table: Mapping[str, object]) -> dict[str, Predicate]:
        value = table.get("arguments", {})
        if not isinstance(value, Mapping):
            raise self.at("arguments").wrong("a table", value, 'such as arguments = {path = "/tmp/*"}')
        arguments = cast("Mapping[str, object]", value)
        return {
            name: Predicate(self.at(f"arguments.{name}").conditions(wanted))
            for name, wanted in arguments.items()
        }

    def conditions(self, value: object) -> tuple[Condition, ...]:
        items = _items(value)
        if not items:
            raise self.wrong("a value, or a list of values", value)
        return tuple(self._condition(item) for item in items)

    def _condition(self, value: object) -> Condition:
        if isinstance(value, str):
            return Glob(value)
        if isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return self._range(cast("Mapping[str, object]", value))
        raise self.wrong("a text, a number, true, false, or {min = …, max = …}", value)

    def _range(self, table: Mapping[str, object]) -> Range:
        for key, bound in table.items():
            if key not in ("min", "max"):
                raise self.at(key).error("is no condition", "there are min and max")
            if isinstance(bound, bool) or not isinstance(bound, int | float) or math.isnan(bound):
                raise self.at(key).wrong("a number", bound)
        if not table:
            raise self.wrong("a text, a number, true, false, or {min = …, max = …}", dict(table))
        return Range(*(cast("float | None", table.get(key)) for key in ("min", "max")))


def _items(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, list | tuple) else [value]


def _nearest(value: object, known: Sequence[str]) -> str:
    close = did_you_mean(value, known) if isinstance(value, str) else []
    return f"did you mean {' or '.join(close)}?" if close else ""
