"""TypeScript programs, checked by the language server that Deno has in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import orjson

from underpass.checking.language_server import Command, LanguageServer
from underpass.checking.modules import CheckedModules
from underpass.checking.skills import CheckedSkills, Found, with_suffixes
from underpass.checking.typescript_notation import TypeScriptNotation
from underpass.checking.typescript_rules import TypeScriptRules
from underpass.checking.verdict import Problem
from underpass.discovery.directory import ListingSource
from underpass.sandbox import deno_binary, deno_guest

_MEMORY_MB: Final = 2_048
_HEAP_MB: Final = 512
"""Without a bound V8 lets garbage lie: 700 MB where 350 will do, at the same speed."""
_GLOBALS: Final = Path(__file__).with_name("globals.d.ts")
_LIBRARIES: Final = (
    "esnext", "deno.ns", "deno.console", "deno.url", "deno.web", "deno.fetch", "deno.crypto",
)  # fmt: skip
"""Less than `deno.window`, which takes twice as long to read; our own declarations have the rest."""
_ELSEWHERE: Final = re.compile(r"""((?:\bfrom|\bimport)\s*\(?\s*["'](?:npm|jsr|node|https?|data)):""")


class TypeScriptChecker:
    """A resident ``deno lsp`` over one folder.

    Raises ``SandboxUnavailable`` when Deno is not installed.
    """

    def __init__(self, source: ListingSource, folder: Path) -> None:
        self._folder = folder
        self._notation = TypeScriptNotation(source.names)
        self.modules = CheckedModules(source, folder, self._notation)
        self.skills = CheckedSkills(folder, "typescript")
        options: dict[str, Any] = {
            "enable": True,
            "lint": False,
            "suggest": {"imports": {"autoDiscover": False}},
        }
        environ = {
            "DENO_DIR": str(folder / ".deno"),
            "DENO_NO_UPDATE_CHECK": "1",
            "HOME": str(folder),
            "DENO_V8_FLAGS": f"--max-old-space-size={_HEAP_MB}",
            "NO_COLOR": "1",
        }
        program = (str(deno_binary.find()), "lsp", "--quiet")
        self.server = LanguageServer(
            Command(program, "typescript", ".ts", _MEMORY_MB, environ, options), folder
        )
        ours = {
            "mcp-runtime": (deno_guest.SOURCES / "runtime.ts").as_uri(),
            "mcp-runtime/data": (deno_guest.SOURCES / "data.ts").as_uri(),
        }
        project = {
            "imports": {**self._notation.imports, **ours, "skills/": "./skills/"},
            # Whether something may be null is left open: programs know better than schemas.
            "compilerOptions": {"strict": False, "lib": _LIBRARIES, "types": [_GLOBALS.as_uri()]},
            "lock": False,
            "nodeModulesDir": "none",
        }
        (folder / "deno.json").write_bytes(orjson.dumps(project))

    async def problems(self, code: str, skills: Found) -> tuple[Problem, ...]:
        """Return what would fail. Raises ``ServerDied``."""
        # Nothing is to be looked for elsewhere. The program that runs cannot have it either.
        diagnostics = await self.server.diagnose(_ELSEWHERE.sub(r"\1_", with_suffixes(code)))
        if not diagnostics:
            return ()
        root = self._folder.as_uri()
        return TypeScriptRules(code, self.modules, self._notation, root, skills).problems(diagnostics)
