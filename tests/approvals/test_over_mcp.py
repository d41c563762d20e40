"""Questions that reach a person through an MCP client, in both eras of the protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from tests.approvals.test_asking import ASK, AT_ONCE, PYTHON, files
from tests.cli.command_line import BIN, write_config
from tests.execution.conftest import server
from tests.patience import LONG
from tests.server.http_service import project, serving

from underpass import Underpass
from underpass.server.asking import Rounds
from underpass.server.facade import facade

pytestmark = [pytest.mark.requirement("R43"), pytest.mark.anyio]

MODES = ["legacy", "auto"]
ONE = PYTHON + "await files.remove(path='a')"


class Human:
    """What a client shows its user, and what that one answers."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.shown: list[types.ElicitRequestFormParams] = []

    async def __call__(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        self.shown.append(cast("types.ElicitRequestFormParams", params))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer in ("decline", "cancel"):
            return types.ElicitResult(action=answer)
        return types.ElicitResult(action="accept", content={"answer": answer})


@asynccontextmanager
async def connected(
    folder: Path, done: list[str], human: Human | None, mode: str, **settings: Any
) -> AsyncGenerator[tuple[Client, Underpass]]:
    async with (
        Underpass.open(
            {"files": files(done)},
            sandbox="none",
            home=folder,
            settings={**ASK, "run.check": False, **settings},
        ) as up,
        Rounds(up.settings.policy.wait_seconds) as rounds,
    ):
        service = facade(up, directory=up.directory, rounds=rounds)
        with anyio.fail_after(LONG):
            async with Client(service, mode=mode, elicitation_callback=human) as client:
                yield client, up


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("answer", ["once", "refuse", "decline", "cancel", "nonsense"])
async def test_the_user_of_a_client_of_each_era_allows_or_refuses_a_call(
    tmp_path: Path, mode: str, answer: str
) -> None:
    done: list[str] = []
    human = Human(answer)
    async with connected(tmp_path, done, human, mode) as (client, _):
        result = await client.call_tool("run_code", {"code": ONE})
    [form] = human.shown
    assert "files.remove asks for permission" in form.message
    assert '{"path":"a"}' in form.message
    if answer == "once":
        assert result.structured_content["value"] == {"path": "a"}
        assert done == ["a"]
    else:
        assert result.structured_content["error"]["type"] == "PermissionDenied"
        assert not done


@pytest.mark.parametrize("mode", MODES)
async def test_a_run_asks_as_often_as_it_needs(tmp_path: Path, mode: str) -> None:
    done: list[str] = []
    human = Human("once")
    code = PYTHON + "\n".join(f"await files.remove(path='{name}')" for name in "abcd")
    async with connected(tmp_path, done, human, mode) as (client, _):
        result = await client.call_tool("run_code", {"code": code})
        at_once = await client.call_tool("run_code", {"code": AT_ONCE})
    assert not result.is_error
    assert at_once.structured_content["value"] == ["a", "b", "c"]
    assert done[:4] == ["a", "b", "c", "d"]
    assert sorted(done[4:]) == ["a", "b", "c"]
    assert len(human.shown) == 7


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_that_cannot_ask_is_told_that_nobody_could_be_asked(tmp_path: Path, mode: str) -> None:
    async with connected(tmp_path, [], None, mode) as (client, _):
        result = await client.call_tool("run_code", {"code": ONE})
    assert "nobody could be asked" in result.structured_content["error"]["message"]
    assert "[[policy.rules]]" in result.structured_content["error"]["hint"]


async def _retried(
    client: Client, code: str, state: str | None, answers: types.InputResponses | None = None
) -> types.CallToolResult | types.InputRequiredResult:
    return await client.session.call_tool(
        "run_code", {"code": code}, input_responses=answers, request_state=state, allow_input_required=True
    )


async def _asked(client: Client, state: str | None = None) -> types.InputRequiredResult:
    result = await _retried(client, ONE, state)
    assert isinstance(result, types.InputRequiredResult)
    return result


def _answers(asked: types.InputRequiredResult, answer: str = "once") -> types.InputResponses:
    result = types.ElicitResult(action="accept", content={"answer": answer})
    return dict.fromkeys(asked.input_requests or {}, result)


async def test_an_answer_counts_once_for_the_run_that_asked_and_for_no_other(tmp_path: Path) -> None:
    done: list[str] = []
    async with connected(tmp_path, done, Human("once"), "auto") as (client, _):
        first, second = await _asked(client), await _asked(client)
        assert not done
        answers = _answers(first)
        other = await _retried(client, ONE, second.request_state, answers)
        # The answers to one run's questions are none to another's: it asks again.
        assert isinstance(other, types.InputRequiredResult)
        assert not done
        answered = await _retried(client, ONE, first.request_state, answers)
        assert isinstance(answered, types.CallToolResult)
        assert done == ["a"]
        for state, code in [
            (first.request_state, ONE),  # a second time
            (other.request_state, ONE + " "),  # for another program
            ("v1." + "A" * 80, ONE),  # made up
            (str(other.request_state)[:-2], ONE),
        ]:
            with pytest.raises(MCPError) as refused:
                await _retried(client, code, state, _answers(other))
            assert refused.value.code == types.INVALID_PARAMS
    assert done == ["a"]


async def test_a_question_left_open_is_asked_again_and_one_that_nobody_answers_is_refused(
    tmp_path: Path,
) -> None:
    done: list[str] = []
    async with connected(tmp_path, done, Human("once"), "auto", **{"policy.wait_seconds": 0.5}) as (
        client,
        _,
    ):
        asked = await _asked(client)
        again = await _asked(client, asked.request_state)
        assert asked.input_requests == again.input_requests
        await anyio.sleep(1)
        ended = await _retried(client, ONE, again.request_state, _answers(again))
    assert isinstance(ended, types.CallToolResult)
    assert "nobody answered" in cast("dict[str, Any]", ended.structured_content)["error"]["message"]
    assert not done


async def test_a_client_that_gives_a_call_up_ends_its_run(tmp_path: Path) -> None:
    ended = anyio.Event()
    began = anyio.Event()

    async def slow(_arguments: Any) -> Any:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with (
        Underpass.open(
            {"slow": server("slow", slow=slow)}, sandbox="none", home=tmp_path, settings={"run.check": False}
        ) as up,
        Rounds(10) as rounds,
        Client(facade(up, rounds=rounds), elicitation_callback=Human("once")) as client,
        anyio.create_task_group() as tasks,
    ):
        code = "from mcp_servers import slow\nawait slow.slow()"
        tasks.start_soon(client.call_tool, "run_code", {"code": code})
        with anyio.fail_after(LONG):
            await began.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await ended.wait()


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_of_each_era_is_asked_over_stdio(tmp_path: Path, mode: str) -> None:
    write_config(tmp_path, "time")
    (tmp_path / "underpass.toml").write_text('[policy]\nunknown = "ask"\n')
    human = Human("once")
    parameters = StdioServerParameters(command=str(BIN / "underpass"), args=["serve"], cwd=tmp_path)
    code = 'from mcp_servers import time\n(await time.get_current_time(timezone="UTC"))["timezone"]'
    with anyio.fail_after(LONG):
        async with Client(parameters, mode=mode, elicitation_callback=human) as client:
            result = await client.call_tool("run_code", {"code": code})
            human.answers = ["refuse"]
            refused = await client.call_tool("run_code", {"code": code})
    assert result.structured_content["value"] == "UTC"
    assert refused.structured_content["error"]["type"] == "PermissionDenied"
    assert "time.get_current_time" in human.shown[0].message


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
async def test_a_client_of_each_era_is_asked_over_http(tmp_path: Path, mode: str) -> None:
    folder = project(tmp_path)
    (folder / "underpass.toml").write_text('[policy]\nunknown = "ask"\n')
    human = Human("once")
    code = "from mcp_servers import testkit\nawait testkit.math_add(a=40, b=2)"
    with serving(folder) as service, anyio.fail_after(LONG):
        headers = {"Authorization": f"Bearer {service.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=LONG) as http,
            Client(
                streamable_http_client(service.url, http_client=http),
                mode=mode,
                elicitation_callback=human,
            ) as client,
        ):
            result = await client.call_tool("run_code", {"code": code})
            human.answers = ["refuse"]
            refused = await client.call_tool("run_code", {"code": code})
    assert not result.is_error, result
    assert refused.structured_content["error"]["type"] == "PermissionDenied"
    assert "testkit.math_add" in human.shown[0].message


async def test_what_no_client_comes_back_to_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("underpass.server.asking._SWEEP", 0.05)
    monkeypatch.setattr("underpass.server.asking._KEPT", 0.1)
    done: list[str] = []
    async with connected(tmp_path, done, Human("once"), "auto", **{"policy.wait_seconds": 0.2}) as (
        client,
        _,
    ):
        asked = await _asked(client)
        await anyio.sleep(0.6)
        with pytest.raises(MCPError):
            await _retried(client, ONE, asked.request_state, _answers(asked))
    assert not done
