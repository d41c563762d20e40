"""Programs of both languages import the skills of their agent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from underpass import Underpass
from underpass.skills.loading.in_memory import SkillsInMemory
from underpass.skills.skill import SkillDraft, Use

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R45")]
PYTHON = '''async def double(x: int) -> int:
    """Double a number."""
    return x * 2
'''
TYPESCRIPT = """/** Double a number. */
export async function double(x: number): Promise<number> { return x * 2; }
"""
HALF = TYPESCRIPT.replace("* 2", "/ 2").replace("double", "half")
LOOPING = (
    "from skills import odd\nasync def even(n: int) -> bool:\n    return n == 0 or await odd.odd(n - 1)\n"
)


class Noted:
    def __init__(self) -> None:
        self.uses: list[Use] = []

    def note(self, use: Use) -> None:
        self.uses.append(use)


@pytest.fixture
async def up(tmp_path: Path) -> AsyncGenerator[Underpass]:
    async with Underpass.open({}, home=tmp_path) as opened:
        skills = SkillsInMemory()
        skills.put(SkillDraft("double-it", "Doubles.", "python", PYTHON, "double"))
        skills.put(SkillDraft("json", "Doubles.", "python", PYTHON, "double"))
        skills.put(SkillDraft("half-it", "Halves.", "typescript", HALF, "half"))
        skills.put(SkillDraft("double-ts", "Doubles.", "typescript", TYPESCRIPT, "double"))
        skills.put(SkillDraft("even", "Even.", "python", LOOPING, "even"))
        odd = LOOPING.replace("odd", "x").replace("even", "odd").replace("x", "even")
        skills.put(SkillDraft("odd", "Odd.", "python", odd.replace("n == 0 or", "n != 0 and"), "odd"))
        opened.skill_programs.source = skills
        yield opened


@pytest.mark.parametrize(
    "code",
    [
        "from skills import double_it\nawait double_it.double(x=4)",
        "import skills.double_it\nawait skills.double_it.double(4)",
        "from skills.double_it import double\nawait double(4)",
        "from skills.double_it import v1_0_0\nawait v1_0_0.double(4)",
        "from skills import json\nawait json.double(4)",
    ],
)
async def test_a_python_program_imports_a_skill(up: Underpass, code: str) -> None:
    result = await up.run(code, check=False)
    assert (result.error, result.value) == (None, 8)


async def test_uses_are_counted_and_bounded_in_frames(up: Underpass) -> None:
    noted = up.skill_programs.uses = Noted()
    result = await up.run(
        "from skills import double_it\nfor n in range(50):\n    await double_it.double(n)", check=False
    )
    assert result.error is None
    assert len(noted.uses) == 50
    assert {(use.name, use.ok, use.run) for use in noted.uses} == {("double-it", True, result.run)}


async def test_skills_that_import_each_other_work_in_python(up: Underpass) -> None:
    noted = up.skill_programs.uses = Noted()
    result = await up.run("from skills import even\nawait even.even(6)", check=False)
    assert (result.error, result.value) == (None, True)
    assert [use.name for use in noted.uses] == ["even"]


async def test_a_wrong_argument_is_found_before_anything_runs(up: Underpass) -> None:
    wrong = await up.run("from skills import double_it\nprint(1)\nawait double_it.double(y=1)")
    kind = await up.run("from skills import double_it\nawait double_it.double(x='a')")
    for result, word in ((wrong, "'y'"), (kind, "must be int")):
        assert result.error is not None
        assert result.error.type == "ValidationFailed"
        assert word in result.error.message
        assert result.stdout == ""


async def test_what_cannot_be_imported_says_why_and_what_to_do(up: Underpass) -> None:
    missing = await up.run("from skills import doubl_it", check=False)
    other = await up.run("from skills import half_it", check=False)
    caught = await up.run("try:\n    import skills.nothing\nexcept ImportError:\n    x = 1\nx")
    assert missing.error is not None
    assert other.error is not None
    assert (missing.error.type, caught.value) == ("ImportError", 1)
    assert "did you mean 'double-it'" in missing.error.message
    assert "written in TypeScript" in other.error.message


async def test_a_typescript_program_imports_a_skill(up: Underpass) -> None:
    noted = up.skill_programs.uses = Noted()
    code = 'import { double } from "skills/double-ts";\nimport { half } from "skills/half-it@1.0.0";\n'
    result = await up.run(code + "await double(await half(6))", language="typescript", check=False)
    refused = await up.run(
        'let m = ""; try { await import("skills/double-it") } catch (e) { m = e.message } m',
        language="typescript",
        check=False,
    )
    assert (result.error, result.value) == (None, 6)
    assert [use.name for use in noted.uses] == ["half-it", "double-ts"]
    assert "written in Python" in refused.value
