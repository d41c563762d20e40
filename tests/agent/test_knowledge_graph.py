"""The plan's example from the command to the answer: few tokens, and no time to speak of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.agent.agents import agent
from tests.servers.models import Model, Says, runs, serve_model
from tests.terraphim.notes import project
from tests.terraphim.surface import PROGRAM

from underpass import Underpass
from underpass.metrics import tokens

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R32", "R49")]

COMMAND = "find rust async patterns and summarise"
PYTHON = """\
from mcp_servers import terraphim

docs = await terraphim.search(query="rust async patterns", limit=100)
relevant = [doc for doc in docs if doc["score"] > 0.8]
text = " ".join(doc["body"] for doc in relevant)
paragraphs = await terraphim.extract_paragraphs_from_automata(text=text)
{
    "found": len(docs),
    "best": [doc["title"] for doc in relevant],
    "terms": sorted({each["term"] for each in paragraphs}),
    "text": paragraphs[0]["paragraph"][:200],
}
"""
TYPESCRIPT = """\
import { terraphim } from "mcp-servers";

const docs = await terraphim.search({ query: "rust async patterns", limit: 100 });
const relevant = docs.filter((doc) => doc.score > 0.8);
const text = relevant.map((doc) => doc.body).join(" ");
const paragraphs = await terraphim.extractParagraphsFromAutomata({ text });
({
  found: docs.length,
  best: relevant.map((doc) => doc.title),
  terms: [...new Set(paragraphs.map((each) => each.term))].sort(),
  text: paragraphs[0].paragraph.slice(0, 200),
});
"""
MUCH = "Futures are lazy, and an executor polls them. " * 400


def read_and_written(model: Model, answers: list[str]) -> int:
    """Return the tokens of all turns: what each request holds, and what the model wrote."""
    read = sum(
        tokens.count(json.dumps([request["messages"], request["tools"]], ensure_ascii=False))
        for request in model.asked
    )
    return read + sum(map(tokens.count, answers))


@pytest.mark.parametrize(
    ("language", "program"),
    [("python", PYTHON), pytest.param("typescript", TYPESCRIPT, marks=pytest.mark.slow)],
)
async def test_the_plans_example_takes_less_than_5000_tokens_and_2_seconds(
    tmp_path: Path, language: Any, program: str
) -> None:
    project(tmp_path)
    for number in range(20):
        text = f"# Rust async patterns, part {number}\n\nRust async patterns and futures. {MUCH}\n"
        (tmp_path / "notes" / f"Part {number}.md").write_text(text)
    arguments = ["--kg", str(tmp_path / "kg"), "--haystack", str(tmp_path / "notes")]
    server = {"command": str(PROGRAM), "args": [*arguments, "--cache", str(tmp_path / "cache")]}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"terraphim": server}}))
    answer = "Twenty-two notes are about it; futures are lazy, and an executor polls them."
    async with Underpass.open(tmp_path / ".mcp.json") as up:
        with serve_model(runs(program), Says(answer)) as model:
            outcome = await agent(up, model, mode=language).run(COMMAND)
        # A busy machine may hold up one run, or two.
        again = [await up.run(program, language=language) for _ in range(3)]
    assert (outcome.ok, outcome.answer, len(outcome.runs)) == (True, answer, 1)
    result = outcome.runs[0].result
    assert result.ok, result.error
    assert result.value["found"] >= 20
    assert "async" in " ".join(result.value["terms"])
    assert read_and_written(model, [program, answer]) < 5_000
    assert min(run.duration.total for run in (result, *again)) < 2_000
    assert result.tokens.direct > 10_000, "called directly, the documents would have gone through the context"
