"""Which files of the workspace each run created, changed and removed."""

from underpass.workspace.changes.recorder import FileChanges
from underpass.workspace.changes.store import FileChange, FilesOfRun

__all__ = ["FileChange", "FileChanges", "FilesOfRun"]
