"""Whether an answer is the expected one."""

from __future__ import annotations

import json
from typing import Any

from underpass.bench.task import Task


def is_expected(task: Task, answer: Any) -> bool:
    """Whether an answer is what the task expects, as JSON: neither the order of keys nor tuples matter."""
    return _plain(answer) == _plain(task.expected)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
