"""Which programs need no event loop: their awaits are calls to tools, one after the other.

A loop costs a child half a megabyte that it touches for the first time. Where nothing else can be
going on, a call may as well wait for its answer on the spot.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

_WITHOUT_LOOP = frozenset(
    {
        "__future__", "base64", "bisect", "collections", "copy", "csv", "dataclasses", "datetime", "decimal",
        "enum", "fractions", "functools", "heapq", "itertools", "json", "math", "mcp_runtime", "mcp_servers",
        "operator", "os", "pathlib", "pprint", "random", "re", "statistics", "string", "textwrap", "time",
        "typing", "uuid", "zoneinfo",
    }
)  # fmt: skip
"""Modules that neither need a running loop nor give access to a module that does."""


def needs_loop(source: str) -> bool:
    """Whether a program may need a running event loop. In doubt it does."""
    imports = 0
    for line in source.split("\n"):
        words = line.replace(",", " , ").split()
        if len(words) < 2:
            continue
        if words[0] == "from" and "import" in words:
            imports += 1
            modules = words[1:2]
        elif words[0] == "import":
            imports += 1
            # Another name, as in `import json as j`, is no module.
            modules = [word for word, before in zip(words[1:], words, strict=False) if before != "as"]
            modules = [module for module in modules if module not in {"as", ","}]
        else:
            continue
        for module in modules:
            if module.partition(".")[0] not in _WITHOUT_LOOP:
                return True
    # Any other mention may be an import in disguise.
    return source.count("import") != imports


def run_straight(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never has to wait for a loop, and return its value."""
    try:
        main.send(None)
    except StopIteration as end:
        return end.value
    main.close()
    raise RuntimeError("the program awaited something that no event loop was there for: import asyncio")
