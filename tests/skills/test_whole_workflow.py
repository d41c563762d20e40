"""From a question to a skill that another agent uses, on a real server, in both languages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.cli.command_line import write_config
from tests.servers.catalogs import HOSTILE

from underpass import Underpass
from underpass.skills.skill import Language

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R41", "R45", "R46", "R47")]

PYTHON = '''
from mcp_runtime import call_tool

async def longest_word(texts: list[str]) -> dict[str, object]:
    """Find the longest word that the server echoes."""
    words = []
    for text in texts:
        words += (await call_tool("hostile", "echo", {"value": text}))["value"].split()
    return {"words": len(words), "longest": max(words, key=len)}
'''
TYPESCRIPT = """
import { callTool } from "mcp-runtime";

/** Find the longest word that the server echoes. */
export async function longestWord({ texts }: { texts: string[] }) {
  const words: string[] = [];
  for (const value of texts) {
    const echoed = await callTool("hostile", "echo", { value }) as { value: string };
    words.push(...echoed.value.split(" "));
  }
  return { words: words.length, longest: words.reduce((a, b) => (b.length > a.length ? b : a)) };
}
"""
CODE: dict[Language, str] = {"python": PYTHON, "typescript": TYPESCRIPT}
FIRST: dict[Language, str] = {
    "python": f"{PYTHON}\nawait longest_word(['a bcd', 'ef'])",
    "typescript": f"{TYPESCRIPT}\nawait longestWord({{ texts: ['a bcd', 'ef'] }})",
}
USE: dict[Language, str] = {
    "python": "from skills import longest_word\nawait longest_word.longest_word(texts=['x yz', 'four'])",
    "typescript": 'import { longestWord } from "skills/longest-word";\n'
    "await longestWord({ texts: ['x yz', 'four'] })",
}


@pytest.mark.parametrize("language", ["python", "typescript"])
async def test_what_worked_once_is_found_and_used_by_another_agent(
    tmp_path: Path, language: Language
) -> None:
    write_config(tmp_path, hostile={"command": sys.executable, "args": [str(HOSTILE)]})
    async with Underpass.open(tmp_path / ".mcp.json") as up:
        # The question leads to a tool, whose documentation says how it is called.
        [hit, *_] = await up.search_tools("echo a value")
        assert (hit.server, hit.name) == ("hostile", "echo")
        assert "echo" in (await up.get_tool_documentation(["hostile.echo"]))["hostile.echo"]
        # The code runs in the sandbox, and only its answer comes back.
        first = await up.run(FIRST[language], agent="first", language=language, check=False)
        assert first.value == {"words": 3, "longest": "bcd"}, first.error
        assert [call.tool for call in first.tool_calls] == ["echo", "echo"]
        # What worked becomes a skill, with a case that holds what the tools have answered.
        skill = await up.skills.save(
            "longest-word",
            "Finds the longest word of texts that the server echoes.",
            CODE[language],
            language=language,
            cases=[{"arguments": {"texts": ["a bcd", "ef"]}, "result": first.value}],
            scope="project",
            agent="first",
        )
        assert list(skill.draft.tools) == ["hostile.echo"]
        assert [call.value for call in skill.draft.cases[0].calls] == [{"value": "a bcd"}, {"value": "ef"}]
        # Another agent finds it and imports it.
        [found, *_] = await up.skills.search("longest word", "second", language=language)
        assert found.name == "longest-word"
        second = await up.run(USE[language], agent="second", language=language, check=False)
        assert second.value == {"words": 3, "longest": "four"}, second.error
        assert [call.tool for call in second.tool_calls] == ["echo", "echo"]
        # Its use is counted, and so are the runs and what they kept out of the context.
        shown = await up.skills.show("longest-word", "second")
        assert (shown.figures.uses, shown.figures.success) == (1, 1.0)
        assert shown.figures.last_used is not None
        assert up.statistics.summary().runs >= 2
        called = await up.skills.run("longest-word", {"texts": ["one"]}, "third")
        assert called.value == {"words": 1, "longest": "one"}, called.error
        [verified] = await up.skills.verify("longest-word")
        assert verified.ok


async def test_a_program_saves_what_it_has_done_to_its_own_library_alone(tmp_path: Path) -> None:
    write_config(tmp_path, hostile={"command": sys.executable, "args": [str(HOSTILE)]})
    program = f"""
from mcp_runtime import save_skill, search_skills, list_skills
CODE = {PYTHON!r}
module = {{}}
exec(CODE, module)
result = await module["longest_word"](["a bcd", "ef"])
case = {{"arguments": {{"texts": ["a bcd", "ef"]}}, "result": result}}
saved = await save_skill("longest-word", "Finds the longest word.", CODE, cases=[case])
try:
    await save_skill("longest-word", "Finds the longest word.", CODE, scope="project")
except Exception as error:
    refused = str(error)
wrong = {{"arguments": {{"texts": ["a bcd", "ef"]}}, "result": 1}}
try:
    await save_skill("wrong", "Finds the longest word.", CODE, cases=[wrong])
except Exception as error:
    failed = str(error)
found = [each["name"] for each in await search_skills("longest word")]
[saved["scope"], saved["import"], refused, failed, found, len(await list_skills())]
"""
    async with Underpass.open(tmp_path / ".mcp.json") as up:
        result = await up.run(program, agent="first", check=False)
        assert result.error is None, result.error
        scope, line, refused, failed, found, count = result.value
        assert (scope, line) == ("agent", "from skills import longest_word")
        assert "to its agent's own library" in refused
        assert "does not pass its case" in failed
        assert (found, count) == (["longest-word"], 1)
        assert [hit.name for hit in await up.skills.list("first")] == ["longest-word"]
        assert await up.skills.list("second") == []
