"""Whether the tools of a skill are still what they were when it was saved."""

from underpass.skills.drift.admission import DriftAdmission
from underpass.skills.drift.differences import Drift

__all__ = ["Drift", "DriftAdmission"]
