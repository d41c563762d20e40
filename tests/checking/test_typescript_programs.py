"""What happens to each TypeScript program before it runs."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import anyio
import pytest
from tests.checking.typescript_programs import RIGHT, WRONG

from underpass.checking.checker import Checker
from underpass.sandbox import deno_binary

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("R13"),
    pytest.mark.skipif(not deno_binary.is_installed(), reason="Deno comes with the extra `typescript`"),
]


@pytest.mark.parametrize("name", RIGHT)
async def test_a_program_that_runs_well_passes_however_loose_it_is(checker: Checker, name: str) -> None:
    verdict = await checker.begin(RIGHT[name].lstrip("\n"), "typescript").verdict()
    assert (verdict.checked, verdict.problems) == (True, ())


async def test_everything_that_deno_gives_a_program_is_known(checker: Checker) -> None:
    listing = (
        'console.log(Object.getOwnPropertyNames(globalThis).filter((n) => /^[\\w$]+$/.test(n)).join("\\n"))'
    )
    with TemporaryDirectory() as home:
        done = await anyio.run_process(
            [deno_binary.find(), "eval", "--no-config", listing], env={"DENO_DIR": home, "HOME": home}
        )
    names = done.stdout.decode().split()
    assert len(names) > 150
    verdict = await checker.begin(";\n".join(names), "typescript").verdict()
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
