"""What the code of a skill may import and do: it computes, and reaches the world by tools alone."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import Final

from underpass.skills.promotion.generalise import program_of

HARMLESS: Final = frozenset((
    "__future__", "abc", "array", "asyncio", "base64", "binascii", "bisect", "calendar", "cmath",
    "codecs", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal",
    "difflib", "email", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac",
    "html", "io", "ipaddress", "itertools", "json", "keyword", "locale", "logging", "math",
    "numbers", "operator", "pathlib", "pprint", "quopri", "random", "re", "secrets", "statistics",
    "string", "stringprep", "struct", "textwrap", "time", "timeit", "tomllib", "traceback", "types",
    "typing", "unicodedata", "urllib", "uuid", "warnings", "xml", "zlib", "zoneinfo",
))  # fmt: skip
"""Modules of Python's standard library that compute. A module that starts processes, loads code or looks into
the interpreter is none."""
OURS: Final = frozenset({"mcp_servers", "mcp_runtime", "skills"})
_OURS_TYPESCRIPT: Final = ("mcp-servers", "mcp-runtime", "skills")
_FORBIDDEN: Final = frozenset({"eval", "exec", "compile", "__import__", "globals", "breakpoint", "open_code"})
_FORBIDDEN_TYPESCRIPT: Final = frozenset({"eval", "Function", "Deno", "globalThis", "Worker", "WebAssembly"})


def import_problems(language: str, code: str, packages: Collection[str] = ()) -> list[str]:
    """Return what is wrong with what a skill's module imports and names; nothing where nothing is.

    Parameters:
        packages: what it may import besides, of a declared environment.

    Raises:
        ValueError: the code does not parse.
    """
    if language == "python":
        return list(_python(code, packages))
    return list(_typescript(code))


def _python(code: str, packages: Collection[str]) -> Iterator[str]:
    allowed = HARMLESS | OURS | frozenset(packages)
    for node in ast.walk(program_of("python", code).tree):
        names: list[str] = []
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom(level=0, module=str(module)):
                names = [module]
            case ast.ImportFrom():
                yield "it imports a module by its place"
            case ast.Name(id=name) if name in _FORBIDDEN:
                yield f"it uses {name}"
            case ast.Attribute(attr=name) if name.startswith("__") and name.endswith("__"):
                yield f"it uses {name}"
            case _:
                pass
        for name in names:
            if name.partition(".")[0] not in allowed:
                yield f"it imports {name}"


def _typescript(code: str) -> Iterator[str]:
    root = program_of("typescript", code).root
    from underpass.execution.typescript_edits import walk
    from underpass.skills.promotion.typescript_program import text_of

    for node in walk(root):
        if node.type == "import_statement":
            source = node.child_by_field_name("source")
            path = "" if source is None else text_of(source)[1:-1]
            if path.split("/")[0] not in _OURS_TYPESCRIPT:
                yield f"it imports {path:.80}"
        elif node.type == "import":
            if node.parent is not None and node.parent.type == "call_expression":
                yield "it imports what it computes"
        elif node.type == "identifier" and text_of(node) in _FORBIDDEN_TYPESCRIPT:
            yield f"it uses {text_of(node)}"
