"""The one set of instruments of a process, for Prometheus and for OpenTelemetry."""

from __future__ import annotations

import platform
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from underpass import errors
from underpass.metrics import tokens
from underpass.metrics.instrument import Instrument, Labels, Names
from underpass.metrics.row import Ended, RunRow
from underpass.metrics.store import PromptRow

if TYPE_CHECKING:
    from underpass.execution.result import ToolCall

SERVERS: Final = 50
"""Servers that have a name of their own in labels."""
TOOLS: Final = 200
"""Tools of all servers that have one."""
_ERRORS: Final = frozenset(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.UnderpassError)
)
_INTERRUPTED: Final = "Interrupted"
_CODE_ERROR: Final = "CodeError"
"""What stands for the exceptions that programs raise, which can have any name."""
_UNKNOWN: Final = frozenset({"ToolNotFound", "ServerNotFound"})
"""Errors of calls whose names are whatever a program has asked for."""

Gauges = Callable[[], Mapping[Labels, float]]


class Instruments:
    """What this process has counted since it began.

    Counting needs no package besides Underpass. Reading it as Prometheus does, and sending it, needs the
    extra ``telemetry``.
    """

    def __init__(self) -> None:
        self.began = time.time()
        """Seconds since 1970."""
        self.executions = Instrument(
            "underpass_executions", "counter", "Runs that ended", ("language", "sandbox", "outcome")
        )
        self.duration = Instrument(
            "underpass_execution_duration_seconds",
            "histogram",
            "Time of runs, from the request to the answer",
            ("language",),
            "seconds",
        )
        self.queue = Instrument(
            "underpass_execution_queue_seconds",
            "histogram",
            "Time that runs waited for a sandbox",
            ("language",),
            "seconds",
        )
        self.start = Instrument(
            "underpass_execution_start_seconds",
            "histogram",
            "Time from the lease of a sandbox to the first line of code",
            ("language",),
            "seconds",
        )
        self.code_lines = Instrument(
            "underpass_code_lines", "counter", "Lines of programs that ran", ("language",)
        )
        self.calls = Instrument(
            "underpass_tool_calls",
            "counter",
            "Tool calls that ended; source says what answered them",
            ("server", "tool", "outcome", "source"),
        )
        self.call_duration = Instrument(
            "underpass_tool_call_duration_seconds", "histogram", "Time of tool calls", ("server",), "seconds"
        )
        self.result_bytes = Instrument(
            "underpass_tool_result_bytes", "counter", "Results of tools, as JSON", ("server",), "bytes"
        )
        self.tokens = Instrument(
            "underpass_context_tokens",
            "counter",
            "Tokens by kind: definitions_direct, calls and results are what direct calls would have put into"
            " the context; definitions_code, prompts, code and answers are what was",
            ("kind",),
        )
        self.cache_hits = Instrument(
            "underpass_cache_hits", "counter", "Runs and calls that an earlier one answered", ("cache",)
        )
        self.policy = Instrument(
            "underpass_policy_decisions",
            "counter",
            "Decisions about calls: what the policy said, and what came of it",
            ("effect", "outcome"),
        )
        self.errors = Instrument(
            "underpass_errors",
            "counter",
            "Runs and calls that failed, by the type of error",
            ("scope", "error"),
        )
        self.lost = Instrument(
            "underpass_metrics_lost_runs", "gauge", "Runs that could not be recorded in the statistics"
        )
        self.sandboxes = Instrument(
            "underpass_sandboxes", "gauge", "Sandboxes by language and state", ("language", "state")
        )
        self.waiting = Instrument(
            "underpass_waiting_runs", "gauge", "Runs that wait for a sandbox", ("language",)
        )
        self.sessions = Instrument("underpass_sessions", "gauge", "Sessions whose variables are kept")
        self.servers = Instrument("underpass_servers", "gauge", "Configured servers by state", ("state",))
        self.tools = Instrument(
            "underpass_tools", "gauge", "Tools that are known, and those left out or repaired", ("state",)
        )
        self.build_info = Instrument(
            "underpass_build_info", "gauge", "1; the labels say what runs", ("version", "python", "tokenizer")
        )
        self.start_time = Instrument(
            "underpass_start_time_seconds",
            "gauge",
            "When this process began, in seconds since 1970",
            unit="seconds",
        )
        self._counting = threading.Lock()
        self._server, self._tool = Names(SERVERS), Names(TOOLS)
        self._decisions: Counter[Labels] = Counter()
        self._outside: deque[ToolCall] = deque()
        self._gauges: list[tuple[Instrument, Gauges]] = []
        self._settle: Callable[[], object] = lambda: None
        self.build_info.put({(version("underpass"), platform.python_version(), tokens.TOKENIZER): 1.0})
        self.start_time.put({(): self.began})

    def watch(self, gauge: Instrument, values: Gauges) -> None:
        """Have a gauge read from ``values`` each time that somebody wants to know."""
        self._gauges.append((gauge, values))

    def settle_by(self, settle: Callable[[], object]) -> None:
        """Have ``settle`` count what waits, each time that somebody wants to know."""
        self._settle = settle

    def decided(self, effect: str, outcome: str) -> None:
        """Count a decision of the policy, in the thread of the event loop."""
        self._decisions[effect, outcome] += 1

    def called(self, call: ToolCall) -> None:
        """Count a call from outside of any run."""
        self._outside.append(call)

    def name_of(self, server: str, tool: str) -> tuple[str, str]:
        """Return what a tool is called in labels from now on."""
        named = self._server(server)
        if named == Names.OTHER or self._tool(f"{server}.{tool}") == Names.OTHER:
            return named, Names.OTHER
        return named, tool

    def note(self, runs: Iterable[tuple[Ended, RunRow]], prompts: Iterable[PromptRow]) -> None:
        """Count runs that ended, with their calls, and prompts; for any thread."""
        with self._counting:
            for ended, row in runs:
                self._note_run(row)
                for call in ended.calls if not ended.cached else ():
                    self._note_call(call)
            for prompt in prompts:
                self.tokens.add(prompt.tokens, "prompts")

    def exposition(self) -> tuple[bytes, str]:
        """Return all metrics as Prometheus reads them, and the content type. It waits for the disk.

        Raises:
            ConfigError: the extra ``telemetry`` is not installed; the hint says how to.
        """
        from underpass.metrics.exposition import exposition

        return exposition(self.read())

    def read(self) -> list[Instrument]:
        """Return all instruments, brought up to date. It waits for the disk."""
        self._settle()
        with self._counting:
            while self._outside:
                self._note_call(self._outside.popleft())
            self.policy.put({labels: float(count) for labels, count in list(self._decisions.items())})
            for gauge, values in self._gauges:
                gauge.put(values())
            return self.all

    @property
    def all(self) -> list[Instrument]:
        """All instruments, by name."""
        found = [each for each in vars(self).values() if isinstance(each, Instrument)]
        return sorted(found, key=lambda each: each.name)

    def _note_run(self, row: RunRow) -> None:
        language = row.language
        outcome = row.outcome if row.outcome == "ok" else _error(row.outcome)
        self.executions.add(1, language, row.sandbox or "unknown", outcome)
        self.code_lines.add(row.code_lines, language)
        if outcome != "ok":
            self.errors.add(1, "run", outcome)
        if row.cached:
            self.cache_hits.add(1, "run")
        if row.sandbox:
            self.duration.observe(row.total_ms / 1e3, language)
        if row.sandbox and not row.cached:
            self.queue.observe(row.queue_ms / 1e3, language)
            self.start.observe(row.start_ms / 1e3, language)
        for kind, count in row.token_kinds().items():
            if count:
                self.tokens.add(count, kind)

    def _note_call(self, call: ToolCall) -> None:
        server, tool = self._names(call)
        source = "cache" if call.cached else "server"
        self.calls.add(1, server, tool, "ok" if call.ok else "error", source)
        self.call_duration.observe(call.duration_ms / 1e3, server)
        self.result_bytes.add(call.bytes_out, server)
        if call.cached:
            self.cache_hits.add(1, "call")
        if call.error is not None:
            self.errors.add(1, "call", _error(call.error))

    def _names(self, call: ToolCall) -> tuple[str, str]:
        if call.error in _UNKNOWN:
            return Names.OTHER, Names.OTHER
        return self.name_of(call.server, call.tool)


def _error(name: str) -> str:
    return name if name in _ERRORS or name == _INTERRUPTED else _CODE_ERROR
