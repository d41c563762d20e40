"""An agent's files as they were at a moment, kept once for each content."""

from underpass.workspace.checkpoints.checkpoints import Checkpoint, Checkpoints, Restored
from underpass.workspace.checkpoints.difference import Difference

__all__ = ["Checkpoint", "Checkpoints", "Difference", "Restored"]
