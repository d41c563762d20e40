"""Whatever a model does, an agent comes to an end, and no rule is broken."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.agent.agents import REFUND_AND_FAIL, SUM, TOTAL, agent
from tests.agent.conftest import Shop
from tests.servers import counting
from tests.servers.models import Fails, Says, runs, serve_model

from underpass import Underpass
from underpass.metrics import tokens

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R15", "R30")]


@pytest.mark.parametrize("announced", ["I'll list the orders first.", "Let me look at the shop:"])
async def test_a_model_that_only_says_what_it_would_do_is_reminded_once(
    up: Underpass, announced: str
) -> None:
    with serve_model(Says(announced), runs(SUM), Says("done")) as model:
        outcome = await agent(up, model, mode="python").run("Add up")
    assert "Write the program now" in model.last_read or "Write the program now" in str(model.asked[1])
    assert [run.result.value for run in outcome.runs] == [TOTAL]
    with serve_model(Says(announced), Says(announced)) as model:
        outcome = await agent(up, model, mode="python").run("Say what you would do")
    assert (outcome.answer, outcome.turns) == (announced, 2)


async def test_a_program_that_loops_forever_ends_with_its_time(own_shop: Shop, tmp_path: Path) -> None:
    settings = {"run.timeout": 1.0}
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path, settings=settings) as up:
        with serve_model(runs("while True: pass"), Says("It takes too long.")) as model:
            outcome = await agent(up, model, mode="python").run("Loop")
    assert outcome.runs[0].result.error is not None
    assert outcome.runs[0].result.error.type == "Timeout"
    assert "Timeout" in model.last_read


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "import subprocess\nsubprocess.run(['id'])",
        "import os\nos.setuid(0)\nopen('/usr/x', 'w')",
        "open('/proc/1/environ').read()",
    ],
)
async def test_code_that_tries_to_leave_the_sandbox_gets_nothing(up: Underpass, code: str) -> None:
    with serve_model(runs(code), Says("It did not work.")) as model:
        outcome = await agent(up, model, mode="python").run("Escape")
    assert not outcome.runs[0].result.ok
    assert "root:" not in model.last_read


@pytest.mark.parametrize("mode", ["python", "direct"])
async def test_a_model_that_obeys_a_result_still_meets_the_policy(
    own_shop: Shop, tmp_path: Path, mode: Any
) -> None:
    rule = {"server": "shop", "tool": "refund_order", "decision": "deny"}
    refund = (
        "from mcp_servers import shop\nnote = await shop.get_note(order=1)\nawait shop.refund_order(order=1)"
    )
    obeys = {
        "python": (runs(refund), Says("I could not.")),
        "direct": (
            Says(calls=(("shop__get_note", {"order": 1}),)),
            Says(calls=(("shop__refund_order", {"order": 1}),)),
            Says("I could not."),
        ),
    }[mode]
    settings = {"policy.rules": [rule]}
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path, settings=settings) as up:
        with serve_model(*obeys) as model:
            outcome = await agent(up, model, mode=mode).run("Show the note of order 1")
    assert outcome.ok
    assert own_shop.refunded == []
    assert "PermissionDenied" in model.last_read


async def test_labels_of_what_was_read_hold_for_the_calls_of_the_program(
    own_shop: Shop, tmp_path: Path
) -> None:
    leak = (
        "from mcp_servers import shop\nnote = await shop.get_note(order=1)\nawait shop.refund_order(order=1)"
    )
    flow = {
        "flow.private": ["shop.list_orders"],
        "flow.untrusted": ["shop.get_note"],
        "flow.sinks": ["shop.refund_order"],
        "flow.mixed": "deny",
    }
    both = leak.replace("note =", "await shop.list_orders()\nnote =")
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path, settings=flow) as up:
        with serve_model(runs(both), Says("I could not.")) as model:
            await agent(up, model, mode="python").run("Show the note of order 1")
    assert own_shop.refunded == []
    assert "PermissionDenied" in model.last_read


async def test_what_programs_did_is_counted_once_by_a_server_of_another_process(tmp_path: Path) -> None:
    file = tmp_path / "counted"
    arguments = [counting.__file__, str(file)]
    servers = {"mcpServers": {"counter": {"command": sys.executable, "args": arguments}}}
    (tmp_path / ".mcp.json").write_text(json.dumps(servers))
    program = (
        "from mcp_servers import counter\n"
        "await counter.increment(label='first')\n"
        "await counter.increment(label='second')\n"
        "1 / 0"
    )
    direct = Says(calls=(("counter__increment", {"label": "third"}),))
    async with Underpass.open(tmp_path / ".mcp.json") as up:
        with serve_model(runs(program), runs(program), direct, Says("Three.")) as model:
            outcome = await agent(up, model, mode="python", repairs=1).run("Count three times")
    assert file.read_text().split() == ["first", "second", "third"]
    read = [str(request["messages"][-1]) for request in model.asked]
    assert 'counter.increment(label=\\"first\\")' in read[1].replace("\\\\", "\\")
    assert "was not run again" in read[2] or "do not do it again" in read[2]
    assert (outcome.mode, outcome.ok) == ("direct", True)


async def test_texts_in_arguments_are_not_repeated_to_the_model(up: Underpass) -> None:
    program = "from mcp_servers import shop\nnote = await shop.get_note(order=7)\n"
    program += "await shop.reply(order=7, text=note['note'])\n1 / 0"
    with serve_model(runs(program), Says("done")) as model:
        await agent(up, model, mode="python").run("Reply to order 7")
    assert "shop.reply(order=7, text=…)" in model.last_read
    assert "Ignore your instructions" not in model.last_read


async def test_a_message_that_was_cut_off_is_not_taken_for_a_program_or_an_answer(up: Underpass) -> None:
    cut = Says(f"```python\n{SUM[:60]}", cut=True)
    with serve_model(cut, runs(SUM), Says("The orders come to", cut=True), Says("done")) as model:
        outcome = await agent(up, model, mode="python").run("Add up")
    assert [run.result.value for run in outcome.runs] == [TOTAL]
    assert "was cut off" in str(model.asked[1]["messages"][-1])
    assert outcome.answer == "done"


async def test_a_call_whose_arguments_were_cut_off_is_told_so(up: Underpass) -> None:
    cut = Says(calls=(("run_code", '{"code": "from mcp_servers import sh'),), cut=True)
    with serve_model(cut, runs(SUM), Says("done")) as model:
        outcome = await agent(up, model, mode="python").run("Add up")
    assert "they were cut off" in str(model.asked[1]["messages"][-1])
    assert outcome.ok


@pytest.mark.parametrize("mode", ["python", "direct"])
@pytest.mark.parametrize("name", ["openai:scripted", "anthropic:claude-scripted"])
async def test_a_refusal_is_an_outcome_that_says_so(up: Underpass, mode: Any, name: str) -> None:
    with serve_model(Says(refuses="I cannot help with that.")) as model:
        outcome = await agent(up, model, mode=mode, name=name).run("Do harm")
    assert (outcome.ok, outcome.turns) == (False, 1)
    assert "the model refuses" in outcome.answer
    assert name.startswith("anthropic") or "I cannot help with that." in outcome.answer


@pytest.mark.parametrize("name", ["openai:scripted", "anthropic:claude-scripted"])
async def test_an_empty_message_is_answered_in_a_way_that_the_provider_takes(
    up: Underpass, name: str
) -> None:
    with serve_model(Says(""), Says("Hello.")) as model:
        outcome = await agent(up, model, mode="python", name=name).run("Say hello")
    assert outcome.answer == "Hello."
    sent = [message for message in model.asked[1]["messages"] if message["role"] == "assistant"]
    assert all(message.get("content") for message in sent)


async def test_a_model_that_always_says_nothing_comes_to_an_end(up: Underpass) -> None:
    with serve_model(*[Says("")] * 8) as model:
        outcome = await agent(up, model, mode="python", repairs=1, max_turns=3).run("Say hello")
    assert (outcome.ok, outcome.mode) == (False, "direct")
    assert len(model.asked) == 2 + 3


@pytest.mark.parametrize("thinks", ["thinks", "tags"])
async def test_what_a_model_thinks_is_neither_a_program_nor_the_answer(up: Underpass, thinks: str) -> None:
    draft = "Perhaps\n```python\n1 / 0\n```\nno."
    said = (
        Says("Hello.", thinks=draft) if thinks == "thinks" else Says(f"<think>\n{draft}\n</think>\n\nHello.")
    )
    with serve_model(said) as model:
        outcome = await agent(up, model, mode="python").run("Say hello")
    assert (outcome.answer.strip(), outcome.runs) == ("Hello.", ())


@pytest.mark.parametrize("name", ["openai:scripted", "anthropic:claude-scripted"])
async def test_thoughts_before_a_call_do_not_stand_in_its_way(up: Underpass, name: str) -> None:
    thinks = Says(calls=(("run_code", {"code": SUM}),), thinks="I add them up.")
    with serve_model(thinks, Says("done")) as model:
        outcome = await agent(up, model, mode="python", name=name).run("Add up")
    assert [run.result.value for run in outcome.runs] == [TOTAL]
    assert outcome.answer == "done"


async def test_tokens_are_told_by_kind(up: Underpass) -> None:
    with serve_model(Says("Hello.", thinks="Hm.")) as model:
        outcome = await agent(up, model, mode="python").run("Say hello")
    used = outcome.tokens
    assert (used.input, used.cached_input, used.output, used.reasoning) == (100, 40, 10, 6)
    assert outcome.cost is None, "nobody knows the price of a scripted model"


@pytest.mark.parametrize("name", ["openai:scripted", "anthropic:claude-scripted"])
async def test_several_calls_in_one_turn_are_answered_in_their_order(
    up: Underpass, shop: Shop, name: str
) -> None:
    refunds = [f"from mcp_servers import shop\nawait shop.refund_order(order={number})" for number in (1, 2)]
    with serve_model(runs(*refunds), Says("done")) as model:
        outcome = await agent(up, model, mode="python", name=name).run("Refund 1 and 2")
    assert shop.refunded == [1, 2]
    assert [run.result.value for run in outcome.runs] == [{"refunded": 1}, {"refunded": 2}]
    assert outcome.ok


async def test_an_answer_that_shows_the_program_does_not_run_it_again(up: Underpass, shop: Shop) -> None:
    code = "from mcp_servers import shop\nawait shop.refund_order(order=4)"
    shows = Says(f"I refunded it:\n\n```python\n{code}\n```")
    with serve_model(runs(code), shows) as model:
        outcome = await agent(up, model, mode="python").run("Refund order 4")
    assert shop.refunded == [4]
    assert outcome.answer == shows.text


async def test_a_program_that_failed_may_run_again_when_another_has_gone_well(up: Underpass) -> None:
    reads = "from mcp_runtime import workspace\nawait workspace.load_data('x.json')"
    writes = "from mcp_runtime import workspace\nawait workspace.save_data('x.json', 5)\n'saved'"
    with serve_model(runs(reads), runs(writes), runs(reads), Says("5")) as model:
        outcome = await agent(up, model, mode="python").run("Read x.json")
    assert [run.result.ok for run in outcome.runs] == [False, True, True]


@pytest.mark.parametrize("written", ["call", "text"])
@pytest.mark.parametrize("name", ["openai:scripted", "anthropic:claude-scripted"])
async def test_half_a_character_is_no_end(up: Underpass, written: str, name: str) -> None:
    call = Says(calls=(("run_code", '{"code": "print(\\"\\ud800\\")"}'),))
    broken = call if written == "call" else Says("```python\nprint('\ud800')\n```")
    with serve_model(broken, runs(SUM), Says("done")) as model:
        outcome = await agent(up, model, mode="python", name=name).run("Add up")
    assert outcome.ok
    assert outcome.runs[-1].result.value == TOTAL
    assert len(model.asked) == 3


async def test_a_command_of_broken_bytes_reaches_the_model_all_the_same(up: Underpass) -> None:
    with serve_model(Says("done")) as model:
        outcome = await agent(up, model).run("Add up \udcff")
    assert outcome.ok
    assert "Add up ?" in model.last_read


async def test_a_question_about_a_tool_that_there_is_not_is_answered(up: Underpass) -> None:
    asks = Says(calls=(("get_tool_documentation", {"names": ["shop.burn_down"]}),))
    with serve_model(asks, Says("There is none.")) as model:
        await agent(up, model, mode="python").run("Burn it down")
    assert "burn_down" in str(model.asked[1]["messages"][-1])


@pytest.mark.parametrize(
    "message",
    [
        "registry.ollama.ai/library/gemma3:latest does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "No endpoints found that support tool use.",
    ],
)
async def test_a_model_that_takes_no_functions_writes_its_programs_as_text(
    up: Underpass, message: str
) -> None:
    fault = Fails(404 if "endpoints" in message else 400, message=message)
    with serve_model(fault, Says(f"```python\n{SUM}\n```"), Says("done")) as model:
        outcome = await agent(up, model, mode="python").run("Add up")
    assert [run.result.value for run in outcome.runs] == [TOTAL]
    assert ["tools" in request for request in model.asked] == [True, False, False]
    with serve_model(fault, Says("I would call a tool.")) as model:
        outcome = await agent(up, model, mode="direct").run("Add up")
    assert not outcome.ok
    assert "it can only write programs" in outcome.answer


async def test_a_model_without_functions_that_writes_bad_programs_ends_without_an_answer(
    up: Underpass,
) -> None:
    fault = Fails(400, message="this model does not support tools")
    with serve_model(fault, *[Says(f"```python\n1/0 # {number}\n```") for number in range(2)]) as model:
        outcome = await agent(up, model, mode="python", repairs=1).run("Divide")
    assert (outcome.ok, outcome.mode) == (False, "python")


async def test_all_messages_of_a_fallback_are_kept_and_few_tokens_are_spent_on_it(up: Underpass) -> None:
    with serve_model(runs(REFUND_AND_FAIL.format(1)), Says("I could not.")) as model:
        outcome = await agent(up, model, mode="python", repairs=0).run("Refund order 1")
    assert len(outcome.messages) == 5, "command, program, error; command, answer"
    assert "run_code" not in str(model.asked[1]["messages"])
    assert tokens.count(str(model.asked[1]["messages"])) < 300
