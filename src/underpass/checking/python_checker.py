"""Python programs, checked by ``ty``."""

from __future__ import annotations

import sys
from pathlib import Path

from underpass.checking.language_server import Command, LanguageServer
from underpass.checking.modules import CheckedModules
from underpass.checking.python_notation import PythonNotation
from underpass.checking.python_rules import CONFIGURATION, PythonRules, rules
from underpass.checking.skills import CheckedSkills, Found
from underpass.checking.verdict import Problem
from underpass.discovery.directory import ListingSource

_MEMORY_MB = 1_024
_NO_PACKAGES = ".python"


class PythonChecker:
    """A resident ``ty`` over one folder.

    Raises ``FileNotFoundError`` when ``ty`` is not installed.
    """

    def __init__(self, source: ListingSource, folder: Path) -> None:
        # Takes a while to import, and a run that is not checked needs none of it.
        from ty import find_ty_bin

        self._folder = folder
        self.modules = CheckedModules(source, folder, PythonNotation())
        self.skills = CheckedSkills(folder, "python")
        self.server = LanguageServer(
            Command((find_ty_bin(), "server"), "python", ".py", _MEMORY_MB, {"TY_MAX_PARALLELISM": "1"}),
            folder,
        )
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        # Packages are left unchecked: their types are looser than their behaviour.
        (folder / _NO_PACKAGES / "lib" / f"python{version}" / "site-packages").mkdir(parents=True)
        settings = CONFIGURATION.format(
            python=_NO_PACKAGES, version=version, platform=sys.platform, rules=rules()
        )
        (folder / "ty.toml").write_text(settings, "utf-8")

    async def problems(self, code: str, skills: Found) -> tuple[Problem, ...]:
        """Return what would fail. Raises ``ServerDied``."""
        diagnostics = await self.server.diagnose(code)
        if not diagnostics:
            return ()
        return PythonRules(code, self.modules, self._folder.as_uri(), skills).problems(diagnostics)
