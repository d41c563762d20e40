"""A short form of the simulation that ``benchmarks/skills.py`` runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.skills import simulate

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.requirement("R48")]


async def test_what_recurs_is_found_and_nothing_else(tmp_path: Path) -> None:
    found = await simulate(tmp_path, 10, 30, 120)
    assert (found.skills, found.duplicates, found.one_offs, found.recurring) == (10, 0, 0, 10), found
