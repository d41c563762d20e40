"""The description of the API, made from the same declarations that requests are checked against."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from underpass.server.api.endpoint import JSON, Answers, Body, Endpoint
from underpass.server.api.event_stream import EVENT_STREAM
from underpass.server.api.reading import PATH_PATTERNS, plain
from underpass.server.problem import MEDIA_TYPE

_REF: Final = "#/components/schemas/{model}"
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, one sentence."},
        "error": {"type": "string", "description": "The error's name in the tree of errors."},
        "hint": {"type": "string", "description": "What to do next."},
        "data": {"type": "object", "description": "The error's facts."},
    },
    "required": ["type", "title", "status", "detail", "error", "hint"],
}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["started", "progress", "call", "question", "ended", "gap"]},
        "data": {"type": "string", "description": "A JSON object."},
    },
    "required": ["id", "event", "data"],
}
_MEANING: Final = {
    400: "The request cannot be read",
    401: "A token is needed, or is wrong, expired or revoked",
    403: "The token lacks a scope, or the policy does not allow it",
    404: "There is no such thing, or it is another tenant's",
    408: "The body took too long to arrive",
    409: "It cannot be done as things are",
    413: "The body is too large",
    415: "The body is no JSON",
    422: "The request does not fit",
    429: "Too many requests, or too much work",
    502: "A server failed",
    503: "Something that is needed is not there now",
}
_ALWAYS: Final = (401, 403, 413, 422, 429)
_LATER: Final = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}}
_CHALLENGE: Final = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of some routes."""
    known = list(endpoints)
    models = {model for each in known for model in _models(each)}
    ordered = sorted(models, key=lambda model: model.__name__)
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation" if issubclass(model, Body) else "serialization") for model in ordered
    ]
    _, definitions = models_json_schema(modes, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for each in known:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Underpass",
            "version": version("underpass"),
            "description": "Runs programs that call MCP tools. Each request carries a bearer token.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**definitions.get("$defs", {}), "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models(endpoint: Endpoint) -> list[type[BaseModel]]:
    answered = [answer.model for answer in endpoint.answers.values() if answer.model is not None]
    return answered if endpoint.body is None else [*answered, endpoint.body]


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [*map(_in_path, endpoint.names), *_in_query(endpoint)],
        "responses": _responses(endpoint),
    }
    if endpoint.scope is None:
        operation["security"] = [{}, {"token": []}]
    else:
        operation["description"] = f"The token needs the scope `{endpoint.scope}`."
    if endpoint.body is not None:
        content = {JSON: {"schema": _reference(endpoint.body)}}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.raw:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _in_path(name: str) -> dict[str, Any]:
    pattern, meaning = PATH_PATTERNS[name]
    schema = {"type": "string", "pattern": f"^{pattern}$"}
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}


def _in_query(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    schema = endpoint.query.model_json_schema()
    required = schema.get("required", [])
    found: list[dict[str, Any]] = []
    for name, each in schema["properties"].items():
        shown = {key: value for key, value in plain(each).items() if key != "title"}
        meaning = shown.pop("description", "")
        found.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": meaning,
                "schema": shown,
            }
        )
    return found


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    responses = {str(status): _answer(answer) for status, answer in endpoint.answers.items()}
    takes_body = endpoint.body is not None or endpoint.raw
    body = (408, *((415,) if endpoint.body is not None else ())) if takes_body else ()
    path = (404,) if endpoint.names else ()
    for status in sorted({*_ALWAYS, *body, *path, *endpoint.errors}):
        headers = _LATER if status == 429 else _CHALLENGE if status == 401 else {}
        schema = {"$ref": _REF.format(model="Problem")}
        responses.setdefault(
            str(status),
            {
                "description": _MEANING[status],
                "headers": headers,
                "content": {MEDIA_TYPE: {"schema": schema}},
            },
        )
    return responses


def _answer(answer: Answers) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        shown["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}, "required": True}
            for name, meaning in answer.headers.items()
        }
    if answer.model is not None:
        shown["content"] = {answer.media_type: {"schema": _reference(answer.model)}}
    elif answer.media_type != JSON:
        schema = _EVENT if answer.media_type == EVENT_STREAM else {"type": "string"}
        shown["content"] = {answer.media_type: {"schema": schema}}
    return shown


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}
