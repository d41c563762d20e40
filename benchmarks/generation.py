"""Generation of modules: `python -m benchmarks.generation [tools.jsonl.gz]`.

Definitions come from a JSON-lines file of tools; without one they are made up.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from benchmarks.measure import HEAD, Row, machine
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.manifest import read_manifest
from underpass.codegen.modules import Package
from underpass.codegen.package import write_files, write_package
from underpass.codegen.python import PythonPackage
from underpass.codegen.typescript import TypeScriptPackage

_LANGUAGES: tuple[type[Package], ...] = (PythonPackage, TypeScriptPackage)
_PYTHON = """
import time
t = time.perf_counter()
from mcp_servers import server_0
print((time.perf_counter() - t) * 1e3)
"""
_DENO = 'const t = performance.now(); await import("mcp-servers"); console.log(performance.now() - t);'


def main() -> None:
    """Print the table."""
    print(machine(), "\n")
    servers = read_manifest(Path(sys.argv[1])) if len(sys.argv) > 1 else _made_up(1_000, 10)
    servers = _first(servers, 10_000)
    print(HEAD)
    print(_generation(servers))
    print(_one_tool(servers))
    with tempfile.TemporaryDirectory() as folder:
        for row in _imports(Path(folder)):
            print(row)


def _made_up(servers: int, tools: int) -> dict[str, Listing]:
    schema = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "Words to look for."},
            "limit": {"type": "integer", "default": 10, "minimum": 1},
            "order": {"enum": ["newest", "oldest"]},
        },
        "required": ["query"],
    }
    return {
        f"server-{server}": Listing(
            tuple(
                ToolDefinition(f"server-{server}", f"search_{tool}", "Search.", input_schema=schema)
                for tool in range(tools)
            )
        )
        for server in range(servers)
    }


def _first(servers: Mapping[str, Listing], most: int) -> dict[str, Listing]:
    tools = islice((tool for listing in servers.values() for tool in listing.tools), most)
    chosen: dict[str, list[ToolDefinition]] = {}
    for tool in tools:
        chosen.setdefault(tool.server, []).append(tool)
    return {server: Listing(tuple(tools)) for server, tools in chosen.items()}


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def _generation(servers: Mapping[str, Listing]) -> Row:
    processor = time.process_time()
    taken = [_milliseconds(lambda made=made: made(servers).files()) / 1e3 for made in _LANGUAGES]
    processor = time.process_time() - processor
    tools = sum(len(listing.tools) for listing in servers.values())
    figure = f"{tools:,} tools of {len(servers):,} servers, both languages, one process"
    parts = f"Python {taken[0]:.1f}, TypeScript {taken[1]:.1f}; processor time {processor:.1f}"
    seen = f"{sum(taken):.1f} s ({parts})"
    return Row(figure, "≤ 8 s", seen, sum(taken) <= 8)


def _one_tool(servers: Mapping[str, Listing]) -> Row:
    """One tool of the largest server gets another description; its modules are made and written anew."""
    name = max(servers, key=lambda server: len(servers[server].tools))
    tools = servers[name].tools
    changed = (replace(tools[0], description=f"{tools[0].description} Changed."), *tools[1:])

    def regenerate(folder: Path) -> None:
        for made in _LANGUAGES:
            modules = made({name: changed}).server(made({name: ()}).packages[name])
            layout = modules.layout
            paths = (layout.index, f"_{modules.functions[tools[0].name]}{layout.suffix}")
            write_files({path: modules.source(path) or "" for path in paths}, folder / layout.language)

    with tempfile.TemporaryDirectory() as folder:
        taken = statistics.median(_milliseconds(lambda: regenerate(Path(folder))) for _ in range(20))
    figure = f"one changed tool of a server of {len(tools)}, both languages, written to disk"
    return Row(figure, "≤ 100 ms", f"{taken:.1f} ms", taken <= 100)


def _imports(folder: Path) -> list[Row]:
    """The time that a program's first import takes, in a process that runs already."""
    servers = _made_up(1_800, 9)
    tools = sum(len(listing.tools) for listing in servers.values())
    write_package(PythonPackage(servers).files(), folder / "mcp_servers")
    typescript = TypeScriptPackage(servers)
    write_package(typescript.files(), folder / "mcp-servers")
    imports = {"imports": typescript.import_map("./mcp-servers/")}
    (folder / "import_map.json").write_text(json.dumps(imports), "utf-8")
    (folder / "program.ts").write_text(_DENO, "utf-8")
    deno = [str(Path(sys.executable).with_name("deno")), "run", "--quiet", "--no-config", "--no-remote"]
    commands = {
        "Python": [sys.executable, "-c", _PYTHON],
        "TypeScript (Deno)": [*deno, "--import-map", "import_map.json", "--allow-read=.", "program.ts"],
    }
    rows: list[Row] = []
    for language, command in commands.items():
        # The first run compiles, and keeps what it compiled.
        taken = statistics.median([_printed(command, folder) for _ in range(12)][1:])
        figure = f"import of a package of {len(servers):,} servers and {tools:,} tools, {language}"
        rows.append(Row(figure, "< 20 ms", f"{taken:.1f} ms", taken < 20))
    return rows


def _printed(command: list[str], folder: Path) -> float:
    environment = {**os.environ, "DENO_DIR": str(folder / ".deno"), "DENO_NO_UPDATE_CHECK": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


if __name__ == "__main__":
    main()
