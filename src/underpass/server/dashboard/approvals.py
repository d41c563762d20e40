"""The calls that wait for somebody to allow them."""

from __future__ import annotations

from typing import Final, get_args

from starlette.responses import Response

from underpass.broker.approvals import Answer
from underpass.errors import ValidationFailed
from underpass.server.dashboard.page import Pages, Shown, Visit, done
from underpass.server.problem import Refused

PAGES: Final = Pages()
_SAID: Final = {
    "once": "Allowed once",
    "run": "Allowed for the rest of the run",
    "always": "Allowed always: underpass.toml has a rule now",
    "refuse": "Refused",
}


@PAGES.get("/dashboard/approvals", "questions")
async def approvals(visit: Visit) -> Shown:
    """Show the questions, the oldest first."""
    return visit.show("approvals.html", "Approvals", questions=await visit.questions())


@PAGES.post("/dashboard/approvals/{question}", "approve")
async def answer(visit: Visit, question: str) -> Response:
    """Answer one."""
    given = (await visit.form()).get("answer", "")
    chosen: Answer | None = next((each for each in get_args(Answer) if each == given), None)
    if chosen is None:
        raise Refused(422, ValidationFailed("that is no answer", hint="one of the four buttons"))
    answered = await visit.view.answer(question, chosen)
    return done(f"{_SAID[chosen]}: {answered['server']}.{answered['tool']}")
