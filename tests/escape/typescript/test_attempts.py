"""Nothing comes of any attempt in TypeScript, whoever starts the sandbox."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.escape.typescript.corpus import AREAS, FORKED_NAMES, NAMES, SESSION_NAMES

pytestmark = [
    pytest.mark.requirement("R05", "R11", "R14", "R15", "R43"),
    pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's"),
]


@pytest.mark.parametrize("name", [*NAMES, *FORKED_NAMES, *SESSION_NAMES])
def test_an_attempt_comes_to_nothing(typescript_as_ourselves: dict[str, Any], name: str) -> None:
    assert typescript_as_ourselves["verdicts"][name] == ""


@pytest.mark.parametrize("name", [*NAMES, *FORKED_NAMES, *SESSION_NAMES])
def test_an_attempt_comes_to_nothing_when_an_ordinary_user_started_it(
    typescript_as_ordinary_user: dict[str, Any], name: str
) -> None:
    assert typescript_as_ordinary_user["verdicts"][name] == ""


def test_every_attempt_has_a_name_of_its_own_and_an_origin() -> None:
    assert [name for name, count in Counter(NAMES).items() if count > 1] == []
    assert all(attempt.origin for area in AREAS.values() for attempt in area.attempts)
    assert sum(len(area.attempts) for area in AREAS.values()) >= 40


def test_the_documentation_counts_the_attempts() -> None:
    text = (Path(__file__).parents[3] / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
    counted = {
        name: int(count)
        for name, count in re.findall(r"^\| `(typescript-\w+)` \| (\d+) \|", text, re.MULTILINE)
    }
    assert counted == {name: len(area.attempts) for name, area in AREAS.items()}
