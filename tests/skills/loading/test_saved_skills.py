"""Programs import skills of real libraries, which call the tools of a real server."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.servers.catalogs import HOSTILE

from underpass import Underpass
from underpass.errors import SkillNotFound
from underpass.skills.skill import Language

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R45")]

PYTHON = '''
from mcp_runtime import call_tool

async def say(text: str) -> str:
    """Say what the server echoes."""
    return (await call_tool("hostile", "echo", {"value": text}))["value"]
'''
TYPESCRIPT = """
import { callTool } from "mcp-runtime";

/** Say what the server echoes. */
export async function say(text: string): Promise<string> {
  const echoed = await callTool("hostile", "echo", { value: text }) as { value: string };
  return echoed.value;
}
"""
CODE: dict[Language, str] = {"python": PYTHON, "typescript": TYPESCRIPT}
USE: dict[Language, str] = {
    "python": "from skills import say\nawait say.say('a')",
    "typescript": 'import { say } from "skills/say";\nawait say("a")',
}
DENIED: dict[Language, str] = {
    "python": """
from mcp_runtime import PermissionDenied
from skills import say
try:
    told = await say.say("a")
except PermissionDenied as error:
    told = error.message
told
""",
    "typescript": """
import { PermissionDenied } from "mcp-runtime";
import { say } from "skills/say";
let told = "";
try {
  told = await say("a");
} catch (error) {
  if (!(error instanceof PermissionDenied)) throw error;
  told = error.message;
}
told
""",
}
DENY: list[Mapping[str, Any]] = [{"server": "hostile", "tool": "echo", "decision": "deny", "reason": "quiet"}]
BOTH: tuple[Language, ...] = ("python", "typescript")


def plain(value: int, name: str = "say") -> str:
    return f'async def {name}(text: str = "") -> int:\n    """Say a number."""\n    return {value}\n'


def echoing(folder: Path, **tool: Any) -> Mapping[str, Any]:
    """A server whose tool ``echo`` is defined as ``tool`` says; without a lock that would refuse changes."""
    listed = {"name": "echo", "description": "Echoes.", "inputSchema": {"type": "object"}, **tool}
    (folder / "tools.json").write_text(json.dumps([listed]))
    args = [str(HOSTILE), f"tools={folder / 'tools.json'}"]
    return {"hostile": {"command": sys.executable, "args": args}}


async def save(up: Underpass, language: Language) -> None:
    # A function in TypeScript that takes one text is called by position, which recorded cases are not.
    cases = [{"arguments": {"text": "a"}, "result": "a"}] if language == "python" else []
    await up.skills.save(
        "say", "Says what is echoed.", CODE[language], language=language, cases=cases, scope="project"
    )


@pytest.mark.parametrize("language", BOTH)
@pytest.mark.requirement("R14")
async def test_a_denied_tool_stays_denied_inside_a_skill(tmp_path: Path, language: Language) -> None:
    config = echoing(tmp_path)
    async with Underpass.open(config, home=tmp_path) as up:
        await save(up, language)
        assert (await up.run(USE[language], language=language, check=False)).value == "a"
    async with Underpass.open(config, home=tmp_path, settings={"policy.rules": DENY}) as up:
        result = await up.run(DENIED[language], language=language, check=False)
    assert result.error is None, result.error
    assert "quiet" in result.value


@pytest.mark.requirement("R48")
async def test_a_skill_is_tested_again_where_its_tool_has_changed(tmp_path: Path) -> None:
    async with Underpass.open(echoing(tmp_path), home=tmp_path) as up:
        await save(up, "python")
    async with Underpass.open(echoing(tmp_path, description="Echoes all."), home=tmp_path) as up:
        result = await up.run(USE["python"], check=False)
    assert (result.error, result.value) == (None, "a")
    needing = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    async with Underpass.open(echoing(tmp_path, inputSchema=needing), home=tmp_path) as up:
        result = await up.run(f"print(1)\n{USE['python']}", check=False)
        caught = await up.run("try:\n    import skills.say\nexcept ImportError as e:\n    x = str(e)\nx")
    assert result.error is not None
    assert result.error.type == "ImportError"
    assert "skill 'say' is stale: hostile.echo changed (description, inputSchema)" in result.error.message
    assert "correct its code and save it again" in f"{result.error.message} {result.error.hint}"
    assert not result.tool_calls
    assert "is stale" in caught.value


@pytest.mark.requirement("R48")
async def test_a_stale_skill_without_cases_is_an_error_in_typescript_that_can_be_caught(
    tmp_path: Path,
) -> None:
    async with Underpass.open(echoing(tmp_path), home=tmp_path) as up:
        await save(up, "typescript")
    program = """
