"""What is wrong with a call of a skill is found before anything of the program runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from underpass import Underpass

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R45")]

PYTHON = '''async def double(x: int, unit: str = "") -> int:
    """Double a number."""
    return x * 2
'''
BY_PLACE = """/** Double. */
export async function double(x: number, unit?: string): Promise<number> { return x * 2; }
"""
BY_NAME = """/** Triple. */
export async function triple({ x, unit }: { x: number; unit?: string }): Promise<number> { return x * 3; }
"""
IMPORTS = """import { double } from "skills/double-ts";
import { triple } from "skills/triple-ts";
import * as whole from "skills/triple-ts";
"""
SIX = "const six = ({ n }: { n: number }) => 6 * n;\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncGenerator[Underpass]:
    home: Path = tmp_path_factory.mktemp("checked")
    async with Underpass.open({}, home=home) as opened:
        await opened.skills.save("double", "Doubles.", PYTHON)
        await opened.skills.save("double-ts", "Doubles.", BY_PLACE, language="typescript")
        await opened.skills.save("triple-ts", "Triples.", BY_NAME, language="typescript")
        yield opened


async def refused(up: Underpass, code: str, language: str) -> str:
    result = await up.run(code, language=language)
    assert result.error is not None
    assert (result.error.type, result.stdout) == ("ValidationFailed", ""), result.error
    return result.error.message


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("double.double('a')", "'a' must be int"),
        ("double.double(1, unit=2)", "unit must be str"),
        ("double.double()", "required parameter 'x'"),
        ("double.double(1, y=2)", "Argument 'y'"),
        ("double.doubled(1)", "the skill 'double' has no 'doubled'"),
    ],
)
async def test_a_wrong_call_is_found_in_python(up: Underpass, call: str, told: str) -> None:
    assert told in await refused(up, f"from skills import double\nprint(1)\nawait {call}", "python")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ('double("a")', 'skills/double-ts: "a" must be number, not string'),
        ("double(1, 2)", "skills/double-ts: 2 must be string, not number"),
        ("double()", "Expected 1-2 arguments, but got 0"),
        ('triple({ x: "a" })', "skills/triple-ts: x must be number, not string"),
        ("triple({ x: 1, unit: 2 })", "skills/triple-ts: unit must be string, not number"),
        ('triple({ unit: "m" })', "skills/triple-ts needs x"),
        ("triple({})", "skills/triple-ts needs x"),
        ("triple({ x: 1, y: 2 })", "skills/triple-ts has no parameter 'y'"),
        ("triple(4)", "skills/triple-ts: 4 must be { x: number"),
        ("triple(\n  {\n    x: 1, // (\n    y: 2,\n  },\n)", "skills/triple-ts has no parameter 'y'"),
        ('triple({\n  unit: "}",\n  x: `${1}`,\n})', "skills/triple-ts: x must be number, not string"),
        ("triple({\n  unit: 'm',\n})", "skills/triple-ts needs x"),
        ("double(\n  1,\n  2,\n)", "skills/double-ts: 2 must be string, not number"),
        ('double(1, "m", 3)', "skills/double-ts takes 1-2 arguments, and not 3"),
        ('triple(\n  { x: 1 },\n  "m",\n)', "skills/triple-ts takes 1 arguments, and not 2"),
        ("whole.triple({ x: 1, y: 2 })", "skills/triple-ts has no parameter 'y'"),
    ],
)
async def test_a_wrong_call_is_found_in_typescript(up: Underpass, call: str, told: str) -> None:
    assert told in await refused(up, f"{IMPORTS}console.log(1);\nawait {call}", "typescript")


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("from skills import double\nawait double.double(2, unit='m') + 2", "python"),
        ("import json\nfrom skills import double\nawait double.double(json.loads('3'))", "python"),
        (f"{IMPORTS}const x: any = JSON.parse('1');\nawait double(x) + 4 * await double(0.5)", "typescript"),
        (f"{IMPORTS}const more = {{ unit: 'm' }};\nawait triple({{ x: 2, ...more }})", "typescript"),
        (f"{IMPORTS}const given: any = {{ x: 2 }};\nawait triple(given)", "typescript"),
        (f"{IMPORTS}{SIX}await triple({{ x: 2 }}), six({{ n: 1, m: 2 }})", "typescript"),
        (f"{IMPORTS}{SIX}await triple({{ x: six({{\n n: 2, m: 3 }}) / 6 }})", "typescript"),
    ],
)
async def test_a_call_that_may_work_runs(up: Underpass, code: str, language: str) -> None:
    result = await up.run(code, language=language)
    assert (result.error, result.value) == (None, 6)


async def test_a_skill_that_was_removed_is_missed_at_once(up: Underpass) -> None:
    await up.skills.save("gone-soon", "Doubles.", PYTHON.replace("double", "gone_soon"))
    code = "from skills import gone_soon\nawait gone_soon.gone_soon(3)"
    assert (await up.run(code)).value == 6
    await up.skills.archive("gone-soon", "agent")
    assert "gone-soon" in await refused(up, f"print(1)\n{code}", "python")
    told = await refused(up, 'console.log(1);\nimport { a } from "skills/tripl-ts";\na', "typescript")
    assert "did you mean 'triple-ts'?" in told
