"""Configuration files as mappings: JSON (with comments), TOML or YAML."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, cast

from underpass.catalog.json_text import plain_json
from underpass.errors import ConfigError

_TOML_PLACE = re.compile(r" ?\(at line (\d+), column (\d+)\)")
LARGEST = 64 * 1024 * 1024
"""Bytes of a configuration; Claude Code keeps its history in one, of some megabytes."""


def read_document(path: Path) -> dict[str, Any]:
    """Read a configuration file: JSON, also with comments and trailing commas, TOML or YAML.

    The suffix says which; without a known one, the content.

    Raises:
        ConfigError: it is missing, malformed (``path``, ``line``, ``column``), or holds no object.
    """
    return parse_document(read_text(path), path)


def read_text(path: Path) -> str:
    """Read a file of UTF-8 text, without its byte order mark. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigError(f"{path} is larger than {LARGEST:,} bytes", path=str(path))
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"there is no file {path}", hint="`underpass init` writes one", path=str(path)
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", path=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error.reason}", path=str(path)) from error


def parse_document(text: str, path: Path) -> dict[str, Any]:
    """Read the text of the file ``path``; see ``read_document``. Raises ``ConfigError``."""
    try:
        content = _PARSERS[_kind(text, path)](text, path)
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply", path=str(path)) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold an object, but holds {json_type(content)}", path=str(path))
    return cast("dict[str, Any]", content)


def json_type(value: object) -> str:
    """The JSON name of a value's type, with its article, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list() | tuple():
            return "an array"
        case _:
            return f"a Python {type(value).__name__}"


def _kind(text: str, path: Path) -> str:
    kind = {".json": "json", ".jsonc": "json", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}.get(
        path.suffix.lower()
    )
    if kind is not None:
        return kind
    if plain_json(text).lstrip()[:1] in ("", "{"):
        return "json"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return "yaml"
    return "toml"


def _json(text: str, path: Path) -> object:
    try:
        return json.loads(plain_json(text))
    except json.JSONDecodeError as error:
        raise _malformed(path, error.lineno, error.colno, error.msg) from error


def _toml(text: str, path: Path) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        lines = text.split("\n")
        # Without a place it is the end of the document.
        line, column = (int(place[1]), int(place[2])) if place else (len(lines), len(lines[-1]) + 1)
        what = _TOML_PLACE.sub("", str(error)).removesuffix(" (at end of document)")
        raise _malformed(path, line, column, what) from error


def _yaml(text: str, path: Path) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _malformed(path, line, column, error.problem or "no YAML") from error
    except (yaml.YAMLError, ValueError) as error:
        # A character that YAML forbids; or a number or date that is none.
        raise ConfigError(f"{path} is no YAML: {str(error).splitlines()[0]}", path=str(path)) from error


_PARSERS = {"json": _json, "toml": _toml, "yaml": _yaml}


def _malformed(path: Path, line: int, column: int, what: str) -> ConfigError:
    return ConfigError(
        f"{path}, line {line}, column {column}: {what}",
        hint="mend it there",
        path=str(path),
        line=line,
        column=column,
    )
