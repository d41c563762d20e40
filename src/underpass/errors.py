"""Every error that Underpass raises.

    UnderpassError
    ├── ConfigError              a configuration file cannot be used
    ├── ServerNotFound           no configured server has that name
    ├── ServerUnavailable        a server could not be started, reached or listed
    ├── LoginFailed              a login was refused, or nobody came back from it
    ├── GenerationFailed         modules could not be generated
    ├── ValidationFailed         a request was refused before anything ran
    ├── ResultNotFound           no kept result has that handle
    ├── SandboxUnavailable       the isolation asked for cannot be had here
    ├── Overloaded               every sandbox is busy and the queue is full
    ├── ModelFailed              a language model could not be asked, or gave no answer
    ├── ExecutionError           a run ended without its value
    │   ├── CodeError            the program is no valid code, or raised
    │   ├── Timeout              the run's wall-clock limit passed
    │   ├── LimitExceeded        another limit of the run was reached
    │   │   └── WorkspaceFull    the agent's files reached their quota
    │   ├── ResultInvalid        the value cannot be expressed as JSON, or is too large
    │   ├── SandboxCrashed       the sandbox died (a signal, a segfault, the memory limit)
    │   ├── RunDiverged          a resumed run did not do again what it had done
    │   ├── CallUnknown          nobody knows whether a call of a run that died has happened
    │   └── Cancelled            the caller ended the run
    └── ToolError                a tool call failed; code in the sandbox can catch it
        ├── ToolNotFound         the server has no such tool
        ├── ToolArgumentsInvalid the arguments do not fit the tool's schema
        ├── ToolFailed           the tool ran and reported an error
        ├── ToolTimeout          the tool did not answer in time
        ├── ToolUnavailable      the server is not reachable, or died during the call
        ├── PermissionDenied     the policy, or the person who was asked, does not allow the call
        ├── ToolChanged          the tool is no longer what was trusted; the call was not made
        └── ToolLimitExceeded    a limit on calls, concurrency or bytes was reached

Each error has a ``message`` for people, a ``hint`` that says what to do next, and ``data`` for
programs. The names of the ``ToolError`` family are the same inside a sandbox.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def did_you_mean(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of ``known`` that resemble ``name``, the nearest first."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(name.casefold(), by_fold, n=3, cutoff=0.6)
    return [by_fold[match] for match in matches]


class UnderpassError(Exception):
    """The root of the tree.

    Parameters:
        message: what happened, one sentence.
        hint: what to do next; empty when there is nothing useful to say.
        data: facts that a caller may act on; JSON values only.
    """

    def __init__(self, message: str, *, hint: str = "", **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.data = data

    @property
    def type(self) -> str:
        """The error's name, as results and the sandbox show it."""
        return type(self).__name__

    def to_dict(self) -> dict[str, Any]:
        """The error as one JSON object: ``type``, ``message``, ``hint`` and its data."""
        return {"type": self.type, "message": self.message, "hint": self.hint, **self.data}


class ConfigError(UnderpassError):
    """A configuration file is missing, malformed or contradictory (``path``, ``line``, ``column``)."""


class ServerNotFound(UnderpassError):
    """No configured server has that name (``server``, ``known``)."""

    @classmethod
    def named(cls, server: str, known: Iterable[str]) -> ServerNotFound:
        """Build the error with suggestions taken from the ``known`` names."""
        names = sorted(known)
        return cls(
            f"no server is named {server!r}", hint=_suggestion(server, names), server=server, known=names
        )


class ServerUnavailable(UnderpassError):
    """A server could not be started, reached or listed (``server``, ``stderr``, ``needs_login``)."""


class LoginFailed(UnderpassError):
    """A login at an authorization server came to nothing (``server``)."""


class GenerationFailed(UnderpassError):
    """Modules could not be generated (``server``, ``tool``)."""


class ValidationFailed(UnderpassError):
    """A request was refused before anything ran."""


class ResultNotFound(UnderpassError):
    """No result that was kept has that handle (``handle``)."""


class SandboxUnavailable(UnderpassError):
    """The isolation asked for cannot be had on this machine (``sandbox``, ``reasons``)."""


class Overloaded(UnderpassError):
    """Every sandbox is busy and the queue is full (``retry_after`` in seconds)."""


class ModelFailed(UnderpassError):
    """A language model could not be asked, or gave no answer.

    ``model``, ``cause`` (such as ``key``, ``rate_limit``, ``context_full``, ``connection``), ``status`` (of
    HTTP) and ``retry_after`` (seconds).
    """


