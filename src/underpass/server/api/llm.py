"""Routes as clients of terraphim's virtual machines know them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import Field

from underpass.agent.program_text import find_program
from underpass.server.api.disconnect import result_of
from underpass.server.api.endpoint import Body, Call, Endpoints, Shown
from underpass.server.api.runs import AGENT
from underpass.server.tenancy.view import RunRequest

LLM = Endpoints("llm")
_LANGUAGES = {"python": "python", "py": "python", "typescript": "typescript", "ts": "typescript"}
Language = Literal["python", "py", "typescript", "ts"]


class ExecuteBody(Body):
    """A program."""

    agent_id: str = AGENT
    language: Language = "python"
    code: str = Field(max_length=4_000_000)
    timeout_seconds: float | None = Field(None, gt=0, le=3_600)
    vm_id: str | None = Field(
        None, max_length=100, description="Taken, and of no effect: each run has a sandbox."
    )
    requirements: list[str] = Field(
        [], max_length=0, description="None can be had: see `environment` of /api/runs."
    )
    working_dir: str | None = Field(None, max_length=1_000, description="Taken, and of no effect.")
    metadata: dict[str, Any] | None = None


class ParseExecuteBody(Body):
    """What a model wrote, with programs in fenced blocks."""

    agent_id: str = AGENT
    llm_response: str = Field(max_length=4_000_000)
    language: Language = "python"
    auto_execute: bool = True
    timeout_seconds: float | None = Field(None, gt=0, le=3_600)
    metadata: dict[str, Any] | None = None


class Executed(Shown):
    """What came of a program."""

    execution_id: str
    vm_id: str
    exit_code: int = Field(description="0 where it came to its end, 1 where it did not.")
    stdout: str
    stderr: str
    value: Any
    duration_ms: float
    started_at: str
    completed_at: str
    error: str | None


class CodeBlock(Shown):
    """A program that was found."""

    language: str
    code: str


class ParsedAndExecuted(Shown):
    """The program that was found in a text, and what came of it."""

    code_blocks: list[CodeBlock]
    results: list[Executed] = Field(description="None where nothing was found, or `auto_execute` is false.")


@LLM.add("POST", "/api/llm/execute", scope="run", answers=Executed, errors=(409, 503))
async def execute(call: Call, body: ExecuteBody) -> dict[str, Any]:
    """Run a program, and return what a process would."""
    return await _execute(call, body.agent_id, _LANGUAGES[body.language], body.code, body.timeout_seconds)


@LLM.add("POST", "/api/llm/parse-execute", scope="run", answers=ParsedAndExecuted, errors=(409, 503))
async def parse_and_execute(call: Call, body: ParseExecuteBody) -> dict[str, Any]:
    """Find the program in what a model wrote, and run it."""
    wanted = "typescript" if _LANGUAGES[body.language] == "typescript" else "python"
    found = find_program(body.llm_response, wanted)
    if found is None:
        return {"code_blocks": [], "results": []}
    blocks = [{"language": found.language, "code": found.code}]
    if not body.auto_execute:
        return {"code_blocks": blocks, "results": []}
    done = await _execute(call, body.agent_id, found.language, found.code, body.timeout_seconds)
    return {"code_blocks": blocks, "results": [done]}


async def _execute(call: Call, agent: str, language: str, code: str, seconds: float | None) -> dict[str, Any]:
    started = datetime.now(UTC)
    options: dict[str, Any] = dict.fromkeys(("max_tokens", "environment", "session", "check", "cache"))
    options |= {"timeout": seconds, "language": language, "rollback_on_error": False}
    run = call.view.start(RunRequest(code, agent, options, is_attended=False))
    call.request.scope["underpass.run"] = run.run
    result: dict[str, Any] = orjson.loads(await result_of(run, call.request))
    error = result["error"]
    trace = "" if error is None else error["traceback"] or f"{error['type']}: {error['message']}"
    return {
        "execution_id": run.run,
        "vm_id": f"{result['sandbox']}-{run.run}",
        "exit_code": 0 if result["ok"] else 1,
        "stdout": result["stdout"],
        "stderr": result["stderr"] + trace,
        "value": result["value"],
        "duration_ms": result["duration_ms"]["total"],
        "started_at": started.isoformat(timespec="milliseconds"),
        "completed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "error": None if error is None else f"{error['type']}: {error['message']}",
    }
