"""What code sees of a server's resources and prompts: plain values, as of a tool's results.

Each request of the protocol is called by its name, as a tool is: it is checked, limited, counted and
recorded in the same way. A tool that has such a name comes before the request.

- A listing is a list of objects with the protocol's fields, in this language's spelling.
- A resource is unwrapped as one inside a tool's result is: text as ``str``, text that is a JSON object or
  array parsed, binary content as a file; several contents are a list.
- A prompt is a list of its messages: ``{"role", "text"}``; a file, a sound or an image has the fields of a
  tool's in place of ``text``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson

from underpass.broker.blobs import BlobStore
from underpass.broker.unwrap import RESOURCE_FIELDS, renamed, unwrap_block
from underpass.catalog import ToolDefinition, ToolOutcome
from underpass.catalog.upstream import Method
from underpass.errors import ToolError, ToolFailed, ToolLimitExceeded, ToolNotFound

_MOST_PAGES: Final = 100
"""Of one listing; a server that always has another is cut off here."""

Send = Callable[[Method, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Makes one request of a server. Raises ``ToolError``."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call that is a request for resources or prompts."""

    definition: ToolDefinition
    """What stands for a tool's definition."""
    arguments: Mapping[str, Any]
    send: Send
    blobs: BlobStore
    max_bytes: int
    """Of all pages of a listing together, as JSON."""


Answer = Callable[[Request], Awaitable[ToolOutcome]]

# A name or an address goes into a header of HTTP.
_LINE: Final = {"type": "string", "pattern": r"^[^\x00-\x1f\x7f]+$"}
_PROMPT: Final = {"name": "name", "title": "title", "description": "description"}
_ARGUMENT: Final = {"name": "name", "title": "title", "description": "description", "required": "required"}


def request_definition(server: str, name: str) -> tuple[ToolDefinition, Answer] | None:
    """Return what a call of ``name`` is, where it is a request; None where it is none."""
    if name not in _REQUESTS:
        return None
    properties, answer = _REQUESTS[name]
    required = [name for name in properties if name != "arguments"]
    schema = {
        "type": "object", "properties": properties, "required": required, "additionalProperties": False,
    }  # fmt: skip
    return ToolDefinition(server, name, input_schema=schema), answer


async def _list_resources(request: Request) -> ToolOutcome:
    return await _listing(request, "resources/list", "resources", _resource)


async def _list_templates(request: Request) -> ToolOutcome:
    return await _listing(request, "resources/templates/list", "resourceTemplates", _template)


async def _list_prompts(request: Request) -> ToolOutcome:
    return await _listing(request, "prompts/list", "prompts", _prompt)


async def _read(request: Request) -> ToolOutcome:
    with _Hint("resources.list() and resources.templates() say what there is"):
        raw = await request.send("resources/read", {"uri": request.arguments["uri"]})
    contents = _objects(request, raw, "contents")
    return ToolOutcome(content=[{"type": "resource", "resource": content} for content in contents])


async def _get(request: Request) -> ToolOutcome:
    # The protocol has texts only; servers of other types read them as JSON.
    given = cast("Mapping[str, Any]", request.arguments.get("arguments", {}))
    texts = {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in given.items()
        if value is not None
    }
    with _Hint("prompts.list() says which there are, and their arguments"):
        raw = await request.send("prompts/get", {"name": request.arguments["name"], "arguments": texts})
    messages = [await _message(request, message) for message in _objects(request, raw, "messages")]
    return ToolOutcome(structured=messages, has_structured=True)


_REQUESTS: Final[Mapping[str, tuple[Mapping[str, Any], Answer]]] = {
    "resources/list": ({}, _list_resources),
    "resources/templates/list": ({}, _list_templates),
    "resources/read": ({"uri": _LINE}, _read),
    "prompts/list": ({}, _list_prompts),
    "prompts/get": ({"name": _LINE, "arguments": {"type": "object"}}, _get),
}


class _Hint:
    """Adds a hint to the refusal of a server, which knows no names of ours."""

    def __init__(self, hint: str) -> None:
        self._hint = hint

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ToolFailed) and not error.hint:
            error.hint = self._hint


async def _listing(
    request: Request,
    method: Method,
    key: str,
    entry: Callable[[Mapping[str, Any]], dict[str, Any] | None],
) -> ToolOutcome:
    """Read every page. An entry without what names it is left out: nobody could ask for it."""
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    cursor: str | None = None
    size = 0
    for _ in range(_MOST_PAGES):
        try:
            raw = await request.send(method, {} if cursor is None else {"cursor": cursor})
        except ToolNotFound:
            break
        page = [entry(fields) for fields in _objects(request, raw, key)]
        found += [fields for fields in page if fields is not None]
        size += len(orjson.dumps(page))
        if size > request.max_bytes:
            raise _too_large(request)
        cursor = raw.get("nextCursor")
        if not isinstance(cursor, str) or cursor in seen:
            break
        seen.add(cursor)
    return ToolOutcome(structured=found, has_structured=True)


def _resource(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    return renamed(fields, RESOURCE_FIELDS) if isinstance(fields.get("uri"), str) else None


def _template(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    return renamed(fields, RESOURCE_FIELDS) if isinstance(fields.get("uriTemplate"), str) else None


def _prompt(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    if not isinstance(fields.get("name"), str):
        return None
    arguments = fields.get("arguments")
    items = cast("list[object]", arguments) if isinstance(arguments, list) else []
    objects = [cast("Mapping[str, Any]", item) for item in items if isinstance(item, dict)]
    return {**renamed(fields, _PROMPT), "arguments": [renamed(item, _ARGUMENT) for item in objects]}


async def _message(request: Request, message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    block = cast("Mapping[str, Any]", content) if isinstance(content, Mapping) else {"text": content}
    return {"role": message.get("role"), **await _content(request, block)}


async def _content(request: Request, block: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a message beside its role. Text stays text: it is for a model to read, and no data."""
    inside = block.get("resource")
    if isinstance(inside, Mapping):
        resource = cast("Mapping[str, Any]", inside)
        about = renamed(resource, {"uri": "uri", "mimeType": "mime_type"})
        if isinstance(resource.get("text"), str):
            return {**about, "text": resource["text"]}
        return {**about, **await unwrap_block(request.definition, block, request.blobs)}
    if block.get("type", "text") == "text":
        return {"text": block.get("text")}
    return await unwrap_block(request.definition, block, request.blobs)


def _objects(request: Request, raw: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = raw.get(key)
    if not isinstance(items, list):
        tool = request.definition
        raise ToolFailed(
            f"{tool.server}: {tool.name} gave no list of {key}", server=tool.server, tool=tool.name
        )
    entries = cast("list[object]", items)
    return [cast("Mapping[str, Any]", item) for item in entries if isinstance(item, Mapping)]


def _too_large(request: Request) -> ToolError:
    tool = request.definition
    return ToolLimitExceeded(
        f"{tool.server}: {tool.name} gave more than {request.max_bytes:,} bytes",
        hint="read what you need by its address, or raise calls.max_result_bytes",
        server=tool.server,
        tool=tool.name,
        limit="max_result_bytes",
        value=request.max_bytes,
        setting="calls.max_result_bytes",
    )
