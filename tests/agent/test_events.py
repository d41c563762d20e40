"""What an agent does is seen while it does it, and stops when nobody wants it any more."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import anyio
import pytest
from tests.agent.agents import REFUND_AND_FAIL, SUM, TOTAL, agent, no_wait
from tests.agent.conftest import Shop
from tests.patience import LONG
from tests.servers.models import Fails, Says, runs, serve_model

from underpass import Underpass
from underpass.agent import (
    AgentEvent,
    CallBegan,
    CallEnded,
    CodeAgent,
    FellBack,
    RunBegan,
    RunEnded,
    Waits,
    Wrote,
)
from underpass.broker.approvals import Answer, Question
from underpass.broker.journal import JournalStore

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30")]


@pytest.mark.parametrize("name", ["openai:scripted", "anthropic:claude-scripted"])
async def test_programs_calls_and_words_are_shown_in_their_order(up: Underpass, name: str) -> None:
    seen: list[AgentEvent] = []
    says = Says("I add them up.", calls=(("run_code", {"code": SUM}),), thinks="Hm.")
    with serve_model(says, Says(f"They come to {TOTAL}.")) as model:
        await agent(up, model, mode="python", name=name, on_event=seen.append).run("Add up")
    others = [event for event in seen if not isinstance(event, Wrote)]
    assert [type(event) for event in others] == [RunBegan, CallBegan, CallEnded, RunEnded]
    assert (others[0].number, others[0].code, others[0].language) == (1, SUM, "python")  # type: ignore[union-attr]
    assert others[1:3] == [CallBegan("shop", "list_orders", {}), CallEnded("shop", "list_orders", ok=True)]
    words = "".join(event.text for event in seen if isinstance(event, Wrote) and not event.function)
    assert words == f"I add them up.They come to {TOTAL}."
    assert "list_orders" in "".join(
        event.text for event in seen if isinstance(event, Wrote) and event.function == "run_code"
    )


async def test_waiting_and_falling_back_are_shown(up: Underpass) -> None:
    seen: list[AgentEvent] = []
    limit = Fails(429, retry_after="7", code="rate_limit_exceeded")
    direct = Says(calls=(("shop__get_note", {"order": 9}),))
    with serve_model(limit, runs(REFUND_AND_FAIL.format(1)), direct, Says("done")) as model:
        worker = agent(up, model, mode="python", repairs=0, on_event=seen.append)
        await worker.run("Show the note of order 9")
    others = [event for event in seen if not isinstance(event, Wrote | RunBegan | RunEnded)]
    assert others[0] == Waits(7.0, "scripted: it was asked too often")
    assert others[3] == FellBack("programs in python failed one after the other")
    assert others[4:] == [CallBegan("shop", "get_note", {"order": 9}), CallEnded("shop", "get_note", ok=True)]


@pytest.mark.parametrize("name", ["openai:scripted", "anthropic:claude-scripted"])
async def test_words_are_shown_before_the_model_has_said_all(up: Underpass, name: str) -> None:
    goes_on = Event()

    def show(event: AgentEvent) -> None:
        if isinstance(event, Wrote):
            goes_on.set()  # a model whose first words were held back would never say the others

    slow = Says("The first words of many, and the last words of a slow model.", waits=goes_on)
    with serve_model(slow) as model, anyio.fail_after(LONG):
        outcome = await agent(up, model, mode="python", name=name, on_event=show).run("Speak")
    assert outcome.answer == slow.text


async def test_a_cancelled_command_ends_while_the_model_speaks(up: Underpass) -> None:
    never = Event()
    with serve_model(Says("I begin, and never come to an end.", waits=never)) as model:
        with anyio.CancelScope() as scope:

            def show(_event: AgentEvent) -> None:
                scope.cancel()

            await agent(up, model, mode="python", on_event=show).run("Speak")
        never.set()
    assert scope.cancelled_caught


async def test_a_cancelled_command_ends_its_program(own_shop: Shop, tmp_path: Path) -> None:
    loops = "from mcp_servers import shop\nawait shop.refund_order(order=3)\nwhile True: pass"
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path) as up:
        with serve_model(runs(loops)) as model:
            with anyio.CancelScope() as scope:

                def show(event: AgentEvent) -> None:
                    if isinstance(event, CallEnded):
                        scope.cancel()

                await agent(up, model, mode="python", on_event=show).run("Loop")
    assert scope.cancelled_caught
    assert own_shop.refunded == [3]
    assert [run.cause for run in JournalStore(tmp_path / ".underpass" / "journal").runs(9)] == ["Interrupted"]


@pytest.mark.parametrize("mode", ["python", "direct"])
async def test_a_person_is_asked_about_calls_where_the_policy_says_so(
    own_shop: Shop, tmp_path: Path, mode: Any
) -> None:
    asked: list[str] = []

    async def ask(question: Question) -> Answer:
        asked.append(question.tool)
        return "once"

    rule = {"server": "shop", "tool": "refund_order", "decision": "ask"}
    refund = "from mcp_servers import shop\nawait shop.refund_order(order=2)"
    step = runs(refund) if mode == "python" else Says(calls=(("shop__refund_order", {"order": 2}),))
    settings = {"policy.rules": [rule]}
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path, settings=settings) as up:
        with serve_model(step, Says("done")) as model:
            await agent(up, model, mode=mode, ask=ask).run("Refund order 2")
    assert (asked, own_shop.refunded) == (["refund_order"], [2])


async def test_a_call_of_which_nobody_knows_the_end_is_told_as_such(own_shop: Shop, tmp_path: Path) -> None:
    own_shop.held.add("refund_order")
    program = "from mcp_servers import shop\nawait shop.refund_order(order=8)"
    settings = {"calls.timeout": 1.0}
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path, settings=settings) as up:
        with serve_model(runs(program), Says("I do not know.")) as model:
            await agent(up, model, mode="python").run("Refund order 8")
    assert "began, and may have happened" in model.last_read
    assert "shop.refund_order(order=8)" in model.last_read


async def test_many_calls_are_told_in_few_words(up: Underpass) -> None:
    program = (
        "from mcp_servers import shop\n"
        "for n in range(30): await shop.get_note(order=n)\n"
        "for n in range(5): await shop.list_orders()\n"
        "1 / 0"
    )
    with serve_model(runs(program), Says("done")) as model:
        await agent(up, model, mode="python").run("Read the notes")
    assert "and 11 more" in model.last_read
    assert model.last_read.count("shop.get_note") == 20


async def test_an_agent_needs_no_events(up: Underpass) -> None:
    with serve_model(runs(SUM), Says("done")) as model:
        worker = CodeAgent(up, "openai:x", base_url=f"{model.url}/v1", mode="python", sleep=no_wait)
        assert (await worker.run("Add up")).ok
