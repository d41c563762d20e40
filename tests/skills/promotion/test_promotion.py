"""What becomes of programs that recur, and of runs that someone asks to keep."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from tests.skills.promotion.conftest import NOT_SAVED, Workshops

from underpass.errors import SkillNotSaved
from underpass.sandbox import deno_binary
from underpass.skills.promotion.gates import Gates
from underpass.skills.seams import CaseResult
from underpass.skills.skill import Case, RecordedCall, SkillDraft

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R48")]
CODE = """\
from mcp_servers import crm
rows = await crm.list_accounts(stage={stage!r})
return {{"total": sum(r["value"] for r in rows)}}
"""


async def test_a_program_of_two_agents_becomes_one_skill_with_two_promotions_at_once(
    workshops: Workshops,
) -> None:
    async with workshops() as workshop:
        first, second = workshop.promotion(), workshop.promotion()
        await workshop.run(CODE.format(stage="customer"), promotion=first, agent="ada")
        await workshop.run(CODE.format(stage="customer"), promotion=first, agent="ada")
        assert await first.consider() == [], "one conversation is no recurrence"
        await workshop.run(CODE.format(stage="prospect"), promotion=first, agent="bo")
        first.candidates()
        made: list[str] = []

        async def consider(promotion: object) -> None:
            assert promotion in {first, second}
            chosen = first if promotion is first else second
            made.extend(skill.name for skill in await chosen.consider())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consider, first)
            tasks.start_soon(consider, second)
        assert made == ["crm-accounts-total"]
        skill = workshop.library.find("crm_accounts_total", "ada")
        assert "stage: str" in skill.draft.code
        assert len(skill.draft.cases) == 2
        assert await first.consider() == []
        [candidate] = first.candidates()
        assert (candidate.state, candidate.skill) == ("promoted", "crm-accounts-total")


async def test_what_is_promoted_waits_for_review_unless_the_setting_says_otherwise(
    workshops: Workshops,
) -> None:
    async with workshops() as workshop:
        promotion = workshop.promotion("review")
        for agent in ("ada", "bo"):
            await workshop.run(CODE.format(stage=agent), promotion=promotion, agent=agent)
        [skill] = await promotion.consider()
        assert skill.status == "review"
        assert [entry.name for entry in promotion.review("ada")] == [skill.name]


async def test_nothing_is_recorded_where_it_is_turned_off(workshops: Workshops) -> None:
    async with workshops() as workshop:
        for promotion in (workshop.promotion("off"), workshop.promotion(agents={"default": NOT_SAVED})):
            result = await workshop.run(CODE.format(stage="x"), promotion=promotion)
            assert promotion.candidates() == []
            with pytest.raises(SkillNotSaved):
                await promotion.save(result.run, "some-name", agent="default", scope="project")


async def test_a_run_is_saved_by_name_and_the_same_is_not_saved_twice(workshops: Workshops) -> None:
    async with workshops() as workshop:
        promotion = workshop.promotion()
        result = await workshop.run(CODE.format(stage="customer"), promotion=promotion)
        skill = await promotion.save(result.run, "total_value", agent="default", scope="project")
        assert (skill.name, skill.status) == ("total-value", "active")
        assert "stage: str = 'customer'" in skill.draft.code
        with pytest.raises(SkillNotSaved) as refused:
            await promotion.save(result.run, "other-name", agent="default", scope="project")
        assert refused.value.data["same"] == "total-value"


async def test_a_refusal_is_kept_and_not_tried_again_with_the_same_runs(workshops: Workshops) -> None:
    code = "import os\n" + CODE.format(stage="customer")
    async with workshops() as workshop:
        promotion = workshop.promotion()
        for agent in ("ada", "bo"):
            await workshop.run(code, promotion=promotion, agent=agent)
        assert await promotion.consider() == []
        [candidate] = promotion.candidates()
        assert (candidate.state, candidate.gate, candidate.reason) == ("refused", "imports", "it imports os")
        assert await promotion.consider() == []


async def test_what_is_like_another_skill_waits_for_review_whatever_the_setting_says(
    workshops: Workshops,
) -> None:
    async with workshops() as workshop:
        promotion = workshop.promotion("auto")
        for agent in ("ada", "bo"):
            await workshop.run(CODE.format(stage=agent), promotion=promotion, agent=agent)
        [first] = await promotion.consider()
        for agent in ("ada", "bo"):
            other = CODE.replace("sum(", "sum(2 * ").format(stage=agent)
            await workshop.run(other, promotion=promotion, agent=agent)
        [second] = await promotion.consider()
        assert (first.status, second.status) == ("active", "review")
        assert second.name != first.name
        assert [entry.name for entry in promotion.review("ada")] == [second.name]


class _Passes:
    async def rehearse(self, draft: SkillDraft) -> list[CaseResult]:
        return [CaseResult(case, passed=True) for case in draft.cases]


GOOD = '''\
from mcp_servers import crm

async def total(stage: str) -> float:
    """Adds up."""
    return sum(r["value"] for r in await crm.list_accounts(stage=stage))
'''
CASE = Case({"stage": "x"}, (RecordedCall("crm", "list_accounts", {"stage": "x"}, []),), "a long answer")


@pytest.mark.parametrize(
    ("old", "new", "gate"),
    [
        ("", "", None),
        ("return", "return (", "syntax"),
        ("async def", "def", "syntax"),
        ("stage: str", "stage", "entrypoint"),
        ('    """Adds up."""\n', "", "entrypoint"),
        ("async def", "def other() -> int:\n    return 1\n\nasync def", "entrypoint"),
        ("from mcp_servers", "import subprocess\nfrom mcp_servers", "imports"),
        ("return sum", 'return eval("1") or sum', "imports"),
        ("return sum", "key = 'AKIAABCDEFGHIJKLMNOP'\n    return sum", "secret"),
        ("return sum", "key = 'hunter2hunter2'\n    return sum", "secret"),
        ("return sum", "card = '4111 1111 1111 1111'\n    return sum", "secret"),
        ("return sum", "return 'a long answer' or sum", "answer"),
    ],
)
async def test_each_gate_refuses_what_it_is_there_for(old: str, new: str, gate: str | None) -> None:
    gates = Gates(_Passes(), secrets=lambda: ["hunter2hunter2"])
    draft = SkillDraft(
        "total", "Adds up.", "python", GOOD.replace(old, new, 1) if old else GOOD, "total", cases=(CASE,)
    )
    refusal = await gates.examine(draft)
    assert (None if refusal is None else refusal.gate) == gate, refusal
    if gate is None:
        assert (await gates.examine(replace(draft, cases=()))) is not None


TYPESCRIPT = """\
import { crm } from "mcp-servers";

