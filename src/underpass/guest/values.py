"""From a program's value to JSON: what converts, and what to say of what does not.

Converted without loss of meaning: dataclasses, enums, dates, decimals, UUIDs, paths,
sets, bytes that are UTF-8, Pydantic models, NumPy scalars and arrays, pandas frames and series.
Anything else becomes a *problem*: the value is given all the same, with that part replaced, and
the run says where and what. So nothing that was computed is lost, and nothing is silently changed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from underpass.guest.frugal_json import dumps

_MAX_DEPTH = 200
_MAX_PROBLEMS = 5
_SHOWN = 200


class Conversion:
    """One value on its way to JSON, and the ``problems`` met: pairs of a path and a reason."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []
        self._open: dict[int, str] = {}

    def convert(self, value: Any) -> Any:
        """Return ``value`` as JSON values."""
        return self._convert(value, "$")

    def _problem(self, path: str, reason: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append((path, reason))

    def _convert(self, value: Any, path: str) -> Any:
        kind = _type(value)
        if kind is str:
            return self._text(value, path)
        if value is None or kind in (bool, int):
            return value
        if kind is float:
            return self._float(value, path)
        if id(value) in self._open:
            self._problem(path, f"it contains itself: the same object as {self._open[id(value)]}")
            return f"<the same object as {self._open[id(value)]}>"
        if len(self._open) >= _MAX_DEPTH:
            self._problem(path, f"it is nested more than {_MAX_DEPTH} levels deep")
            return _shown(value)
        self._open[id(value)] = path
        try:
            return self._container(value, kind, path)
        finally:
            del self._open[id(value)]

    def _text(self, value: str, path: str) -> str:
        if value.isascii():
            return value
        whole = value.encode("utf-8", "replace").decode()
        if whole != value:
            self._problem(path, "its text holds half of a surrogate pair, which is no character")
        return whole

    def _float(self, value: float, path: str) -> float | None:
        if math.isfinite(value):
            return value
        self._problem(path, f"it holds {value!r}, which JSON cannot express")
        return None

    def _container(self, value: Any, kind: type[Any], path: str) -> Any:
        if kind is dict or isinstance(value, Mapping):
            return self._mapping(cast("Mapping[Any, Any]", value), path)
        if kind in {list, tuple}:
            return [self._convert(item, f"{path}[{at}]") for at, item in enumerate(value)]
        for convert in (_standard, _third_party):
            known, plain = convert(value)
            if known:
                return self._convert(plain, path)
        if isinstance(value, set | frozenset):
            return self._convert(_ordered(cast("set[Any]", value)), path)
        if isinstance(value, str):
            return self._text(str(value), path)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return self._float(float(value), path)
        if isinstance(value, tuple | list):
            return self._convert(list(cast("list[Any]", value)), path)
        self._problem(path, f"{_article(kind.__name__)} cannot be expressed as JSON")
        return _shown(value)

    def _mapping(self, value: Mapping[Any, Any], path: str) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        for key, item in value.items():
            name = self._text(key if type(key) is str else _key(key), path)
            if name in converted:
                self._problem(path, f"two of its keys are {name!r} once they are text")
                name = f"{name} ({type(key).__name__})"
            converted[name] = self._convert(item, f"{path}.{name}")
        return converted


def _type(value: Any) -> type[Any]:
    return cast("type[Any]", type(value))


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr() raises {type(error).__name__}>"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _key(key: Any) -> str:
    """A key as JSON needs it; ``json`` writes numbers, booleans and None the same way."""
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    if isinstance(key, tuple):
        return ", ".join(map(_key, cast("tuple[Any, ...]", key)))
    return str(_standard(key)[1] or key)


def _ordered(values: set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _standard(value: Any) -> tuple[bool, Any]:
    """Types of the standard library; looked up by name so that nothing need be imported."""
    kind = _type(value)
    for base in kind.__mro__:
        if convert := _BY_NAME.get((base.__module__, base.__qualname__)):
            return True, convert(value)
    if hasattr(kind, "__dataclass_fields__"):
        return True, {name: getattr(value, name) for name in kind.__dataclass_fields__}
    if kind.__name__ in _VIEWS and kind.__module__ == "builtins":
        return True, list(value)
    return False, None


_VIEWS = {"dict_keys", "dict_values", "dict_items", "range", "map", "filter", "zip", "generator"}


def _bytes(value: bytes | bytearray | memoryview) -> str:
    raw = bytes(value)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        import base64

        return base64.b64encode(raw).decode()


_BY_NAME: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("datetime", "date"): lambda value: value.isoformat(),
    ("datetime", "time"): lambda value: value.isoformat(),
    ("datetime", "timedelta"): lambda value: value.total_seconds(),
    ("decimal", "Decimal"): lambda value: int(value) if value == value.to_integral_value() else float(value),
    ("fractions", "Fraction"): float,
    ("uuid", "UUID"): str,
    ("pathlib", "PurePath"): str,
    ("pathlib._local", "PurePath"): str,
    ("enum", "Enum"): lambda value: value.value,
    ("builtins", "bytes"): _bytes,
    ("builtins", "bytearray"): _bytes,
    ("builtins", "memoryview"): _bytes,
    ("collections", "deque"): list,
}


def _third_party(value: Any) -> tuple[bool, Any]:
    """What well-known packages offer; the method's name is enough, no package is imported."""
    kind = _type(value)
    package = kind.__module__.partition(".")[0]
    if package == "pandas" and hasattr(value, "to_json"):
        orient = {"orient": "records"} if kind.__name__ == "DataFrame" else {}
        return True, json.loads(value.to_json(date_format="iso", **orient))
    if package == "numpy" and hasattr(value, "tolist"):
        return True, value.tolist()
    if hasattr(kind, "model_dump"):
        return True, value.model_dump(mode="json")
    return False, None


def to_json(value: Any) -> tuple[str, list[tuple[str, str]]]:
    """Return ``value`` as JSON text and the problems met. Raises ``MemoryError``."""
    try:
        # The common case, at the speed of C: plain values convert as they are.
        text = dumps(value)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        conversion = Conversion()
        plain = conversion.convert(value)
        return dumps(plain), conversion.problems
    return text, []
