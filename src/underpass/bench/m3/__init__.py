"""Tasks of M3ToolEval, a public comparison of agents, as a suite beside our own tasks.

M3ToolEval (xingyaoww/code-act, Copyright (c) 2024 Xingyao Wang) is under the MIT licence, which stands in
``LICENSE`` here. Its tasks' texts and answers are in ``tasks.json``, its tables in ``travel_data.py``; the
server and the programs are our own. Of its 82 tasks these are 38: those of sequences, trade and travel, but
two whose answers do not follow from their texts. Messages are left out; web pages cannot be programmed before
they were seen.
"""

from __future__ import annotations

from typing import Final

from underpass.bench.m3 import sequences, trade, travel
from underpass.bench.task import Task

TASKS: Final[tuple[Task, ...]] = (*sequences.TASKS, *trade.TASKS, *travel.TASKS)
