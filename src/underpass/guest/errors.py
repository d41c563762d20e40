"""The errors that code in a sandbox can catch; they have the names that the host uses."""

from __future__ import annotations

from typing import Any, NoReturn


class HostError(Exception):
    """What the host answers in place of a value. ``hint`` and ``data`` say more."""

    def __init__(self, message: str, hint: str = "", data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = data or {}

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class WorkspaceFull(HostError):
    """There is no room for a file in the workspace; it was not written."""


class ResultNotFound(HostError):
    """No result that was kept has that handle."""


class ToolError(HostError):
    """A tool call failed. ``server``, ``tool``, ``hint`` and ``data`` say more."""

    @property
    def server(self) -> str | None:
        """The server that was called."""
        return self.data.get("server")

    @property
    def tool(self) -> str | None:
        """The tool that was called."""
        return self.data.get("tool")


class ToolNotFound(ToolError):
    """The server has no such tool, or there is no such server."""


class ToolArgumentsInvalid(ToolError):
    """The arguments do not fit the tool's schema."""


class ToolFailed(ToolError):
    """The tool ran and reported an error."""


class ToolTimeout(ToolError):
    """The tool did not answer in time."""


class ToolUnavailable(ToolError):
    """The server is not reachable, or died during the call."""


class ToolChanged(ToolError):
    """The tool's definition is no longer the trusted one; nothing was called."""


class PermissionDenied(ToolError):
    """The policy, or the person who was asked, does not allow the call; nothing was called."""


class ToolLimitExceeded(ToolError):
    """A limit on calls, concurrency or bytes was reached."""


class SkillError(HostError):
    """Something about a skill: it is not there, cannot be used, or could not be saved."""


class SkillNotFound(SkillError):
    """There is no such skill, or no such version of it."""


class SkillInvalid(SkillError):
    """What a skill consists of breaks the rules of the format."""


class SkillRefused(SkillError):
    """A skill waits for a person's approval, or its folder is not trusted."""


class SkillStale(SkillError):
    """A tool that a skill calls is gone or changed, and its cases fail."""


class SkillNotSaved(SkillError):
    """A skill could not be saved; what was there before is as it was."""


_FAMILY = (
    *(HostError, WorkspaceFull, ResultNotFound, ToolError, *ToolError.__subclasses__()),
    *(SkillError, *SkillError.__subclasses__()),
)
KINDS = {kind.__name__: kind for kind in _FAMILY}


def raise_from_frame(error: dict[str, Any]) -> NoReturn:
    """Raise the error that a frame of the host describes."""
    known = {"type", "message", "hint"}
    data = {key: value for key, value in error.items() if key not in known}
    kind = KINDS.get(error.get("type", ""), ToolError)
    raise kind(error.get("message", "the tool call failed"), error.get("hint", ""), data)
