"""The skills that an agent sees, one of them, and those that wait until a person has looked at them."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import anyio.to_thread
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from underpass.errors import ValidationFailed
from underpass.server.api.skills import (
    AgentQuery,
    DecideBody,
    SkillQuery,
    SkillsQuery,
    decide_review,
    list_reviews,
    list_skills,
    show_skill,
)
from underpass.server.dashboard.page import Pages, Shown, Visit, done
from underpass.server.problem import Refused, missing

PAGES: Final = Pages()
_DEFAULT: Final = "default"
_SHOWN: Final = 500
M = TypeVar("M", bound=BaseModel)


@PAGES.get("/dashboard/skills", "skills", "runs", every=2.0)
async def skills(visit: Visit) -> Shown:
    """Show what an agent sees, and what waits."""
    agent = visit.asked("agent") or _DEFAULT
    found = await list_skills(visit.call, _asked(SkillsQuery, agent=agent, limit=_SHOWN))
    reviews = await list_reviews(visit.call, _asked(AgentQuery, agent=agent))
    agents = await anyio.to_thread.run_sync(visit.view.agents)
    return visit.show(
        "skills.html",
        "Skills",
        agent=agent,
        agents=sorted({_DEFAULT, agent, *agents}),
        skills=found["skills"],
        reviews=reviews["waiting"],
    )


@PAGES.get("/dashboard/skills/{skill}", "skills", "runs", every=2.0)
async def skill(visit: Visit, skill: str) -> Shown:
    """Show one, with its code, what is known of its uses, and what has changed under it."""
    agent = visit.asked("agent") or _DEFAULT
    asked = _asked(
        SkillQuery, agent=agent, scope=visit.asked("scope") or None, waiting=visit.asked("waiting") == "yes"
    )
    found = await show_skill(visit.call, skill, asked)
    return visit.show(
        "skill.html",
        f"Skill {skill}",
        agent=agent,
        skill=found,
        may_decide=visit.may("approve") and (found["scope"] == "agent" or not visit.view.names.prefix),
    )


@PAGES.post("/dashboard/skills/{skill}", "approve")
async def decide(visit: Visit, skill: str) -> Response:
    """Approve or refuse a skill: that which the person has looked at, and no other."""
    fields = await visit.form()
    try:
        body = DecideBody.model_validate(fields)
    except ValidationError as error:
        raise Refused(422, ValidationFailed("that is no decision", hint="one of the two buttons")) from error
    await decide_review(visit.call, skill, body)
    if body.decision == "approve":
        return done(f"{skill} can be used now")
    return done(f"{skill} was refused; it is in the archive")


def _asked(model: type[M], **values: Any) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise missing("no skill is like that", "look at the list of skills") from error
