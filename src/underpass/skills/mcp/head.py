"""The head of a SKILL.md as the JSON object that the extension carries: all that its author wrote."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any, ClassVar, Final, cast

import yaml

from underpass.skills.mcp.wire import NotUsable

_HEAD: Final = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_LONGEST_HEAD: Final = 32 * 1024


class _Loader(yaml.SafeLoader):
    """YAML that is JSON: no alias, no tag, no key twice; a date is the text that it is written as."""

    yaml_implicit_resolvers: ClassVar[Any] = {
        first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType] - it has no types
            raise NotUsable("its head has aliases")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag == "tag:yaml.org,2002:str"]
        if len(keys) < len(node.value) or len(set(keys)) < len(keys):
            raise NotUsable("its head has a key twice, or one that is no text")
        return super().construct_mapping(node, deep)


def head_of(content: bytes) -> dict[str, Any]:
    """Return the head of a SKILL.md as a JSON object, with all that its author wrote.

    Raises:
        NotUsable: it has none, or one that is no JSON.
    """
    try:
        found = _HEAD.match(content.decode())
    except UnicodeDecodeError:
        raise NotUsable("it is no UTF-8") from None
    if found is None or len(found[1]) > _LONGEST_HEAD:
        raise NotUsable("it has no head between `---`" if found is None else "its head is too long")
    try:
        head = yaml.load(found[1], Loader=_Loader)  # noqa: S506 - a SafeLoader that takes less
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotUsable(f"its head is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(head, dict) or not _is_json(cast("object", head)):
        raise NotUsable("its head is no JSON object")
    return cast("dict[str, Any]", head)


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return all(map(_is_json, cast("list[object]", value)))
    if isinstance(value, float):
        return isfinite(value)
    return value is None or isinstance(value, str | int)
