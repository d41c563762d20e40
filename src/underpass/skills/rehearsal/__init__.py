"""Runs the recorded cases of skills: the same answers of the tools must give the same result."""

from underpass.skills.rehearsal.comparison import difference
from underpass.skills.rehearsal.rehearsal import Rehearsed, SandboxRehearsal

__all__ = ["Rehearsed", "SandboxRehearsal", "difference"]
