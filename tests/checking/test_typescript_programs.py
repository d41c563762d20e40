"""What happens to each TypeScript program before it runs."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest
from tests.checking.typescript_programs import RIGHT, WRONG

from underpass.checking.checker import Checker

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("R13"),
    pytest.mark.skipif(
        shutil.which("deno") is None and not (Path(sysconfig.get_path("scripts")) / "deno").is_file(),
        reason="Deno comes with the extra `typescript`",
    ),
]


@pytest.mark.parametrize("name", RIGHT)
async def test_a_program_that_runs_well_passes_however_loose_it_is(checker: Checker, name: str) -> None:
    verdict = await checker.begin(RIGHT[name].lstrip("\n"), "typescript").verdict()
    assert (verdict.checked, verdict.problems) == (True, ())


@pytest.mark.parametrize("name", WRONG)
async def test_a_program_that_would_fail_is_told_the_line_and_what_is_right(
    checker: Checker, name: str
) -> None:
    code, line, words = WRONG[name]
    verdict = await checker.begin(code, "typescript").verdict()
    refusal = verdict.refusal()
    assert refusal is not None, verdict
    assert [problem.line for problem in verdict.problems] == [line]
    for word in words:
        assert word in refusal.message
