"""What a server asks during a call reaches the person who watches over the run."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, cast

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer
from tests.approvals.test_over_mcp import MODES, Human
from tests.cli.command_line import at_terminal, write_config
from tests.patience import LONG, in_time
from tests.servers.inquisitive import SCHEMA

from underpass import RunResult, Underpass
from underpass.broker.approvals import Answer, Question
from underpass.catalog.elicitation import Filled, Form
from underpass.server.asking import Rounds
from underpass.server.facade import facade

pytestmark = pytest.mark.requirement("R43")

OLD = {"command": sys.executable, "args": [str(Path(__file__).parents[1] / "servers" / "inquisitive.py")]}
CODE = "from mcp_servers import painter\nawait painter.paint()"


def new() -> MCPServer:
    """The same server in the newest revision."""
    server = MCPServer("inquisitive")

    @server.tool()
    def paint(ctx: Context[Any]) -> str | types.InputRequiredResult:
        """Paint it."""
        answers = ctx.input_responses
        if not answers:
            form = types.ElicitRequestFormParams(message="Which\ncolour?", requested_schema=SCHEMA)
            return types.InputRequiredResult(input_requests={"q": types.ElicitRequest(params=form)})
        return json.dumps(answers["q"].model_dump(mode="json", exclude_none=True, by_alias=True))

    return server


class Person:
    """Fills in every form in the same way; ``seconds`` is how long that takes."""

    def __init__(self, filled: Filled | Exception, seconds: float = 0) -> None:
        self.filled: Filled | Exception = filled
        self.seconds = seconds
        self.forms: list[Form] = []

    async def ask(self, question: Question) -> Answer | None:
        raise AssertionError(question)

    async def fill(self, form: Form) -> Filled:
        self.forms.append(form)
        await anyio.sleep(self.seconds)
        if isinstance(self.filled, Exception):
            raise self.filled
        return self.filled


def _open(tmp_path: Path, server: Any, **settings: Any) -> Any:
    return Underpass.open(
        {"painter": server}, sandbox="none", home=tmp_path, settings={"run.check": False, **settings}
    )


def _said(result: RunResult) -> dict[str, Any]:
    assert result.error is None, result.error
    value = result.value
    value = json.loads(value) if isinstance(value, str) else value
    return {name: value[name] for name in ("action", "content") if name in value}


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_servers_form_is_filled_in_by_the_person_who_watches_over_the_run(
    tmp_path: Path, era: str
) -> None:
    person = Person({"colour": "red", "count": 3})
    async with _open(tmp_path, OLD if era == "old" else new()) as up:
        filled = _said(await up.run(CODE, ask=person))
        declined = _said(await up.run(CODE, ask=Person("decline")))
        broken = _said(await up.run(CODE, ask=Person(ValueError("broken"))))
        unattended = _said(await up.run(CODE))
    assert filled == {"action": "accept", "content": {"colour": "red", "count": 3}}
    assert declined["action"] == "decline"
    assert broken["action"] == unattended["action"] == "cancel"
    [form] = person.forms
    assert (form.server, form.tool, form.message) == ("painter", "paint", "Which\ncolour?")
    assert form.schema == SCHEMA


@pytest.mark.anyio
async def test_the_times_of_run_and_call_stand_while_the_form_is_filled_in(tmp_path: Path) -> None:
    async def attempt(seconds: float) -> RunResult:
        person = Person({"colour": "red"}, seconds * 1.2)
        async with _open(tmp_path / str(seconds), OLD, **{"calls.timeout": seconds}) as up:
            return await up.run(CODE, timeout=seconds, ask=person)

    result = await in_time(attempt, lambda result: result.ok)
    assert _said(result)["action"] == "accept"


@pytest.mark.anyio
async def test_an_old_server_with_several_calls_under_way_is_told_that_nobody_decided(tmp_path: Path) -> None:
    both = "painter.paint(), painter.paint()"
    code = f"import asyncio\nfrom mcp_servers import painter\nawait asyncio.gather({both})"
    person = Person({"colour": "red"}, 0.5)
    async with _open(tmp_path, OLD) as up:
        result = await up.run(code, ask=person)
    actions = [
        json.loads(each)["action"] if isinstance(each, str) else each["action"] for each in result.value
    ]
    assert actions.count("cancel") >= 1
    assert len(person.forms) <= 1


@pytest.mark.anyio
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("era", ["old", "new"])
async def test_a_servers_form_goes_on_to_the_client_of_serve(tmp_path: Path, mode: str, era: str) -> None:
    human = _Painter("red")
    async with (
        _open(tmp_path, OLD if era == "old" else new()) as up,
        Rounds(10) as rounds,
        Client(facade(up, rounds=rounds), mode=mode, elicitation_callback=human) as client,
    ):
        with anyio.fail_after(LONG):
            result = await client.call_tool("run_code", {"code": CODE})
    value = cast("dict[str, Any]", result.structured_content)["value"]
    value = json.loads(value) if isinstance(value, str) else value
    assert value["content"] == {"colour": "red"}
    [form] = human.shown
    assert form.message.startswith("Server painter asks during paint: ")
    assert form.requested_schema == SCHEMA


class _Painter(Human):
    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.shown.append(cast("types.ElicitRequestFormParams", params))
        return types.ElicitResult(action="accept", content={"colour": self.answers[0]})


def test_a_servers_form_is_filled_in_at_the_terminal(tmp_path: Path) -> None:
    write_config(tmp_path, painter=OLD)
    arguments = ("run", "--no-check", "--sandbox", "none", "-c", CODE)
    status, shown = at_terminal(*arguments, cwd=tmp_path, typed="red\n\nyes\n")
    assert status == 0, shown
    assert "server painter asks during paint: Which\\ncolour?" in shown
    assert "colour (The one you like) (red or blue): " in shown
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    value = plain[plain.index("{") : plain.rindex("}") + 1]
    assert json.loads(value)["content"] == {"colour": "red", "sure": True}


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["green\n", "\n", "red\nmany\n", "red\n1\nperhaps\n", "\x04"])
def test_what_does_not_fit_the_form_declines_it(tmp_path: Path, typed: str) -> None:
    write_config(tmp_path, painter=OLD)
    arguments = ("run", "--no-check", "--sandbox", "none", "-c", CODE)
    status, shown = at_terminal(*arguments, cwd=tmp_path, typed=typed)
    assert status == 0, shown
    assert "decline" in shown
