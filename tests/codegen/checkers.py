"""Running type checkers over a directory, at their strictest."""

import json
import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_NODE = _ROOT / "node_modules" / ".bin"
_COMMANDS = {
    "ty": [
        *(str(Path(sys.executable).with_name("ty")), "check", "--python-version", "3.11", "--error", "all"),
        # typing.override, which the rule asks for, is not in Python 3.11.
        *("--ignore", "missing-override-decorator", "--output-format", "concise", "."),
    ],
    "pyright": [str(_NODE / "pyright"), "."],
    "tsc": [str(_NODE / "tsc"), "--pretty", "false", "--project", "."],
    "deno": [str(Path(sys.executable).with_name("deno")), "check", "--quiet", "--config", "deno.json", "."],
}
_TYPESCRIPT = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "exactOptionalPropertyTypes": True,
    "noUnusedLocals": True,
    "noUnusedParameters": True,
}
_SETTINGS = {
    "pyrightconfig.json": {"typeCheckingMode": "strict", "pythonVersion": "3.11"},
    "deno.json": {"compilerOptions": _TYPESCRIPT},
    "package.json": {"type": "module"},
    "tsconfig.json": {
        "compilerOptions": {
            **_TYPESCRIPT,
            "noEmit": True,
            # What Node.js and Deno can strip, file by file.
            "erasableSyntaxOnly": True,
            "verbatimModuleSyntax": True,
            "isolatedModules": True,
            "isolatedDeclarations": True,
            "declaration": True,
            "rewriteRelativeImportExtensions": True,
            "target": "es2023",
            "lib": ["es2023", "dom"],
            "module": "nodenext",
            "types": [],
        },
        "include": ["**/*.ts"],
    },
}


def complaints(checker: str, directory: Path) -> str:
    """What ``checker`` has against the files of ``directory``; empty when it has nothing."""
    done = check(checker, directory)
    return "" if done.returncode == 0 else f"{done.stdout[-3000:]}\n{done.stderr[-1000:]}"


def check(checker: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    """Run ``checker`` over ``directory``."""
    for name, settings in _SETTINGS.items():
        (directory / name).write_text(json.dumps(settings), "utf-8")
    environment = {**os.environ, "DENO_DIR": str(directory / ".deno"), "DENO_NO_UPDATE_CHECK": "1"}
    return subprocess.run(
        _COMMANDS[checker], cwd=directory, capture_output=True, text=True, check=False, env=environment
    )
