"""The list of requirements and the tests' marks say the same."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
from tests.requirements import REQUIREMENTS

HERE = Path(__file__).parent
PLANNED = {f"R{number:02}" for number in range(1, 51)}


def marks() -> dict[str, set[str]]:
    """The files in which each requirement's mark stands."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in HERE.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="requirement"), args=numbers):
                    for number in numbers:
                        assert isinstance(number, ast.Constant)
                        found[str(number.value)].add(path.relative_to(HERE).as_posix())
                case _:
                    pass
    return found


def test_every_planned_requirement_is_listed_and_no_other() -> None:
    assert set(REQUIREMENTS) == PLANNED


def test_no_test_names_an_unknown_requirement() -> None:
    assert set(marks()) <= PLANNED


@pytest.mark.parametrize("number", sorted(PLANNED))
def test_a_requirement_is_shown_where_the_list_says(number: str) -> None:
    assert set(REQUIREMENTS[number]) == marks().get(number, set())


def test_the_list_names_files_that_exist_once_each() -> None:
    for number, files in REQUIREMENTS.items():
        assert re.fullmatch(r"R\d\d", number)
        assert len(files) == len(set(files))
        assert all((HERE / file).is_file() for file in files)
