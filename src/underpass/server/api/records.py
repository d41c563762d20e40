"""Routes of what is recorded and counted, of questions, and of sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from underpass.broker.approvals import Answer
from underpass.server.api.endpoint import Answers, Body, Call, Endpoints, Query, Shown
from underpass.server.problem import missing

RECORDS = Endpoints("records")
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class QuestionShown(Shown):
    """A call about which a person decides."""

    id: str
    run: str
    agent: str
    server: str
    tool: str
    arguments: str
    reason: str
    rule: str
    asked: str
    state: str = Field(description="`waiting`: a run stands still; `for resume`: its process has died.")
    answer: str | None


class QuestionList(Shown):
    """Questions that wait for an answer, the oldest first."""

    questions: list[QuestionShown]


class AnswerBody(Body):
    """What is decided."""

    answer: Answer = Field(description="`always` writes a rule into underpass.toml: for the operator alone.")


class AuditQuery(Query):
    """Which rows."""

    run: str | None = Field(None, pattern="^[0-9a-z]{1,32}$")
    agent: str | None = Field(None, pattern=_NAME)
    server: str | None = Field(None, max_length=200)
    tool: str | None = Field(None, max_length=200)
    decision: Literal["allow", "ask", "deny", "allowed", "refused", "unanswered"] | None = None
    hours: int | None = Field(None, ge=1, le=100_000, description="Not older.")
    limit: int = Field(100, ge=1, le=1_000)


class AuditRow(Shown):
    """One row of the trail."""

    n: int
    at: str
    kind: str
    hash: str


class AuditRows(Shown):
    """The youngest rows, the youngest last."""

    rows: list[AuditRow]


class SinceQuery(Query):
    """Of which time."""

    hours: int | None = Field(None, ge=1, le=100_000, description="Runs that began not longer ago; else all.")


class Figures(Shown):
    """Figures of all runs together; `counterfactual` says what tokens are compared with."""

    runs: int
    failed: int
    calls: int
    tokens: dict[str, Any]


class FigureList(Shown):
    """Figures by what was asked for."""

    figures: list[dict[str, Any]]


class RecommendationShown(Shown):
    """Something to do, and what it rests on."""

    kind: str
    subject: str
    text: str
    figures: dict[str, Any]
    runs: list[str]
    tokens: int


class RecommendationList(Shown):
    """What would save the most, the most first."""

    recommendations: list[RecommendationShown]


class CodeExecution(Shown):
    """How running programs compares with direct calls."""

    summary: Figures
    by_day: list[dict[str, Any]]
    recommendations: list[RecommendationShown]


class SessionShown(Shown):
    """Variables that stay between runs."""

    name: str
    agent: str
    language: str
    environment: str | None
    busy: bool
    runs: int
    idle_seconds: float
    memory_bytes: int


class SessionList(Shown):
    """The sessions of this process."""

    sessions: list[SessionShown]


@RECORDS.add("GET", "/api/approvals", scope="read", answers=QuestionList, errors=(409,))
async def list_questions(call: Call) -> dict[str, Any]:
    """List the calls that wait for somebody to allow them."""
    return {"questions": await call.view.questions()}


@RECORDS.add("POST", "/api/approvals/{question}", scope="approve", answers=QuestionShown, errors=(409,))
async def answer_question(call: Call, question: str, body: AnswerBody) -> dict[str, Any]:
    """Allow a call, or refuse it."""
    return await call.view.answer(question, body.answer)


@RECORDS.add("GET", "/api/audit", scope="read", answers=AuditRows, errors=(409,))
async def list_audit(call: Call, query: AuditQuery) -> dict[str, Any]:
    """List rows of the trail."""
    wanted = query.model_dump(include={"run", "agent", "server", "tool", "decision"})
    return {"rows": await call.view.audit(wanted, _since(query.hours), query.limit)}


@RECORDS.add("GET", "/api/metrics/code-execution", scope="read", answers=CodeExecution, errors=(409,))
async def code_execution_metrics(call: Call, query: SinceQuery) -> dict[str, Any]:
    """Return what runs cost and saved, by day, and what would save more."""
    since = _since(query.hours)
    return {
        "summary": await call.view.statistics("summary", since),
        "by_day": await call.view.statistics("by_day", since),
        "recommendations": await call.view.recommendations(since),
    }


@RECORDS.add("GET", "/api/stats", scope="read", answers=Figures, errors=(409,))
async def statistics(call: Call, query: SinceQuery) -> dict[str, Any]:
    """Return the figures of all runs together."""
    return await call.view.statistics("summary", _since(query.hours))


@RECORDS.add("GET", "/api/stats/days", scope="read", answers=FigureList, errors=(409,))
async def statistics_by_day(call: Call, query: SinceQuery) -> dict[str, Any]:
    """Return the figures of each day."""
    return {"figures": await call.view.statistics("by_day", _since(query.hours))}


@RECORDS.add("GET", "/api/stats/agents", scope="read", answers=FigureList, errors=(409,))
async def statistics_by_agent(call: Call, query: SinceQuery) -> dict[str, Any]:
    """Return the figures of each agent."""
    return {"figures": await call.view.statistics("by_agent", _since(query.hours))}


@RECORDS.add("GET", "/api/stats/tools", scope="read", answers=FigureList, errors=(409,))
async def statistics_by_tool(call: Call, query: SinceQuery) -> dict[str, Any]:
    """Return the figures of each tool."""
    return {"figures": await call.view.statistics("by_tool", _since(query.hours))}


@RECORDS.add("GET", "/api/stats/servers", scope="read", answers=FigureList, errors=(409,))
async def statistics_by_server(call: Call, query: SinceQuery) -> dict[str, Any]:
    """Return the figures of each server."""
    return {"figures": await call.view.statistics("by_server", _since(query.hours))}


@RECORDS.add("GET", "/api/recommendations", scope="read", answers=RecommendationList, errors=(409,))
async def recommendations(call: Call, query: SinceQuery) -> dict[str, Any]:
    """Return what would save the most tokens."""
    return {"recommendations": await call.view.recommendations(_since(query.hours))}


@RECORDS.add("GET", "/api/sessions", scope="read", answers=SessionList)
async def list_sessions(call: Call) -> dict[str, Any]:
    """List the sessions whose variables are kept."""
    return {"sessions": call.view.sessions()}


@RECORDS.add(
    "DELETE",
    "/api/sessions/{agent}/{session}",
    scope="run",
    answers={204: Answers(description="Its variables are gone")},
)
async def end_session(call: Call, agent: str, session: str) -> None:
    """End a session."""
    if not call.view.end_session(agent, session):
        raise missing(f"agent {agent} has no session {session:.100}")


def _since(hours: int | None) -> datetime | None:
    return None if hours is None else datetime.now(UTC) - timedelta(hours=hours)
