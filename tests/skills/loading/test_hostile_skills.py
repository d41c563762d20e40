"""Skills that never end, that go round in circles, or whose names are others'; and files in their place."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from underpass import Underpass
from underpass.skills.loading.in_memory import SkillsInMemory
from underpass.skills.skill import SkillDraft

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R45")]

PYTHON = {
    "forever": "async def forever() -> int:\n    while True:\n        pass\n",
    "at-import": "while True:\n    pass\n\nasync def at_import() -> int:\n    return 1\n",
    "deeper": "async def deeper(n: int = 0) -> int:\n    return await deeper(n + 1)\n",
    "itself": "from skills import itself\n\nasync def again(n: int) -> int:\n"
    "    return 0 if n == 0 else 1 + await itself.again(n - 1)\n",
    "json": "async def dumps(x: object) -> str:\n    return 'no JSON'\n",
    "os": "async def getcwd() -> str:\n    return 'nowhere'\n",
    "true-one": "async def true_one() -> int:\n    return 1\n",
    "ping": "from skills.pong import answer\n\nasync def ask() -> int:\n    return await answer()\n",
    "pong": "from skills.ping import ask\n\nasync def answer() -> int:\n    return 1\n",
}
TYPESCRIPT = {
    "forever-ts": "export async function forever() { while (true) {} }",
    "deeper-ts": "export async function deeper(n: number): Promise<number> { return await deeper(n + 1); }",
    "itself-ts": 'import { me as again } from "skills/itself-ts";\n'
    "export async function me() { return again; }",
    "ping-ts": 'import { answer } from "skills/pong-ts";\nexport async function ask() { return answer(); }',
    "pong-ts": 'import { ask } from "skills/ping-ts";\nexport async function answer() { return ask(); }',
    "true-ts": "export async function one() { return 1; }",
}
NAMES = {"itself": "again", "json": "dumps", "os": "getcwd", "ping": "ask", "pong": "answer",
         "forever-ts": "forever", "deeper-ts": "deeper", "itself-ts": "me", "ping-ts": "ask",
         "pong-ts": "answer", "true-ts": "one"}  # fmt: skip


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncGenerator[Underpass]:
    home: Path = tmp_path_factory.mktemp("hostile")
    async with Underpass.open({}, home=home) as opened:
        # No library takes all of these; they could stand in one that somebody trusts.
        skills = SkillsInMemory()
        for name, code in PYTHON.items():
            skills.put(SkillDraft(name, "Hostile.", "python", code, NAMES.get(name, name.replace("-", "_"))))
        for name, code in TYPESCRIPT.items():
            skills.put(SkillDraft(name, "Hostile.", "typescript", code, NAMES[name]))
        opened.skill_programs.source = skills
        yield opened


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("from skills import forever\nprint(1, flush=True)\nawait forever.forever()", "python"),
        ("print(1, flush=True)\nfrom skills import at_import", "python"),
        ('import { forever } from "skills/forever-ts";\nconsole.log(1);\nawait forever()', "typescript"),
    ],
)
async def test_a_skill_that_never_ends_is_ended_with_its_run(up: Underpass, code: str, language: str) -> None:
    result = await up.run(code, language=language, timeout=1.5, check=False)
    assert result.error is not None
    assert result.error.type == "Timeout"
    assert (await up.run("1", check=False)).value == 1


async def test_a_skill_that_calls_itself_without_end_fails_as_any_function(up: Underpass) -> None:
    python = await up.run("from skills import deeper\nawait deeper.deeper()", check=False)
    typescript = await up.run(
        'import { deeper } from "skills/deeper-ts";\nawait deeper(0)', language="typescript", check=False
    )
    assert python.error is not None
    assert python.error.data["exception"] == "RecursionError"
    assert typescript.error is not None
    assert typescript.error.data["exception"] == "RangeError"


async def test_a_python_skill_may_import_itself(up: Underpass) -> None:
    result = await up.run("from skills import itself\nawait itself.again(3)", check=False)
    assert (result.error, result.value) == (None, 3)


async def test_a_circle_that_cannot_be_imported_is_named(up: Underpass) -> None:
    python = await up.run("from skills import ping\nawait ping.ask()", check=False)
    assert python.error is not None
    assert python.error.type == "ImportError"
    assert "the skill 'ping' cannot be imported" in python.error.message
    assert "'pong'" in python.error.message
    for name, asked, circle in (
        ("itself-ts", "me", "skills/itself-ts → skills/itself-ts"),
        ("ping-ts", "ask", "skills/ping-ts → skills/pong-ts → skills/ping-ts"),
    ):
        code = f'import {{ {asked} }} from "skills/{name}";\nawait {asked}()'
        typescript = await up.run(code, language="typescript", check=False)
        assert typescript.error is not None
        assert typescript.error.type == "SkillInvalid"
        assert circle in typescript.error.message


async def test_files_of_the_workspace_do_not_take_the_place_of_skills(up: Underpass) -> None:
    await up.run(
        """
import os
os.makedirs("skills", exist_ok=True)
for name in ("skills.py", "skills/__init__.py", "skills/true_one.py", "skills/true-ts.ts", "skills/true-ts"):
    with open(name, "w") as file:
        file.write("async def true_one():\\n    return 'another'\\n")
""",
        check=False,
    )
    for code in (
        "from skills import true_one\nawait true_one.true_one()",
        "import sys\nsys.path.insert(0, '.')\nimport skills.true_one\nawait skills.true_one.true_one()",
    ):
        result = await up.run(code, check=False)
        assert (result.error, result.value) == (None, 1)
    code = 'import { one } from "skills/true-ts";\nawait one()'
    result = await up.run(code, language="typescript", check=False)
    assert (result.error, result.value) == (None, 1)


async def test_a_skill_with_the_name_of_a_standard_module_stands_beside_it(up: Underpass) -> None:
    result = await up.run(
        """
import json
import os
from skills import json as mine, os as ours
[json.dumps([1]), await mine.dumps(1), os.getcwd() == await ours.getcwd(), await ours.getcwd()]
""",
        check=False,
    )
    assert (result.error, result.value) == (None, ["[1]", "no JSON", False, "nowhere"])