/** Adds up. */
export async function total({ stage = "x" }: { stage?: string }): Promise<number> {
  return (await crm.listAccounts({ stage })).length;
}
"""


@pytest.mark.skipif(not deno_binary.is_installed(), reason="it comes with the extra `typescript`")
@pytest.mark.parametrize(
    ("old", "new", "gate"),
    [
        ("", "", None),
        ("return", "return (", "syntax"),
        ("export async", "async", "syntax"),
        ("export async function total", "export async function other", "syntax"),
        ("/** Adds up. */", "export const more = 1;\n/** Adds up. */", "entrypoint"),
        ("export async", "export", "entrypoint"),
        ("await ", "", None),
        (": { stage?: string }", "", "entrypoint"),
        (": Promise<number>", "", "entrypoint"),
        ("/** Adds up. */\n", "", "entrypoint"),
        ("/**", "/*", "entrypoint"),
        ('from "mcp-servers"', 'from "node:fs"', "imports"),
        ("return (", 'await import("node:" + "fs"); return (', "imports"),
        ("return (", 'eval("1"); return (', "imports"),
        ("return (", "Deno.exit(); return (", "imports"),
        ("return (", "globalThis.x; return (", "imports"),
        ("return (", 'const key = "AKIAABCDEFGHIJKLMNOP"; return (', "secret"),
        ("return (", 'const key = "hunter2hunter2"; return (', "secret"),
        ("return (", 'if (stage) return "a long answer"; return (', "answer"),
        ('stage = "x"', 'stage = "a long answer"', "answer"),
    ],
)
async def test_each_gate_refuses_in_typescript_what_it_is_there_for(
    old: str, new: str, gate: str | None
) -> None:
    gates = Gates(_Passes(), secrets=lambda: ["hunter2hunter2"])
    code = TYPESCRIPT.replace(old, new, 1) if old else TYPESCRIPT
    assert code != TYPESCRIPT or not old
    draft = SkillDraft("total", "Adds up.", "typescript", code, "total", cases=(CASE,))
    refusal = await gates.examine(draft)
    assert (None if refusal is None else refusal.gate) == gate, refusal
