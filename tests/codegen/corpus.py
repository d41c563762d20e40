"""The large collection of real tool definitions."""

from functools import cache
from pathlib import Path

from tests.shared_data import shared_data

from underpass.catalog.definition import Listing
from underpass.codegen.manifest import read_manifest
from underpass.codegen.python import PythonPackage
from underpass.codegen.typescript import TypeScriptPackage


def corpus() -> dict[str, Listing]:
    """Every definition of the collection by server; the test is skipped where it is not."""
    return _corpus(shared_data("tools", "corpus.jsonl.gz"))


@cache
def _corpus(path: Path) -> dict[str, Listing]:
    return read_manifest(path)


@cache
def corpus_files() -> dict[str, str]:
    """The whole package generated for the collection."""
    return PythonPackage(corpus()).files()


@cache
def corpus_typescript() -> dict[str, str]:
    """The whole TypeScript package generated for the collection."""
    return TypeScriptPackage(corpus()).files()