let told = [];
try { await import("skills/say") } catch (e) { told = [e.constructor.name, e.message, e.hint] }
told
"""
    async with Underpass.open(echoing(tmp_path, description="Echoes all."), home=tmp_path) as up:
        plainly = await up.run(USE["typescript"], language="typescript", check=False)
        caught = await up.run(program, language="typescript", check=False)
    assert plainly.error is not None
    assert plainly.error.type == "SkillStale"
    assert caught.value[0] == "SkillStale"
    assert "hostile.echo changed (description)" in caught.value[1]
    assert caught.value[2]


async def test_a_skill_that_waits_for_approval_is_refused_and_an_older_version_is_not(
    tmp_path: Path,
) -> None:
    async with Underpass.open({}, home=tmp_path) as up:
        for value in (1, 2):
            await up.skills.save("say", "Says a number.", plain(value), scope="project")
        file = tmp_path / "skills" / "say" / "scripts" / "say.py"
        file.write_text(file.read_text().replace("return 2", "return 3"))
        result = await up.run("from skills import say\nawait say.say()", check=False)
        older = await up.run("from skills.say import v1_0_0\nawait v1_0_0.say()", check=False)
        checked = await up.run("from skills.say import v1_0_0\nawait v1_0_0.say()")
        unsure = await up.run("print(1)\nfrom skills import say\nawait say.say()")
        [waiting] = await up.skills.review()
        await up.skills.approve("say", "project", digest=waiting.digest)
        approved = await up.run("from skills import say\nawait say.say()", check=False)
    assert result.error is not None
    assert result.error.type == "ImportError"
    assert "nobody has approved it" in result.error.message
    assert "underpass skills review say" in f"{result.error.message} {result.error.hint}"
    assert (older.error, older.value) == (None, 1)
    assert (checked.error, checked.value) == (None, 1)
    assert unsure.error is not None
    assert (unsure.error.type, unsure.stdout) == ("ValidationFailed", "")
    assert (approved.error, approved.value) == (None, 3)


async def test_an_unknown_skill_suggests_near_names(tmp_path: Path) -> None:
    async with Underpass.open({}, home=tmp_path) as up:
        await up.skills.save("count-words", "Counts words.", plain(1, "count_words"))
        python = await up.run("from skills import count_word", check=False)
        typescript = await up.run('import "skills/count-word"', language="typescript", check=False)
        checked = [
            await up.run("print(1)\nfrom skills import count_word"),
            await up.run('console.log(1); import { a } from "skills/count-word"; a', language="typescript"),
        ]
    for result in (python, typescript, *checked):
        assert result.error is not None
        assert "count-words" in f"{result.error.message} {result.error.hint}"
        assert result.stdout == ""
    assert python.error is not None
    assert typescript.error is not None
    assert (python.error.type, typescript.error.type) == ("ImportError", "SkillNotFound")
    assert {result.error.type for result in checked if result.error} == {"ValidationFailed"}


async def test_a_session_sees_a_new_version_after_a_fresh_import(tmp_path: Path) -> None:
    use = "from skills import say\nawait say.say()"
    async with Underpass.open({}, home=tmp_path) as up:
        await up.skills.save("say", "Says a number.", plain(1))
        values = [(await up.run(use, session="s", check=False)).value]
        await up.skills.save("say", "Says a number.", plain(2))
        values.append((await up.run("await say.say()", session="s", check=False)).value)
        values.append((await up.run(use, session="s", check=False)).value)
    assert values == [1, 1, 2], "what a session holds stays what it is until it is imported again"


async def test_a_kept_result_is_not_given_again_after_the_skill_has_changed(tmp_path: Path) -> None:
    use = "from skills import say\nawait say.say()"
    typescript = 'import { tell } from "skills/tell";\nawait tell()'
    told = "/** Tell. */\nexport async function tell(): Promise<number> { return 1; }"
    async with Underpass.open({}, home=tmp_path) as up:
        await up.skills.save("say", "Says a number.", plain(1), scope="project")
        await up.skills.save("tell", "Tells.", told, language="typescript", scope="project")
        for code, language in ((use, "python"), (typescript, "typescript")):
            first = again = await up.run(code, cache=True, language=language, check=False)
            for _ in range(100):
                # Files that were changed a moment ago count as unknown: a run of these is like no other.
                again = await up.run(code, cache=True, language=language, check=False)
                if again.cached:
                    break
            assert (first.value, again.value) == (1, 1)
            assert again.cached, language
        await up.skills.save("say", "Says a number.", plain(2), scope="project")
        new = told.replace("1;", "2;")
        await up.skills.save("tell", "Tells.", new, language="typescript", scope="project")
        for code, language in ((use, "python"), (typescript, "typescript")):
            changed = await up.run(code, cache=True, language=language, check=False)
            assert (changed.value, bool(changed.cached)) == (2, False)
        await up.skills.archive("say", "project")
        gone = await up.run(use, cache=True, check=False)
        assert gone.error is not None
        with pytest.raises(SkillNotFound):
            await up.skills.run("never-there")


SAVING: dict[Language, str] = {
    "python": f"""
from mcp_runtime import list_skills, save_skill, search_skills
saved = await save_skill("say-one", "Says the number one.", {plain(1, "say_one")!r}, tags=["number"],
                         cases=[{{"arguments": {{"text": "x"}}, "result": 1}}])
found = await search_skills("the number one")
[saved["version"], saved["import"], found[0]["name"], [each["name"] for each in await list_skills()]]
""",
    "typescript": """
import { listSkills, saveSkill, searchSkills } from "mcp-runtime";
const code = "/** Say one. */\\nexport async function sayOne(): Promise<number> { return 1; }";
const description = "Says the number one.";
const saved = await saveSkill({ name: "say-one", description, code, tags: ["number"] });
const found = await searchSkills("the number one");
[saved.version, saved.import, found[0].name, (await listSkills()).map((each) => each.name)]
""",
}


@pytest.mark.parametrize("language", BOTH)
async def test_a_program_saves_a_skill_that_its_own_agent_alone_can_use(
    tmp_path: Path, language: Language
) -> None:
    async with Underpass.open({}, home=tmp_path) as up:
        saved = await up.run(SAVING[language], agent="first", language=language)
        assert saved.error is None, saved.error
        version, line, name, names = saved.value
        assert (version, name, names) == ("1.0.0", "say-one", ["say-one"])
        call = "await say_one.say_one()" if language == "python" else "await sayOne()"
        used = await up.run(f"{line}\n{call}", agent="first", language=language)
        other = await up.run(f"{line}\n{call}", agent="second", language=language, check=False)
    assert (used.error, used.value) == (None, 1)
    assert other.error is not None
    assert other.error.type == ("ImportError" if language == "python" else "SkillNotFound")
