"""Routes of skills."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from underpass.errors import ValidationFailed
from underpass.server.api.endpoint import Body, Call, Endpoints, Query, Shown
from underpass.server.api.runs import AGENT, RunResultShown
from underpass.server.problem import Refused
from underpass.server.tenancy.skills import TenantSkills
from underpass.skills.asking import import_of, saved
from underpass.skills.search.hit import SkillHit
from underpass.skills.skill import Scope, Skill, SkillEntry
from underpass.skills.usage import Figures

SKILLS = Endpoints("skills")
_SCOPE: Any = Field("agent", description="Whose library: an agent's, the project's or the user's.")
_VERSION = r"^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$"


class FiguresShown(Shown):
    """The uses of a skill, by the agents of who asks."""

    uses: int
    success: float | None = Field(description="The share of uses that went well, 0 to 1.")
    average_ms: float | None
    last_used: str | None
    agents: int


class SkillLine(Shown):
    """A skill in a listing."""

    name: str
    summary: str
    signature: str
    version: str
    language: str
    status: str = Field(description="active, review or archived.")
    scope: str
    digest: str
    tools: list[str]
    tags: list[str]
    shadows: list[str] = Field(description="Libraries whose skill of this name it hides.")
    problem: str | None = Field(description="Why it cannot be used.")


class SkillFound(SkillLine):
    """A skill that was found."""

    import_line: str
    score: float
    figures: FiguresShown


class SkillList(Shown):
    """Skills."""

    skills: list[SkillFound]


class CaseShown(Shown):
    """A recorded use."""

    arguments: dict[str, Any]
    calls: int
    result: Any


class DriftShown(Shown):
    """A tool that is not what it was."""

    server: str
    tool: str
    kind: str = Field(description="changed, gone, not trusted or not connected.")
    parts: list[str]


class SkillDetail(Shown):
    """A skill, whole."""

    name: str
    description: str
    version: str
    versions: list[str]
    language: str
    entrypoint: str
    import_line: str
    status: str
    scope: str
    digest: str
    created: str
    author: str
    code: str
    examples: str
    pitfalls: str
    tags: list[str]
    tools: dict[str, str]
    cases: list[CaseShown]
    provenance: dict[str, str]
    signature: str
    problem: str | None
    drifts: list[DriftShown] = Field(description="How its tools differ from those it was tested with.")
    figures: FiguresShown


class SkillSaved(Shown):
    """What became of a skill."""

    name: str
    version: str
    digest: str
    status: str
    scope: str


class CaseOutcome(Shown):
    """How a recorded case went."""

    arguments: dict[str, Any]
    passed: bool
    detail: str


class SkillVerified(Shown):
    """What became of the cases."""

    name: str
    version: str
    ok: bool
    problem: str | None
    cases: list[CaseOutcome]
    drifts: list[DriftShown]


class CandidateShown(Shown):
    """Programs of one shape that worked, and may become a skill."""

    run: str
    language: str
    tools: list[str]
    state: str
    runs: int
    sessions: int
    skill: str | None


class ReviewList(Shown):
    """What a person should look at."""

    waiting: list[SkillLine]
    candidates: list[CandidateShown]


class SkillsQuery(Query):
    """Which skills."""

    q: str = Field("", max_length=2_000, description="Words for one step of a task; empty for all, by name.")
    agent: str = AGENT
    language: Literal["python", "typescript"] | None = None
    limit: int = Field(50, ge=1, le=1_000)


class AgentQuery(Query):
    """As whom."""

    agent: str = AGENT


class SkillQuery(AgentQuery):
    """Which one of its name."""

    version: str | None = Field(None, pattern=_VERSION)
    scope: Scope | None = None
    waiting: bool = Field(False, description="Prefer what waits for approval to what is in use.")


class GivenCaseBody(Body):
    """Arguments of a use, and its result where it is known."""

    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    result: Any = None


class SaveBody(Body):
    """A skill to save: of code, or of a run that succeeded."""

    name: str = Field(min_length=1, max_length=64)
    description: str = Field("", max_length=1_024, description="What it does and when to use it.")
    code: str | None = Field(None, max_length=200_000, description="A module with a typed async function.")
    run: str | None = Field(None, pattern="^[0-9a-z]{1,32}$", description="A run, in place of code.")
    language: Literal["python", "typescript"] = "python"
    entrypoint: str | None = Field(None, max_length=100)
    cases: list[GivenCaseBody] = Field(
        default_factory=list[GivenCaseBody],
        max_length=20,
        description="Each is run once, with real calls of tools.",
    )
    examples: str = Field("", max_length=20_000)
    pitfalls: str = Field("", max_length=20_000)
    tags: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list[str], max_length=50)
    scope: Scope = _SCOPE
    agent: str = AGENT


class RunSkillBody(Body):
    """A call of a skill."""

    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    agent: str = AGENT
    version: str | None = Field(None, pattern=_VERSION)


class VerifyBody(Body):
    """As whom."""

    agent: str = AGENT


class DecideBody(Body):
    """A decision about a skill that waits."""

    decision: Literal["approve", "refuse"]
    scope: Scope = _SCOPE
    agent: str = AGENT
    digest: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="Of what was looked at; anything else is refused."
    )


class ArchiveBody(Body):
    """Which one."""

    scope: Scope = _SCOPE
    agent: str = AGENT
    restore: bool = False


@SKILLS.add("GET", "/api/skills", scope="read", answers=SkillList)
async def list_skills(call: Call, query: SkillsQuery) -> dict[str, Any]:
    """Find the skills that fit some words, or all that an agent sees."""
    found = await TenantSkills(call.view).find(query.q, query.agent, query.limit, query.language)
    return {"skills": [_found(hit, figures) for hit, figures in found]}


@SKILLS.add("POST", "/api/skills", scope="run", answers=SkillSaved, errors=(404, 409, 429, 503))
async def save_skill(call: Call, body: SaveBody) -> dict[str, Any]:
    """Save code, or what a run did, as a skill."""
    skills = TenantSkills(call.view)
    if (body.code is None) == (body.run is None):
        raise Refused(409, ValidationFailed("give `code` or `run`, one of the two"))
    if body.run is not None:
        made = await skills.save_run(body.run, body.name, body.description or None, body.scope, body.agent)
        return saved(made)
    made = await skills.save(
        body.name,
        body.description,
        body.code or "",
        body.scope,
        body.agent,
        language=body.language,
        entrypoint=body.entrypoint,
        cases=[case.model_dump(exclude_unset=True) for case in body.cases],
        examples=body.examples,
        pitfalls=body.pitfalls,
        tags=body.tags,
    )
    return saved(made)


@SKILLS.add("GET", "/api/skills/{skill}", scope="read", answers=SkillDetail, errors=(404, 409))
async def show_skill(call: Call, skill: str, query: SkillQuery) -> dict[str, Any]:
    """Return a skill with its code, its figures, and how its tools have changed."""
    skills = TenantSkills(call.view)
    shown, figures = await skills.show(skill, query.agent, query.version, query.scope, waiting=query.waiting)
    made, draft = shown.skill, shown.skill.draft
    whose = draft.provenance.get("agent", "")
    provenance = dict(draft.provenance) if not whose or skills.whose(whose) else {}
    if whose and provenance:
        provenance["agent"] = skills.whose(whose)
    return {
        **saved(made),
        "description": draft.description,
        "versions": list(shown.versions),
        "language": draft.language,
        "entrypoint": draft.entrypoint,
        "import_line": import_of(made),
        "created": made.created,
        "author": skills.whose(draft.author),
        "code": draft.code,
        "examples": draft.examples,
        "pitfalls": draft.pitfalls,
        "tags": list(draft.tags),
        "tools": dict(draft.tools),
        "cases": [
            {"arguments": dict(case.arguments), "calls": len(case.calls), "result": case.result}
            for case in draft.cases
        ],
        "provenance": provenance,
        "signature": "" if shown.entry is None else shown.entry.signature,
        "problem": None if shown.entry is None else shown.entry.problem,
        "drifts": [drift.to_dict() for drift in shown.drifts],
        "figures": figures.to_dict(),
    }


@SKILLS.add(
    "POST", "/api/skills/{skill}/run", scope="run", answers=RunResultShown, errors=(404, 409, 429, 503)
)
async def run_skill(call: Call, skill: str, body: RunSkillBody) -> dict[str, Any]:
    """Call a skill in a run of its own."""
    result = await TenantSkills(call.view).run(skill, body.arguments, body.agent, body.version)
    return result.to_dict()


@SKILLS.add(
    "POST", "/api/skills/{skill}/verify", scope="run", answers=SkillVerified, errors=(404, 409, 429, 503)
)
async def verify_skill(call: Call, skill: str, body: VerifyBody) -> dict[str, Any]:
    """Run the recorded cases of a skill now; no tool is called."""
    found = await TenantSkills(call.view).verify(skill, body.agent)
    return {
        "name": found.name,
        "version": found.version,
        "ok": found.ok,
        "problem": found.problem,
        "cases": [
            {"arguments": dict(each.case.arguments), "passed": each.passed, "detail": each.detail}
            for each in found.results
        ],
        "drifts": [drift.to_dict() for drift in found.drifts],
    }


@SKILLS.add("POST", "/api/skills/{skill}/archive", scope="approve", answers=SkillSaved, errors=(404, 409))
async def archive_skill(call: Call, skill: str, body: ArchiveBody) -> dict[str, Any]:
    """Take a skill out of use, or bring it back."""
    done = TenantSkills(call.view).archive(skill, body.agent, body.scope, restore=body.restore)
    return saved(await done)


@SKILLS.add("GET", "/api/skill-reviews", scope="read", answers=ReviewList, errors=(409,))
async def list_reviews(call: Call, query: AgentQuery) -> dict[str, Any]:
    """List the skills that wait for a person, and the programs that may become skills."""
    skills = TenantSkills(call.view)
    return {
        "waiting": [_line(entry) for entry in await skills.waiting(query.agent)],
        "candidates": [
            {
                "run": each.run,
                "language": each.language,
                "tools": list(each.tools),
                "state": each.state,
                "runs": each.runs,
                "sessions": each.conversations,
                "skill": each.skill,
            }
            for each in await skills.candidates()
        ],
    }


@SKILLS.add("POST", "/api/skill-reviews/{skill}", scope="approve", answers=SkillSaved, errors=(404, 409))
async def decide_review(call: Call, skill: str, body: DecideBody) -> dict[str, Any]:
    """Approve a skill that waits, or put it into the archive."""
    decided: Skill = await TenantSkills(call.view).decide(
        skill, body.agent, body.scope, body.digest, approve=body.decision == "approve"
    )
    return saved(decided)


def _line(entry: SkillEntry, problem: str | None = None) -> dict[str, Any]:
    hit = SkillHit(entry, problem=problem or entry.problem)
    shown = hit.line()
    return {
        "name": entry.name,
        "summary": shown["summary"],
        "signature": shown["signature"],
        "version": entry.version,
        "language": entry.language,
        "status": entry.status,
        "scope": entry.scope,
        "digest": entry.digest,
        "tools": list(entry.tools),
        "tags": list(entry.tags),
        "shadows": list(entry.shadows),
        "problem": shown.get("problem"),
    }


def _found(hit: SkillHit, figures: Figures) -> dict[str, Any]:
    return {
        **_line(hit.entry, hit.problem),
        "import_line": hit.import_line,
        "score": round(hit.score, 3),
        "figures": figures.to_dict(),
    }
