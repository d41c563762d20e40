"""Tens of thousands of tokens of text, of which a few lines count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from underpass.bench.servers.data import documents, files
from underpass.bench.task import ScriptedCall, Task, Turn


async def _texts(turn: Turn, query: str) -> list[str]:
    [found] = await turn(ScriptedCall("documents", "search_documents", {"query": query, "limit": 50}))
    return await turn(
        *(ScriptedCall("documents", "get_document", {"document_id": one["id"]}) for one in found)
    )


def _made(title: str) -> list[str]:
    return [one["content"] for one in documents.made() if one["title"].startswith(title)]


def _due(texts: Iterable[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for text in texts:
        for line in text.splitlines():
            found = re.search(r"ACTION: (.+) to follow up on .+ by (.+)\.$", line)
            if found and found[2] <= "2026-03-08":
                counts[found[1]] += 1
    return counts


async def _action_items(turn: Turn) -> Any:
    return _due(await _texts(turn, "weekly sync"))


ACTION_ITEMS = Task(
    name="action-items",
    kind="data-heavy",
    command=(
        "Go through the transcripts of all weekly syncs: how many action items does each person have that are due "
        "by 2026-03-08? A line reads 'ACTION: NAME to follow up on … by DAY.'"
    ),
    servers=("documents",),
    queries=("search documents by title", "read a document"),
    direct=_action_items,
    python="""\
import asyncio
import re
from collections import Counter
from mcp_servers import documents

found = await documents.search_documents(query="weekly sync", limit=50)
texts = await asyncio.gather(*(documents.get_document(document_id=one["id"]) for one in found))
return Counter(
    name
    for text in texts
    for name, day in re.findall(r"ACTION: (.+) to follow up on .+ by (.+)\\.", text)
    if day <= "2026-03-08"
)
""",
    typescript="""\
import { documents } from "mcp-servers";

const found = await documents.searchDocuments({ query: "weekly sync", limit: 50 });
const texts = await Promise.all(found.map((one) => documents.getDocument({ document_id: one.id })));
const counts: Record<string, number> = {};
for (const text of texts) {
  for (const [, name, day] of text.matchAll(/ACTION: (.+) to follow up on .+ by (.+)\\./g)) {
    if (day <= "2026-03-08") counts[name] = (counts[name] ?? 0) + 1;
  }
}
return counts;
""",
    code_mode="""\
import json
import re

found = json.loads(
    await call_tool("documents_search_documents", {"query": "weekly sync", "limit": 50})
)
counts = {}
for one in found:
    text = await call_tool("documents_get_document", {"document_id": one["id"]})
    for name, day in re.findall(r"ACTION: (.+) to follow up on .+ by (.+)\\.", text):
        if day <= "2026-03-08":
            counts[name] = counts.get(name, 0) + 1
return counts
""",
    expected=dict(_due(_made("Weekly sync"))),
)


def _revenue(texts: Iterable[str]) -> dict[str, int]:
    revenue: Counter[str] = Counter()
    for text in texts:
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 4 and cells[1].isdigit():
                revenue[cells[0]] += int(cells[2])
    return revenue


async def _sales(turn: Turn) -> Any:
    return _revenue(await _texts(turn, "sales report 2025"))


SALES_BY_LINE = Task(
    name="sales-by-line",
    kind="data-heavy",
    command=(
        "Add up the revenue of each product line over all quarterly sales reports of 2025 (one for each region). "
        "Each report has a table | Line | Units | Revenue (EUR) | Returns |."
    ),
    servers=("documents",),
    queries=("search documents by title", "read a document"),
    direct=_sales,
    python="""\
import asyncio
import re
from collections import Counter
from mcp_servers import documents

reports = await documents.search_documents(query="sales report 2025", limit=50)
texts = await asyncio.gather(*(documents.get_document(document_id=one["id"]) for one in reports))
revenue = Counter()
for text in texts:
    for line, amount in re.findall(r"^\\| (\\w+) \\| \\d+ \\| (\\d+) \\|", text, re.MULTILINE):
        revenue[line] += int(amount)
return revenue
""",
    typescript="""\
import { documents } from "mcp-servers";

const reports = await documents.searchDocuments({ query: "sales report 2025", limit: 50 });
const texts = await Promise.all(reports.map((one) => documents.getDocument({ document_id: one.id })));
const revenue: Record<string, number> = {};
for (const text of texts) {
  for (const [, line, amount] of text.matchAll(/^\\| (\\w+) \\| \\d+ \\| (\\d+) \\|/gm)) {
    revenue[line] = (revenue[line] ?? 0) + Number(amount);
  }
}
return revenue;
""",
    code_mode="""\
import json
import re

reports = json.loads(
    await call_tool("documents_search_documents", {"query": "sales report 2025", "limit": 50})
)
revenue = {}
for one in reports:
    text = await call_tool("documents_get_document", {"document_id": one["id"]})
    for line, amount in re.findall(r"^\\| (\\w+) \\| \\d+ \\| (\\d+) \\|", text, re.MULTILINE):
        revenue[line] = revenue.get(line, 0) + int(amount)
return revenue
""",
    expected=dict(_revenue(_made("Sales report 2025"))),
)


async def _todo_owners(turn: Turn) -> Any:
    [listing] = await turn(ScriptedCall("files", "search_files", {"pattern": "**/*.py", "path": "src"}))
    texts = await turn(*(ScriptedCall("files", "read_file", {"path": path}) for path in listing.split("\n")))
    return Counter(owner for text in texts for owner in re.findall(r"# TODO\((\w+)\)", text))


TODO_OWNERS = Task(
    name="todo-owners",
    kind="data-heavy",
    command="How many TODO(owner) comments does each owner have in the Python files below src/?",
    servers=("files",),
    queries=("search files by pattern", "read a file"),
    direct=_todo_owners,
    python="""\
import asyncio
import re
from collections import Counter
from mcp_servers import files

paths = (await files.search_files(pattern="**/*.py", path="src")).splitlines()
texts = await asyncio.gather(*(files.read_file(path=path) for path in paths))
return Counter(owner for text in texts for owner in re.findall(r"# TODO\\((\\w+)\\)", text))
""",
    typescript="""\
import { files } from "mcp-servers";

const paths = (await files.searchFiles({ pattern: "**/*.py", path: "src" })).split("\\n");
const texts = await Promise.all(paths.map((path) => files.readFile({ path })));
const counts: Record<string, number> = {};
for (const text of texts) {
  for (const [, owner] of text.matchAll(/# TODO\\((\\w+)\\)/g)) {
    counts[owner] = (counts[owner] ?? 0) + 1;
  }
}
return counts;
""",
    code_mode="""\
import re

listing = await call_tool("files_search_files", {"pattern": "**/*.py", "path": "src"})
counts = {}
for path in listing.splitlines():
    text = await call_tool("files_read_file", {"path": path})
    for owner in re.findall(r"# TODO\\((\\w+)\\)", text):
        counts[owner] = counts.get(owner, 0) + 1
return counts
""",
    expected=dict(
        Counter(
            line.partition("TODO(")[2].partition(")")[0]
            for path, text in files.made().items()
            if path.startswith("src/")
            for line in text.splitlines()
            if "TODO(" in line
        )
    ),
)

TASKS = (ACTION_ITEMS, SALES_BY_LINE, TODO_OWNERS)
