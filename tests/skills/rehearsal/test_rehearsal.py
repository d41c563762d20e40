"""Recorded cases run again: with the recorded answers, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.execution.conftest import server
from tests.skills.rehearsal.conftest import Rehearsals

from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.skills.skill import Case, Language, RecordedCall, SkillDraft

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R48")]

PYTHON = '''
from __future__ import annotations
import asyncio
from mcp_servers import demo

async def total(names: list[str], *, double: bool = False) -> dict[str, float]:
    """Add what is known of each name."""
    found = await asyncio.gather(*(demo.echo(name=name) for name in names))
    amount = sum(each["amount"] for each in found)
    return {"total": amount * 2 if double else amount}
'''
TYPESCRIPT = """
import { demo } from "mcp-servers";

/** Add what is known of each name. */
export async function total({ names, double = false }: { names: string[]; double?: boolean }) {
  const found = await Promise.all(names.map((name) => demo.echo({ name })));
  const amount = found.reduce((sum: number, each: any) => sum + each.amount, 0);
  return { total: double ? amount * 2 : amount };
}
"""
CODE: dict[Language, str] = {"python": PYTHON, "typescript": TYPESCRIPT}


def call(name: str, amount: float) -> RecordedCall:
    return RecordedCall("demo", "echo", {"name": name}, {"amount": amount})


def draft(code: str, *cases: Case, language: Language = "python", entrypoint: str = "total") -> SkillDraft:
    return SkillDraft("add-up", "Adds up.", language, code, entrypoint, cases=cases)


async def details(rehearsals: Rehearsals, made: SkillDraft, *servers: InMemoryUpstream) -> list[str]:
    """What differed in each case; empty where it has passed."""
    async with rehearsals(*servers) as rehearsal:
        results = await rehearsal.rehearse(made)
    assert [result.passed for result in results] == [not result.detail for result in results]
    assert [result.case for result in results] == list(made.cases)
    return [result.detail for result in results]


@pytest.mark.parametrize("language", ["python", "typescript"])
async def test_a_case_passes_with_the_recorded_answers_in_any_order_and_calls_nothing(
    rehearsals: Rehearsals, language: Language, tmp_path: Path
) -> None:
    called: list[Mapping[str, Any]] = []

    async def echo(arguments: Mapping[str, Any]) -> Any:
        called.append(arguments)
        return {"amount": 1000}

    answers = (call("b", 0.2), call("a", 0.1))
    made = draft(
        CODE[language],
        Case({"names": ["a", "b"]}, answers, {"total": 0.3}),
        Case({"names": ["a", "b"], "double": True}, answers, {"total": 0.6}),
        Case({"names": ["a", "b"]}, answers, {"total": 0.4}),
        language=language,
    )
    found = await details(rehearsals, made, server("demo", echo=echo))
    assert found[:2] == ["", ""]
    assert found[2].startswith("at total: 0.3")
    assert called == []
    assert not list((tmp_path / "workspace").glob("rehearsal*"))
    journal = tmp_path / ".underpass" / "journal" / "journal.sqlite3"
    assert not journal.exists()


async def test_equal_calls_are_answered_in_the_order_in_which_they_were_recorded(
    rehearsals: Rehearsals,
) -> None:
    code = """
from mcp_servers import demo
async def total() -> list:
    return [(await demo.echo(name="a"))["amount"] for _ in range(3)]
"""
    answers = (call("a", 1), call("a", 2), call("a", 3))
    assert await details(rehearsals, draft(code, Case({}, answers, [1, 2, 3]))) == [""]


async def test_what_was_not_recorded_is_named(rehearsals: Rehearsals) -> None:
    code = """
from mcp_servers import demo
async def total(names: list) -> list:
    found = []
    for name in names:
        try:
            found.append((await demo.echo(name=name))["amount"])
        except Exception:
            pass
    return found
"""
    made = draft(
        code,
        Case({"names": ["a", "b"]}, (call("a", 1),), [1]),
        Case({"names": ["a", "a"]}, (call("a", 1),), [1]),
        Case({"names": ["a"]}, (), []),
        Case({"names": ["a"]}, (call("a", 1), call("b", 1)), [1]),
    )
    assert await details(rehearsals, made) == [
        (
            'it called demo.echo({"name": "b"}), which was not recorded; in the first that was, '
            'at name: "b", and "a" was expected'
        ),
        'it called demo.echo({"name": "a"}) once more than was recorded',
        'it called demo.echo({"name": "a"}), and no call of that tool was recorded',
        "it did not call demo.echo, and the recorded run did",
    ]


async def test_a_recorded_error_is_raised_as_it_was(rehearsals: Rehearsals) -> None:
    code = """
from mcp_servers import demo
from mcp_runtime import ToolTimeout
async def total() -> str:
    try:
        await demo.echo(name="a")
    except ToolTimeout as error:
        return str(error)
"""
    failed = RecordedCall("demo", "echo", {"name": "a"}, error={"type": "ToolTimeout", "message": "too late"})
    assert await details(rehearsals, draft(code, Case({}, (failed,), "too late"))) == [""]


async def test_arguments_are_held_against_what_the_tools_take_now(rehearsals: Rehearsals) -> None:
    upstream = InMemoryUpstream("demo")

    async def never(_arguments: Mapping[str, Any]) -> ToolOutcome:
        raise AssertionError("a tool was called")

    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    upstream.add(ToolDefinition("demo", "echo", "It echoes", input_schema=schema), never)
    code = """
from mcp_runtime import call_tool
async def total() -> object:
    return await call_tool("demo", "echo", {"name": "a"})
"""
    recorded = (call("a", 1),)
    [said] = await details(rehearsals, draft(code, Case({}, recorded, {"amount": 1})), upstream)
    assert "demo.echo" in said
    assert "'title' is missing" in said or "no parameter 'name'" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("async def total() -> int:\n    raise KeyError('amount')", "KeyError"),
        ("def nothing(): ...", "total"),
        ("async def total() -> int:\n    return (", "SyntaxError"),
        ("import os\nasync def total() -> int:\n    os._exit(3)", "SandboxCrashed"),
        ("async def total() -> object:\n    return {1, 2, object()}", "ResultInvalid"),
        ("from mcp_servers import nowhere\nasync def total() -> int:\n    return 1", "nowhere"),
        (
            "from mcp_runtime import search_tools\nasync def total(): return await search_tools('a')",
            "it asked for search_tools",
        ),
        ("async def total() -> str:\n    return open('data/mine.csv').read()", "FileNotFoundError"),
    ],
)
async def test_a_skill_that_fails_has_failed_its_case(rehearsals: Rehearsals, code: str, said: str) -> None:
    [detail] = await details(rehearsals, draft(code, Case({}, (), 1)))
    assert said in detail
    assert "\n" not in detail


async def test_what_a_skill_writes_is_gone_with_its_case(rehearsals: Rehearsals, tmp_path: Path) -> None:
    code = """
from pathlib import Path
async def total() -> list:
    before = Path("data/kept.txt").exists()
    Path("data/kept.txt").write_text("1")
    return [before, Path("data/kept.txt").read_text()]
"""
    same = Case({}, (), [False, "1"])
    assert await details(rehearsals, draft(code, same, same)) == ["", ""]
    assert not list((tmp_path / "workspace").rglob("kept.txt"))
