"""The knowledge graph finds notes, whole, of which a summary needs a line each."""

from __future__ import annotations

from typing import Any

from underpass.bench.servers.data import knowledge
from underpass.bench.task import ScriptedCall, Task, Turn


async def _summary(turn: Turn) -> Any:
    [docs] = await turn(ScriptedCall("terraphim", "search", {"query": "rust async patterns", "limit": 100}))
    relevant = [doc for doc in docs if doc["score"] > 0.8]
    patterns: dict[str, str] = {}
    for doc in relevant:
        short = doc["body"].partition("In short: ")[2]
        patterns[doc["title"].rstrip(" 0123456789")] = short.splitlines()[0]
    return {"notes": len(relevant), "patterns": patterns}


RUST_ASYNC_PATTERNS = Task(
    name="rust-async-patterns",
    kind="data-heavy",
    command=(
        "Find rust async patterns and summarise: how many notes are relevant (a score over 0.8), and what is each "
        "pattern in short? The notes on a pattern are numbered, and each has a line 'In short: …'."
    ),
    servers=("terraphim",),
    queries=("search the knowledge graph for documents",),
    direct=_summary,
    python="""\
import re
from mcp_servers import terraphim

docs = await terraphim.search(query="rust async patterns", limit=100)
relevant = [doc for doc in docs if doc["score"] > 0.8]
patterns = {
    doc["title"].rstrip(" 0123456789"): re.search(r"In short: (.+)", doc["body"])[1]
    for doc in relevant
}
return {"notes": len(relevant), "patterns": patterns}
""",
    typescript="""\
import { terraphim } from "mcp-servers";

const docs = await terraphim.search({ query: "rust async patterns", limit: 100 });
const relevant = docs.filter((doc) => doc.score > 0.8);
const patterns = Object.fromEntries(relevant.map((doc) => [
  doc.title.replace(/ \\d+$/, ""),
  doc.body.match(/In short: (.+)/)![1],
]));
return { notes: relevant.length, patterns };
""",
    code_mode="""\
import re

found = await call_tool("terraphim_search", {"query": "rust async patterns", "limit": 100})
relevant = [doc for doc in found["result"] if doc["score"] > 0.8]
patterns = {}
for doc in relevant:
    patterns[doc["title"].rstrip(" 0123456789")] = re.search(r"In short: (.+)", doc["body"])[1]
return {"notes": len(relevant), "patterns": patterns}
""",
    expected={
        "notes": len(knowledge.PATTERNS) * knowledge.NOTES_OF_A_PATTERN,
        "patterns": knowledge.PATTERNS,
    },
)

TASKS = (RUST_ASYNC_PATTERNS,)
