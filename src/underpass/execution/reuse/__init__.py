"""Gives the result of an equal run instead of running a program again."""

from underpass.execution.reuse.kept import KeptRun
from underpass.execution.reuse.runs import KeptRuns
from underpass.execution.reuse.watch import RunWatch

__all__ = ["KeptRun", "KeptRuns", "RunWatch"]
