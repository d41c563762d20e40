"""Nothing comes of any attempt, whoever starts the sandbox."""

from __future__ import annotations

import platform
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.escape.corpus import AREAS, NAMES
from tests.escape.weaker import WEAKER, WHAT_HOLDS

pytestmark = [
    pytest.mark.requirement("R11", "R14", "R15", "R43"),
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64",
        reason="the attempts use numbers of x86-64",
    ),
]


@pytest.mark.parametrize("name", NAMES)
def test_an_attempt_comes_to_nothing(as_ourselves: dict[str, Any], name: str) -> None:
    assert as_ourselves["verdicts"][name] == ""


@pytest.mark.parametrize("name", NAMES)
def test_an_attempt_comes_to_nothing_when_an_ordinary_user_started_it(
    as_ordinary_user: dict[str, Any], name: str
) -> None:
    assert as_ordinary_user["verdicts"][name] == ""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WEAKER])
def test_an_attempt_comes_to_nothing_where_namespaces_are_forbidden(
    without_namespaces: dict[str, Any], name: str
) -> None:
    assert without_namespaces["verdicts"][name] == ""


@pytest.mark.parametrize("name", WEAKER)
def test_what_gets_somewhere_without_namespaces_is_known_and_gets_no_farther(
    without_namespaces: dict[str, Any], name: str
) -> None:
    assert without_namespaces["verdicts"][name] != "", "it comes to nothing: take it off the list"
    assert without_namespaces["verdicts"][f"{name}{WHAT_HOLDS}"] == ""


def test_results_say_whether_there_were_namespaces(
    as_ourselves: dict[str, Any], without_namespaces: dict[str, Any]
) -> None:
    assert as_ourselves["sandbox"] == "process"
    assert without_namespaces["sandbox"] == "process-landlock"


def test_the_documentation_names_every_attempt_that_gets_somewhere_without_namespaces() -> None:
    text = _security()
    assert [name for name in WEAKER if f"| {name} |" not in text] == []
    assert f"{len(WEAKER)} of the" in text
    assert set(WEAKER) <= set(NAMES)


def test_every_attempt_has_a_name_of_its_own_and_an_origin() -> None:
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []
    assert all(attempt.origin for area in AREAS.values() for attempt in area.attempts)
    assert sum(len(area.attempts) for area in AREAS.values()) >= 150


def test_the_documentation_counts_the_attempts_of_each_area() -> None:
    found = re.findall(r"^\| (\w+) \| (\d+) \|", _security(), re.MULTILINE)
    counted = {name: int(count) for name, count in found}
    sizes = {name: len(area.attempts) for name, area in AREAS.items()}
    assert counted == {**sizes, "all": sum(sizes.values())}


def _security() -> str:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"
    return page.read_text(encoding="utf-8")
