"""The result of a run, as it is kept for equal ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from underpass.broker.cache.reads import Read
from underpass.broker.call import Freshness
from underpass.execution.result import Duration, RunResult, Tokens, ToolCall


@dataclass(frozen=True, slots=True)
class KeptRun:
    """What a run gave, and what has to be as it was for another to get the same."""

    value: Any
    stdout: str
    stderr: str
    tool_calls: tuple[ToolCall, ...]
    sandbox: str
    tokens: Tokens
    checked: bool | str
    servers: Mapping[str, tuple[str, str]]
    """The servers whose modules it had or whose tools it called, with the digests of what their tools are
    and of which server it was."""
    reads: tuple[Read, ...]
    skills: Mapping[str, str]
    """The digests of the skills that it could import, by what code calls them."""

    @classmethod
    def of(
        cls,
        result: RunResult,
        servers: Mapping[str, tuple[str, str]],
        reads: Sequence[Read],
        skills: Mapping[str, str],
    ) -> KeptRun:
        """Return what is kept of a run that went well."""
        return cls(
            result.value,
            result.stdout,
            result.stderr,
            tuple(replace(call, cached=True) for call in result.tool_calls),
            result.sandbox,
            result.tokens,
            result.checked,
            servers,
            tuple(reads),
            skills,
        )

    def dump(self) -> bytes:
        """Write it as JSON: what a program gives may be no number that others know."""
        reads = [[read.server, read.tool, read.digest, read.arguments.decode()] for read in self.reads]
        written: dict[str, Any] = {
            "value": self.value,
            "stdout": self.stdout,
            "stderr": self.stderr,
            "tool_calls": [asdict(call) for call in self.tool_calls],
            "sandbox": self.sandbox,
            "tokens": asdict(self.tokens),
            "checked": self.checked,
            "servers": self.servers,
            "reads": reads,
            "skills": self.skills,
        }
        return json.dumps(written, separators=(",", ":")).encode("ascii")

    @classmethod
    def load(cls, content: bytes) -> KeptRun:
        """Read what ``dump`` has written."""
        read: dict[str, Any] = json.loads(content)
        return cls(
            read["value"],
            read["stdout"],
            read["stderr"],
            tuple(ToolCall(**call) for call in read["tool_calls"]),
            read["sandbox"],
            Tokens(**read["tokens"]),
            read["checked"],
            {server: (tools, which) for server, (tools, which) in read["servers"].items()},
            tuple(
                Read(server, tool, digest, arguments.encode(), Freshness(0, 0, 0))
                for server, tool, digest, arguments in read["reads"]
            ),
            read["skills"],
        )

    def result(self, run: str, language: str, milliseconds: float) -> RunResult:
        """Return it as the result of another run, which took so long."""
        return RunResult(
            run=run,
            ok=True,
            value=self.value,
            stdout=self.stdout,
            stderr=self.stderr,
            error=None,
            tool_calls=self.tool_calls,
            duration=Duration(total=milliseconds, queue=0, start=0, run=0),
            sandbox=self.sandbox,
            language=language,
            tokens=self.tokens,
            checked=self.checked,
            cached=True,
        )