class ExecutionError(UnderpassError):
    """A run ended without its value."""


class CodeError(ExecutionError):
    """The program is no valid code, or raised (``exception``, ``line``, ``traceback``)."""


class Timeout(ExecutionError):
    """The run's wall-clock limit passed (``timeout`` in seconds)."""


class LimitExceeded(ExecutionError):
    """A limit of the run was reached (``limit``, ``value``, ``setting``)."""


class WorkspaceFull(LimitExceeded):
    """The agent's files reached their quota (``limit``, ``value``, ``setting``, ``used_bytes``)."""


class ResultInvalid(ExecutionError):
    """The value cannot be expressed as JSON, or is too large (``path``)."""


class SandboxCrashed(ExecutionError):
    """The sandbox died (``signal`` or ``status``)."""


class RunDiverged(ExecutionError):
    """A resumed run did not do again what it had done (``expected``: the call; ``server``, ``tool``: now)."""


class CallUnknown(ExecutionError):
    """Nobody knows whether calls of a run have happened (``run``, ``calls``); a person has to decide."""

    @classmethod
    def of(cls, run: str, calls: Sequence[Mapping[str, Any]]) -> CallUnknown:
        """Build the error from the calls: ``sequence``, ``server``, ``tool`` and ``arguments`` of each."""
        shown = "; ".join(
            "call {sequence}, {server}.{tool}({arguments})".format(
                **{**call, "arguments": call["arguments"][:200]}
            )
            for call in calls
        )
        number = calls[0]["sequence"]
        return cls(
            f"it is not known whether this has happened: {shown}",
            hint=f"look at the server, then `underpass resume {run} --call-again {number}` if it has not, or "
            f"`--assume-done {number}=VALUE` with the value (JSON) that the code is to get if it has",
            run=run,
            calls=list(calls),
        )


class Cancelled(ExecutionError):
    """The caller ended the run."""


class ToolError(UnderpassError):
    """A tool call failed (``server``, ``tool``)."""


class ToolNotFound(ToolError):
    """The server has no such tool (``server``, ``tool``, ``known``)."""

    @classmethod
    def named(cls, server: str, tool: str, known: Iterable[str]) -> ToolNotFound:
        """Build the error with suggestions taken from the ``known`` names."""
        names = sorted(known)
        return cls(
            f"server {server!r} has no tool {tool!r}",
            hint=_suggestion(tool, names),
            server=server,
            tool=tool,
            known=names,
        )


class ToolArgumentsInvalid(ToolError):
    """The arguments do not fit the tool's schema (``parameter``, ``parameters``)."""


class ToolFailed(ToolError):
    """The tool ran and reported an error; ``message`` is the server's own text."""


class ToolTimeout(ToolError):
    """The tool did not answer in time (``timeout`` in seconds)."""


class ToolUnavailable(ToolError):
    """The server is not reachable, or died during the call (``stderr``)."""


class PermissionDenied(ToolError):
    """The policy, or the person who was asked, does not allow the call; it was not made (``rule``)."""


class ToolChanged(ToolError):
    """The tool's definition is no longer the trusted one; nothing was called.

    ``server``, ``tool``, ``parts`` (what changed, such as ``description``), ``trusted`` and ``found``
    (digests). The changed text itself is not in it: nobody has accepted that a model reads it.
    """


class ToolLimitExceeded(ToolError):
    """A limit on calls, concurrency or bytes was reached (``limit``, ``value``, ``setting``)."""


class SkillError(UnderpassError):
    """Something about a skill (``skill``)."""


class SkillNotFound(SkillError):
    """There is no such skill, or no such version of it (``skill``, ``version``)."""


class SkillInvalid(SkillError):
    """A skill's files break the rules of the format (``skill``, ``problems``)."""


class SkillRefused(SkillError):
    """A skill waits for a person's approval, or its folder is not trusted (``skill``, ``digest``)."""


class SkillStale(SkillError):
    """A tool that a skill calls is gone or changed, and its cases fail (``skill``, ``tools``, ``cases``)."""


class SkillNotSaved(SkillError):
    """A skill could not be saved (``skill``); what was there before is as it was."""


def _suggestion(name: str, known: list[str]) -> str:
    if matches := did_you_mean(name, known):
        return f"did you mean {' or '.join(map(repr, matches))}?"
    if not known:
        return "there are none: see `underpass tools`"
    shown = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    return f"there are: {shown}"
