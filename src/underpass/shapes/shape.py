"""The shape of JSON values: types, keys and counts, merged in any order to the same.

Observing two values one after the other gives the shape that merging the shapes of each gives, and
merging is commutative and associative: what is absorbed (a key too many, a text of no format) stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, cast

from underpass.shapes.privacy import format_of, is_choice, key_kind

MOST_KEYS: Final = 64
"""An object of more has data for keys."""
MOST_CHOICES: Final = 8
MOST_ITEMS: Final = 12
"""Items of an array, and members of a map, that are looked at in one value."""
DEEPEST: Final = 8
MOST_NODES: Final = 1_000
"""Members of objects that are looked at in one value, about."""
_FEWEST_ALIKE: Final = 5

Json = dict[str, Any]


class Shape:
    """What was seen at one place of the results of a tool.

    Parameters:
        choice: the key of the place says that its texts are one of a few.
    """

    __slots__ = ("array", "boolean", "choice", "integer", "null", "number", "object", "text", "unknown")

    def __init__(self, *, choice: bool = False) -> None:
        self.choice = choice
        self.null = 0
        self.boolean = 0
        self.integer = 0
        self.number = 0
        self.unknown = 0
        """Values that were too deep, too many, or of no JSON type."""
        self.text: Texts | None = None
        self.array: Arrays | None = None
        self.object: Objects | None = None

    @property
    def count(self) -> int:
        """How many values were seen here."""
        parts = sum(part.count for part in (self.text, self.array, self.object) if part is not None)
        return self.null + self.boolean + self.integer + self.number + self.unknown + parts

    def observe(self, value: object) -> None:
        """Add one value. Takes bounded time, whatever its size; never raises."""
        self.add(value, DEEPEST, [MOST_NODES])

    def add(self, value: object, depth: int, room: list[int]) -> None:
        """Add a part of a value: ``depth`` levels and about ``room`` members are still looked at."""
        kind = type(value)
        if kind is str:
            if (text := self.text) is None:
                text = self.text = Texts(choice=self.choice)
            text.add(cast("str", value))
        elif kind is int:
            self.integer += 1
        elif kind is dict and depth and room[0] > 0:
            if (objects := self.object) is None:
                objects = self.object = Objects()
            objects.add(cast("Json", value), depth - 1, room)
        elif value is None:
            self.null += 1
        elif kind is list and depth and room[0] > 0:
            if (array := self.array) is None:
                array = self.array = Arrays()
            array.add(cast("list[object]", value), depth - 1, room)
        elif kind is bool:
            self.boolean += 1
        elif kind is float:
            self.number += 1
        else:
            self.unknown += 1

    def merge(self, other: Shape) -> None:
        """Add all that ``other`` has seen."""
        self.null += other.null
        self.boolean += other.boolean
        self.integer += other.integer
        self.number += other.number
        self.unknown += other.unknown
        if other.text is not None:
            self.text = self.text or Texts(choice=self.choice)
            self.text.merge(other.text)
        if other.array is not None:
            self.array = self.array or Arrays()
            self.array.merge(other.array)
        if other.object is not None:
            self.object = self.object or Objects()
            self.object.merge(other.object)

    def to_json(self) -> Json:
        """Return the shape as JSON; equal shapes give equal JSON."""
        counts = {name: count for name in _COUNTS if (count := cast("int", getattr(self, name)))}
        parts = {"text": self.text, "array": self.array, "object": self.object}
        return counts | {name: part.to_json() for name, part in parts.items() if part is not None}

    @classmethod
    def from_json(cls, data: Json, *, choice: bool = False) -> Shape:
        """Read what ``to_json`` gave. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for other JSON."""
        shape = cls(choice=choice)
        for name in _COUNTS:
            setattr(shape, name, int(data.get(name, 0)))
        if "text" in data:
            shape.text = Texts.from_json(data["text"])
        if "array" in data:
            shape.array = Arrays.from_json(data["array"])
        if "object" in data:
            shape.object = Objects.from_json(data["object"])
        return shape


_COUNTS: Final = ("null", "boolean", "integer", "number", "unknown")


class Texts:
    """The texts at one place: the format of them all, and the few that they are."""

    __slots__ = ("choices", "count", "format")

    def __init__(self, *, choice: bool) -> None:
        self.count = 0
        self.format: str | None = None
        self.choices: dict[str, int] | None = {} if choice else None

    def add(self, text: str) -> None:
        """Add one text."""
        if self.count == 0:
            self.format = format_of(text)
        elif self.format is not None and format_of(text) != self.format:
            self.format = None
        self.count += 1
        if self.choices is not None:
            self._choose({text: 1} if is_choice(text) else None)

    def merge(self, other: Texts) -> None:
        """Add all that ``other`` has seen."""
        if self.count == 0:
            self.format = other.format
        elif self.format != other.format:
            self.format = None
        self.count += other.count
        self._choose(other.choices)

    def _choose(self, others: Mapping[str, int] | None) -> None:
        if self.choices is None or others is None:
            self.choices = None
            return
        for text, count in others.items():
            self.choices[text] = self.choices.get(text, 0) + count
        if len(self.choices) > MOST_CHOICES:
            self.choices = None

    def to_json(self) -> Json:
        """Return the texts as JSON."""
        data: Json = {"count": self.count}
        if self.format is not None:
            data["format"] = self.format
        if self.choices is not None:
            data["choices"] = dict(sorted(self.choices.items()))
        return data

    @classmethod
    def from_json(cls, data: Json) -> Texts:
        """Read what ``to_json`` gave."""
        texts = cls(choice=False)
        texts.count = int(data["count"])
        texts.format = data.get("format")
        if (choices := data.get("choices")) is not None:
            texts.choices = {text: int(count) for text, count in choices.items()}
        return texts


class Arrays:
    """The arrays at one place, with one shape for their items."""

    __slots__ = ("count", "items")

    def __init__(self) -> None:
        self.count = 0
        self.items = Shape()

    def add(self, values: Sequence[object], depth: int, room: list[int]) -> None:
        """Add one array: its first items, its last, and some between."""
        self.count += 1
        # Half of the room stays for what comes after the array.
        least = room[0] // 2
        for item in values if len(values) <= MOST_ITEMS else _some(values):
            room[0] -= 1
            if room[0] < least:
                break
            self.items.add(item, depth, room)

    def merge(self, other: Arrays) -> None:
        """Add all that ``other`` has seen."""
        self.count += other.count
        self.items.merge(other.items)

    def to_json(self) -> Json:
        """Return the arrays as JSON."""
        return {"count": self.count, "items": self.items.to_json()}

    @classmethod
    def from_json(cls, data: Json) -> Arrays:
        """Read what ``to_json`` gave."""
        arrays = cls()
        arrays.count = int(data["count"])
        arrays.items = Shape.from_json(data["items"])
        return arrays


def _some(values: Sequence[object]) -> Iterator[object]:
    third = MOST_ITEMS // 3
    yield from values[:third]
    step = (len(values) - 2 * third) / (MOST_ITEMS - 2 * third)
    yield from (values[third + int(step * place)] for place in range(MOST_ITEMS - 2 * third))
    yield from values[-third:]


class Objects:
    """The objects at one place: a shape for each key that is a name, and one for all the others.

    ``fields`` is None once the keys turned out to be data: the objects are maps.
    """

    __slots__ = ("count", "fields", "rest")

    def __init__(self) -> None:
        self.count = 0
        self.fields: dict[str, Shape] | None = {}
        self.rest: Shape | None = None

    def add(self, value: Mapping[str, object], depth: int, room: list[int]) -> None:
        """Add one object."""
        self.count += 1
        size = len(value)
        if size > MOST_KEYS or (size >= _FEWEST_ALIKE and _is_map(value)):
            self.close()
            for item in islice(value.values(), MOST_ITEMS):
                room[0] -= 1
                self._others().add(item, depth, room)
            return
        room[0] -= size
        for key, item in value.items():
            fields = self.fields
            known = None if fields is None else fields.get(key)
            (known or self._place(key)).add(item, depth, room)

    def _place(self, key: str) -> Shape:
        """Return the shape that a value under ``key`` belongs to."""
        if self.fields is None or (kind := key_kind(key)) == "data":
            return self._others()
        if key not in self.fields:
            if len(self.fields) >= MOST_KEYS:
                self.close()
                return self._others()
            self.fields[key] = Shape(choice=kind == "choice")
        return self.fields[key]

    def _others(self) -> Shape:
        if self.rest is None:
            self.rest = Shape()
        return self.rest

    def close(self) -> None:
        """Forget the keys: they are data."""
        for shape in (self.fields or {}).values():
            self._others().merge(shape)
        self.fields = None

    def merge(self, other: Objects) -> None:
        """Add all that ``other`` has seen."""
        self.count += other.count
        if other.rest is not None:
            self._others().merge(other.rest)
        if other.fields is None:
            self.close()
        else:
            for key, shape in other.fields.items():
                self._place(key).merge(shape)

    def to_json(self) -> Json:
        """Return the objects as JSON."""
        data: Json = {"count": self.count}
        if self.fields is not None:
            data["fields"] = {key: shape.to_json() for key, shape in sorted(self.fields.items())}
        if self.rest is not None:
            data["rest"] = self.rest.to_json()
        return data

    @classmethod
    def from_json(cls, data: Json) -> Objects:
        """Read what ``to_json`` gave."""
        objects = cls()
        objects.count = int(data["count"])
        if (fields := data.get("fields")) is None:
            objects.fields = None
        else:
            objects.fields = {
                key: Shape.from_json(field, choice=key_kind(key) == "choice") for key, field in fields.items()
            }
        if "rest" in data:
            objects.rest = Shape.from_json(data["rest"])
        return objects


def _is_map(value: Mapping[str, object]) -> bool:
    """Whether all members are objects of the same keys: the keys above them tell individuals apart."""
    members = iter(value.values())
    first = next(members)
    if type(first) is not dict or not 0 < len(cast("Json", first)) <= MOST_KEYS:
        return False
    keys = cast("Json", first).keys()
    return all(type(member) is dict and cast("Json", member).keys() == keys for member in members)


def merged(shapes: Iterable[Shape]) -> Shape:
    """Return a shape of its own that has seen what all of ``shapes`` have."""
    whole = Shape()
    for shape in shapes:
        whole.merge(shape)
    return whole
