"""Running programs that import generated modules, in a real Deno and a real Node.js."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.codegen.checkers import complaints

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.package import write_package
from underpass.codegen.typescript import TypeScriptPackage

RECORD = """
globalThis[Symbol.for("underpass.callTool")] = async (server, tool, args) => {
  (globalThis.calls ??= []).push([server, tool, args]);
  return globalThis.answer;
};
"""
"""Stands for the sandbox: records the calls, and answers each with the same."""


def write_typescript(servers: Mapping[str, Sequence[ToolDefinition]], directory: Path) -> TypeScriptPackage:
    """Write the package ``mcp-servers`` into ``directory``, with an import map beside it."""
    package = TypeScriptPackage(servers)
    write_package(package.files(), directory / "mcp-servers")
    imports = {"imports": package.import_map("./mcp-servers/")}
    (directory / "import_map.json").write_text(json.dumps(imports), "utf-8")
    return package


def deno(directory: Path, program: str) -> "subprocess.CompletedProcess[str]":
    """Run ``program`` in Deno, with no permission but to read ``directory``."""
    (directory / "program.ts").write_text(program, "utf-8")
    command = [
        *(str(Path(sys.executable).with_name("deno")), "run", "--quiet", "--no-prompt", "--no-config"),
        *("--no-remote", "--no-npm", "--cached-only", "--import-map", "import_map.json"),
        *(f"--allow-read={directory}", "program.ts"),
    ]
    environment = {**os.environ, "DENO_DIR": str(directory / ".deno"), "NO_COLOR": "1"}
    return subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, env=environment, timeout=900
    )


def deno_json(directory: Path, program: str) -> Any:
    """Return the one JSON value that ``program`` prints in Deno."""
    done = deno(directory, program)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def node_json(directory: Path, program: str) -> Any:
    """Compile everything in ``directory`` and return the one JSON value that ``program`` prints in Node.js.

    In the program, modules are beside it: ``./mcp-servers/index.ts``.
    """
    (directory / "program.ts").write_text(program, "utf-8")
    options = {"target": "es2022", "lib": ["es2023", "dom"], "module": "nodenext", "types": []}
    emitting = {"rewriteRelativeImportExtensions": True, "outDir": "compiled", "rootDir": "."}
    settings = {"compilerOptions": {**options, **emitting}, "include": ["**/*.ts"]}
    assert complaints("tsc", directory) == ""
    (directory / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    tsc = Path(__file__).parents[2] / "node_modules" / ".bin" / "tsc"
    subprocess.run([tsc, "--project", "."], cwd=directory, check=True, capture_output=True)
    (directory / "compiled" / "package.json").write_text('{"type": "module"}', "utf-8")
    done = subprocess.run(
        ["node", "compiled/program.js"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
