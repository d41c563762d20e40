"""``[agents.NAME]``: which modes an agent may use, and for which share of its commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.agent.agents import SUM, agent
from tests.agent.conftest import Shop
from tests.servers.models import Says, runs, serve_model

from underpass import ConfigError, Underpass, ValidationFailed
from underpass.agent.flags import is_in_rollout
from underpass.config import AgentSettings, load_settings

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R31", "R40")]

ALL = "What do all orders come to?"


def settings(toml: str, folder: Path) -> Mapping[str, AgentSettings]:
    (folder / "underpass.toml").write_text(toml)
    return load_settings(folder, environ={}).agents


def opened(shop: Shop, home: Path, flags: Mapping[str, Any]) -> Any:
    return Underpass.open({"shop": shop.server}, home=home, settings={"agents.clerk": flags})


async def test_a_share_of_the_commands_gets_programs_and_always_the_same_share(
    own_shop: Shop, tmp_path: Path
) -> None:
    commands = [f"What do all orders of customer {number} come to?" for number in range(12)]
    inside = [command for command in commands if is_in_rollout("clerk", command, 40)]
    assert 0 < len(inside) < len(commands)
    async with opened(own_shop, tmp_path, {"rollout": 40}) as up:
        for command in (inside[0], next(each for each in commands if each not in inside)):
            script = [runs(SUM)] if command in inside else []
            with serve_model(*script, Says("done")) as model:
                outcome = await agent(up, model, agent="clerk").run(command)
            assert outcome.mode == ("python" if command in inside else "direct")
            assert ("40 % of the agent's commands" in outcome.why) is (command not in inside)
        with serve_model(runs(SUM), Says("done")) as model:
            assert (await agent(up, model).run(commands[0])).mode == "python", "another agent"


def test_a_rollout_grows_without_taking_anyone_out() -> None:
    commands = [f"command {number}" for number in range(2_000)]
    before: set[str] = set()
    for percentage in (0, 1, 10, 50, 100):
        now = {command for command in commands if is_in_rollout("clerk", command, percentage)}
        assert before <= now
        assert abs(len(now) / len(commands) * 100 - percentage) < 4
        before = now
    assert before == set(commands)


async def test_a_mode_that_is_named_is_not_subject_to_the_rollout(own_shop: Shop, tmp_path: Path) -> None:
    async with opened(own_shop, tmp_path, {"rollout": 0}) as up:
        with serve_model(runs(SUM), Says("done")) as model:
            assert (await agent(up, model, agent="clerk", mode="python").run(ALL)).mode == "python"


async def test_auto_keeps_to_the_modes_of_the_agent(own_shop: Shop, tmp_path: Path) -> None:
    async with opened(own_shop, tmp_path, {"modes": ["direct"]}) as up:
        with serve_model(Says("done")) as model:
            outcome = await agent(up, model, agent="clerk").run(ALL)
    assert (outcome.mode, outcome.why) == (
        "direct",
        "the command looks at several things ('all'); but the agent's modes are direct",
    )


async def test_a_mode_that_the_agent_may_not_use_is_refused(own_shop: Shop, tmp_path: Path) -> None:
    async with opened(own_shop, tmp_path, {"modes": ["direct"]}) as up:
        with serve_model() as model, pytest.raises(ValidationFailed) as caught:
            agent(up, model, agent="clerk", mode="python")
    assert caught.value.hint == "agents.clerk.modes allows: direct"


@pytest.mark.parametrize("flags", [{"fallback": False}, {"modes": ["python"]}])
async def test_an_agent_that_may_not_fall_back_ends_without_an_answer(
    own_shop: Shop, tmp_path: Path, flags: Mapping[str, Any]
) -> None:
    async with opened(own_shop, tmp_path, flags) as up:
        with serve_model(runs("1/0"), runs("2/0")) as model:
            worker = agent(up, model, agent="clerk", mode="python", repairs=1)
            outcome = await worker.run("Divide")
    assert (outcome.ok, outcome.mode, len(model.asked)) == (False, "python", 2)


def test_the_file_says_what_each_agent_may(tmp_path: Path) -> None:
    toml = '[agents.clerk]\nmodes = ["direct", "python"]\nrollout = 12.5\n'
    toml += '[agents."night shift"]\nfallback = false\n'
    assert settings(toml, tmp_path) == {
        "clerk": AgentSettings(modes=("python", "direct"), rollout=12.5),
        "night shift": AgentSettings(fallback=False),
    }


@pytest.mark.parametrize(
    ("toml", "said", "hint"),
    [
        ("[agents.clerk]\nrolout = 10", "line 2: there is no setting 'agents.clerk.rolout'", "clerk.rollout"),
        (
            '[agents.clerk]\nmodes = ["pyhton"]',
            "line 2: agents.clerk.modes: there is no mode 'pyhton'",
            "'python'",
        ),
        ('[agents.clerk]\nmodes = ["shell"]', "there is no mode 'shell'", "there are: python"),
        ("[agents.clerk]\nmodes = []", "agents.clerk.modes must be a list of modes", "there are: python"),
        ("[agents.clerk]\nrollout = 101", "line 2: agents.clerk.rollout must be a percentage", ""),
        ("[agents.clerk]\nrollout = true", "agents.clerk.rollout must be a percentage", ""),
        ('[agents.clerk]\nfallback = "no"', "agents.clerk.fallback must be true or false", ""),
        ('[agents.clerk]\nmodes = ["python"]\nrollout = 10', "need the mode 'direct'", "add 'direct'"),
        ("[agents]\nclerk = 3", "line 2: agents.clerk must be a table", "[agents.clerk]"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, toml: str, said: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(toml, tmp_path)
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_agents_are_not_set_by_variables(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a table") as caught:
        load_settings(tmp_path, environ={"UNDERPASS_AGENTS_CLERK_ROLLOUT": "10"})
    assert "[agents.clerk]" in caught.value.hint
