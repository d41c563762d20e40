"""The head of a SKILL.md: YAML of text alone, with the keys that the standard allows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

DESCRIPTION_LENGTH: Final = 1_024
COMPATIBILITY_LENGTH: Final = 500
_LONGEST: Final = 32 * 1_024
"""Characters of the whole head."""
_KEYS: Final = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
_FENCE: Final = "---"
_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9 _.,()/'-]*[A-Za-z0-9.)])?")
_WORDS: Final = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
"""What other readers of YAML take for something else than a text."""


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """What stands in the head of a SKILL.md."""

    name: str
    description: str
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


class NotRead(Exception):
    """A file cannot be read as what it should be; the text says why."""


def split(text: str) -> tuple[str, str]:
    """Return head and body of a SKILL.md.

    Raises:
        NotRead: there is no head.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        raise NotRead("it does not begin with `---` and a head")
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            return "\n".join(lines[1:number]), "\n".join(lines[number + 1 :])
    raise NotRead("its head does not end: there is no second `---`")


def parse(head: str) -> tuple[Frontmatter, list[str]]:
    """Read a head, and return it with what is wrong with it; what is wrong is left out.

    Raises:
        NotRead: it is no YAML of texts.
    """
    problems: list[str] = []
    found = _mapping(head)
    texts: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for key, value in found.items():
        if key not in _KEYS:
            problems.append(f"{key!r:.60}: the standard has no such key; put it below `metadata`")
        elif key == "allowed-tools":
            problems.append(
                "allowed-tools: a skill cannot allow itself tools; the policy decides on each call"
            )
        elif key == "metadata":
            if isinstance(value, dict):
                metadata = value
            else:
                problems.append("metadata: it has to be keys with texts")
        elif isinstance(value, str):
            texts[key] = value.strip()
        else:
            problems.append(f"{key}: it has to be a text")
    if not texts.get("description"):
        problems.append("description: it is missing")
    for key, most in (("description", DESCRIPTION_LENGTH), ("compatibility", COMPATIBILITY_LENGTH)):
        if len(texts.get(key, "")) > most:
            problems.append(f"{key}: it has more than {most:,} characters")
    return (
        Frontmatter(
            texts.get("name", ""),
            texts.get("description", ""),
            texts.get("license", ""),
            texts.get("compatibility", ""),
            metadata,
        ),
        problems,
    )


def dump(front: Frontmatter) -> str:
    """Return a head between its fences."""
    lines = [_FENCE, f"name: {_scalar(front.name)}", f"description: {_scalar(front.description)}"]
    if front.license:
        lines.append(f"license: {_scalar(front.license)}")
    if front.compatibility:
        lines.append(f"compatibility: {_scalar(front.compatibility)}")
    if front.metadata:
        lines.append("metadata:")
        lines.extend(f"  {_scalar(key)}: {_scalar(value)}" for key, value in front.metadata.items())
    return "\n".join([*lines, _FENCE, ""])


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.casefold() not in _WORDS and _FENCE not in text:
        return text
    # Some readers end the head at the first three hyphens, wherever they are.
    return json.dumps(text, ensure_ascii=False).replace(_FENCE, r"-\x2d-")


def _mapping(head: str) -> dict[str, str | dict[str, str]]:
    """Read keys with texts, or with keys with texts, from the parser's events: nothing else is built."""
    import yaml

    if len(head) > _LONGEST:
        raise NotRead(f"its head has more than {_LONGEST:,} characters")
    # The C parser is eight times faster, and not in every installation.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(cast("Any", yaml).parse(head, Loader=loader)).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 2}" if mark else ""
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise NotRead(f"its head is no YAML{place}: {what}") from error


class _Builder:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events

    def document(self) -> dict[str, str | dict[str, str]]:
        import yaml

        for event in self._events:
            if isinstance(event, yaml.MappingStartEvent):
                self._refuse_anchors(event)
                found = self._members(deep=True)
                rest = [each for each in self._events if isinstance(each, yaml.DocumentStartEvent)]
                if rest:
                    raise NotRead("its head is more than one document")
                return found
            if not isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
                break
        raise NotRead("its head has no keys")

    def _members(self, *, deep: bool) -> dict[str, Any]:
        import yaml

        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._text(event)
            if key in found:
                raise NotRead(f"its head has {key!r:.60} twice")
            value = next(self._events)
            if deep and isinstance(value, yaml.MappingStartEvent):
                self._refuse_anchors(value)
                found[key] = self._members(deep=False)
            else:
                found[key] = self._text(value)
        return found

    def _text(self, event: Any) -> str:
        import yaml

        self._refuse_anchors(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise NotRead("its head has lists or deeper levels; the standard has texts only")
        return str(event.value)

    def _refuse_anchors(self, event: Any) -> None:
        # An alias can stand for a gigabyte, and a tag for an object.
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise NotRead("its head has anchors, aliases or tags, which are not read")
