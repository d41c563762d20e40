"""More than forty calls, of which only a handful of names matters."""

from __future__ import annotations

from typing import Any

from underpass.bench.servers.data import finance
from underpass.bench.task import ScriptedCall, Task, Turn


async def _direct(turn: Turn) -> Any:
    [members] = await turn(ScriptedCall("finance", "get_team_members", {"team": "engineering"}))
    levels = sorted({member["level"] for member in members})
    answers = await turn(
        *(ScriptedCall("finance", "get_budget_by_level", {"level": level}) for level in levels),
        *(
            ScriptedCall("finance", "get_expenses", {"employee_id": member["id"], "quarter": "2025-Q3"})
            for member in members
        ),
    )
    budgets = {each["level"]: each["travel_budget_eur"] for each in answers[: len(levels)]}
    return _over(
        members, budgets, dict(zip((one["id"] for one in members), answers[len(levels) :], strict=True))
    )


def _over(
    members: list[dict[str, Any]], budgets: dict[str, int], expenses: dict[str, list[dict[str, Any]]]
) -> dict[str, float]:
    over: dict[str, float] = {}
    for member in members:
        spent = sum(one["amount"] for one in expenses[member["id"]] if one["status"] == "approved")
        if spent > budgets[member["level"]]:
            over[member["name"]] = round(spent - budgets[member["level"]], 2)
    return over


def _expected() -> dict[str, float]:
    made = finance.made()
    members = [member for member in made["members"] if member["team"] == "engineering"]
    expenses: dict[str, list[dict[str, Any]]] = {member["id"]: [] for member in members}
    for expense in made["expenses"]:
        if expense["quarter"] == "2025-Q3" and expense["employee_id"] in expenses:
            expenses[expense["employee_id"]].append(expense)
    return _over(members, made["budgets"], expenses)


TASK = Task(
    name="budget-check",
    kind="data-heavy",
    command=(
        "Who in engineering went over the travel budget in 2025-Q3, counting approved expenses only, and by how "
        "many EUR? Give the amount by name."
    ),
    servers=("finance",),
    queries=("members of a team", "travel budget by level", "expenses of an employee"),
    direct=_direct,
    python="""\
import asyncio
from mcp_servers import finance

members = await finance.get_team_members(team="engineering")
levels = {member["level"] for member in members}
budgets = {
    budget["level"]: budget["travel_budget_eur"]
    for budget in await asyncio.gather(*(finance.get_budget_by_level(level=level) for level in levels))
}
expenses = await asyncio.gather(
    *(finance.get_expenses(employee_id=member["id"], quarter="2025-Q3") for member in members)
)
over = {}
for member, rows in zip(members, expenses):
    spent = sum(row["amount"] for row in rows if row["status"] == "approved")
    if spent > budgets[member["level"]]:
        over[member["name"]] = round(spent - budgets[member["level"]], 2)
return over
""",
    typescript="""\
import { finance } from "mcp-servers";

const members = await finance.getTeamMembers({ team: "engineering" });
const levels = [...new Set(members.map((member) => member.level))];
const budgets = Object.fromEntries(
  (await Promise.all(levels.map((level) => finance.getBudgetByLevel({ level }))))
    .map((budget) => [budget.level, budget.travel_budget_eur]),
);
const expenses = await Promise.all(
  members.map((member) => finance.getExpenses({ employee_id: member.id, quarter: "2025-Q3" })),
);
const over: Record<string, number> = {};
members.forEach((member, index) => {
  const spent = expenses[index]
    .filter((row) => row.status === "approved")
    .reduce((sum, row) => sum + row.amount, 0);
  const budget = budgets[member.level];
  if (spent > budget) over[member.name] = Number((spent - budget).toFixed(2));
});
return over;
""",
    code_mode="""\
import asyncio
import json

members = (await call_tool("finance_get_team_members", {"team": "engineering"}))["result"]
budgets = {}
for level in {member["level"] for member in members}:
    budget = await call_tool("finance_get_budget_by_level", {"level": level})
    budgets[level] = budget["travel_budget_eur"]
expenses = await asyncio.gather(
    *[
        call_tool("finance_get_expenses", {"employee_id": member["id"], "quarter": "2025-Q3"})
        for member in members
    ]
)
over = {}
for member, text in zip(members, expenses):
    spent = sum(row["amount"] for row in json.loads(text) if row["status"] == "approved")
    if spent > budgets[member["level"]]:
        over[member["name"]] = round(spent - budgets[member["level"]], 2)
return over
""",
    expected=_expected(),
)
