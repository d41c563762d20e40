"""Ten thousand real tools, all of them."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.codegen.checkers import complaints
from tests.codegen.corpus import corpus, corpus_files
from tests.codegen.definitions import foreign_statements

from underpass.codegen.documentation import document, signature
from underpass.codegen.package import write_package
from underpass.codegen.python import PythonPackage
from underpass.metrics.tokens import count

pytestmark = pytest.mark.requirement("R08")

SHARED = {"__init__.py", "_runtime.py", "_resources.py", "_client.py"}
"""What the modules of all servers have in common."""

_IMPORT_ALL = """
# What generated modules import of the standard library is not what is looked at here.
import __future__, collections.abc, functools, importlib, json, os, sys, types, typing
import mcp_servers
# What importing is made of (typing looks at its caller's frame to name a functional TypedDict).
usual = {"import", "compile", "exec", "marshal.loads", "object.__getattr__", "os.listdir", "os.scandir"}
usual |= {"sys._getframe"}
here = os.path.dirname(mcp_servers.__file__)
unusual = set()
def hook(event, arguments):
    own = event == "open" and str(arguments[0]).startswith(here)
    if event not in usual and not own:
        unusual.add(f"{event} {arguments}")
sys.addaudithook(hook)
tools = 0
for server in mcp_servers.__all__:
    module = getattr(mcp_servers, server)
    tools += sum(callable(getattr(module, tool)) for tool in module.__all__)
print(json.dumps({"tools": tools, "unusual": sorted(unusual)}))
"""


def test_every_tool_of_the_corpus_becomes_a_module_of_definitions_alone() -> None:
    tools = sum(len(listing.tools) for listing in corpus().values())
    files = corpus_files()
    modules = [path for path in files if path not in SHARED and not path.endswith("/__init__.py")]

    assert PythonPackage(corpus()).findings == ()
    assert len(modules) == tools >= 10_000
    assert [
        path
        for path in files
        if path not in {"_runtime.py", "_resources.py", "_client.py"} and foreign_statements(files[path])
    ] == []


def test_every_module_of_the_corpus_is_python_3_11() -> None:
    for path, text in corpus_files().items():
        compile(ast.parse(text, path, feature_version=(3, 11)), path, "exec", dont_inherit=True)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_every_tool_of_the_corpus_has_a_signature_and_a_page_within_its_bounds(step: int) -> None:
    tools = [tool for listing in corpus().values() for tool in listing.tools]
    for tool in tools[::step]:
        line = signature(tool)
        assert "\n" not in line
        assert count(line) <= 300, tool.id
        assert count(document(tool)) <= 600, tool.id


def test_importing_every_tool_of_the_corpus_runs_nothing_but_definitions(tmp_path: Path) -> None:
    write_package(corpus_files(), tmp_path / "mcp_servers")
    done = subprocess.run(
        [sys.executable, "-B", "-c", _IMPORT_ALL], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout)

    assert report["unusual"] == []
    assert report["tools"] == sum(len(listing.tools) for listing in corpus().values())


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["ty", "pyright"])
def test_the_whole_corpus_passes_strict_type_checks(checker: str, tmp_path: Path) -> None:
    write_package(corpus_files(), tmp_path / "mcp_servers")

    assert complaints(checker, tmp_path) == ""
