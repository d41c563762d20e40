"""Generated packages, imported for real, with a runtime that records the calls."""

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from underpass.catalog.definition import Finding, ToolDefinition
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage


@dataclass
class Runtime:
    """Stands for the sandbox's ``mcp_runtime``."""

    calls: list[tuple[str, str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, str, dict[str, Any]]]
    )
    answer: Any = None


@dataclass(frozen=True)
class Generated:
    """A generated package on disk, imported under a name of its own."""

    name: str
    directory: Path
    package: Any
    findings: tuple[Finding, ...]
    runtime: Runtime

    @property
    def loaded(self) -> set[str]:
        """The modules of the package that are loaded, by their names within it."""
        prefix = f"{self.name}."
        return {name.removeprefix(prefix) for name in sys.modules if name.startswith(prefix)}


Generate = Callable[[Mapping[str, Sequence[ToolDefinition]]], Generated]

_NUMBERS = itertools.count()


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    runtime = Runtime()
    module: Any = ModuleType("mcp_runtime")

    async def call_tool(server: str, tool: str, arguments: dict[str, Any]) -> Any:
        runtime.calls.append((server, tool, arguments))
        return runtime.answer

    module.call_tool = call_tool
    monkeypatch.setitem(sys.modules, "mcp_runtime", module)
    return runtime


@pytest.fixture
def generate(tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generate]:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    names: list[str] = []

    def generate(servers: Mapping[str, Sequence[ToolDefinition]]) -> Generated:
        name = f"generated_{next(_NUMBERS)}"
        names.append(name)
        package = PythonPackage(servers)
        write_package(package.files(), tmp_path / name)
        importlib.invalidate_caches()
        return Generated(name, tmp_path / name, importlib.import_module(name), package.findings, runtime)

    yield generate
    for module in list(sys.modules):
        if module.partition(".")[0] in names:
            del sys.modules[module]
