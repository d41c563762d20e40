"""Underpass's own agent, with a model that follows a script: every text is the agent's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from underpass.agent import CodeAgent, Mode
from underpass.bench.answers import is_expected
from underpass.bench.arms.scripted import ScriptedModel
from underpass.bench.conversation import Spent
from underpass.bench.place import Place
from underpass.bench.task import Task

if TYPE_CHECKING:
    from underpass.agent.backend import Backend

_MOST_TURNS = 64


class Agent:
    """A ``CodeAgent`` in one mode.

    Parameters:
        mode: of the agent; ``auto`` is the arm of that name.
    """

    def __init__(self, mode: Mode) -> None:
        self._mode: Mode = mode
        self.name = "auto" if mode == "auto" else f"agent-{mode}"

    async def carry_out(self, task: Task, place: Place) -> Spent:
        """Give the agent the command."""
        script = ScriptedModel(task, place)
        # Of an Underpass the agent needs what a part of one has.
        agent = CodeAgent(cast("Backend", place.view), script.model(), mode=self._mode, max_turns=_MOST_TURNS)
        outcome = await agent.run(task.command)
        correct = outcome.ok and not script.trouble and is_expected(task, script.answer)
        chosen = outcome.mode if self._mode == "auto" else ""
        return script.talk.spent(correct=correct, note=": ".join(filter(None, [chosen, script.trouble])))
