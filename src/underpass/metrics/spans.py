"""Spans of OpenTelemetry: a run, and in it its calls.

The names of attributes are those of the conventions for generative AI (``gen_ai.*``) and for MCP
(``mcp.*``); what they do not have begins with ``underpass.``. No span has code, arguments or results.

Spans go to the tracer provider that the application has set. Without one nothing is made, and the trace of
whoever asked for the run is still carried to the servers, by the SDK, as ``traceparent`` in ``_meta``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from underpass.broker.journal.record import RunRecord
    from underpass.metrics.row import Ended

TRACER: Final = "underpass"


class Spans:
    """Makes spans of runs and calls. It is a ``CallSpans``."""

    def run(self, run: RunRecord) -> RunSpan | None:
        """Begin the span of a run, in its task; None where no application asks for traces."""
        # Who has set a tracer provider has imported this; the others must not wait for it.
        if (trace := sys.modules.get("opentelemetry.trace")) is None:
            return None
        span = trace.get_tracer(TRACER).start_span(
            "run_code",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "run_code",
                "gen_ai.tool.type": "function",
                "gen_ai.agent.id": run.agent,
                "underpass.run.id": run.run,
                "underpass.run.language": run.language,
                "underpass.run.attempt": run.attempts,
            },
        )
        return RunSpan(span) if span.is_recording() else None

    def call(self, server: str, tool: str) -> OpenSpan | None:
        """Begin the span of a call, in its task; None outside of a run that is followed."""
        if (trace := sys.modules.get("opentelemetry.trace")) is None:
            return None
        if not trace.get_current_span().is_recording():
            return None
        span = trace.get_tracer(TRACER).start_span(
            f"execute_tool {tool[:200]}",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.type": "extension",
                "mcp.method.name": "tools/call",
                "underpass.server.name": server,
            },
        )
        return OpenSpan(span)


class OpenSpan:
    """A span that is the current one until it ends, in the same task."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        from opentelemetry import context, trace

        self._span = span
        self._token: Token[Context] = context.attach(trace.set_span_in_context(span))

    def end(self, error: str | None) -> None:
        """End it; ``error`` is the type of the error that it ended with."""
        from opentelemetry import context, trace

        context.detach(self._token)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


class RunSpan:
    """The span of a run."""

    __slots__ = ("_open", "_span")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._open = OpenSpan(span)

    def end(self, ended: Ended) -> None:
        """End it with what there is to say of the run."""
        facts: dict[str, Any] = {
            "underpass.run.calls": len(ended.calls),
            "underpass.run.cached": ended.cached,
        }
        if ended.sandbox:
            facts["underpass.run.sandbox"] = ended.sandbox
        if (duration := ended.duration) is not None:
            facts["underpass.run.queue.duration"] = duration.queue / 1e3
            facts["underpass.run.start.duration"] = duration.start / 1e3
        if (tokens := ended.tokens) is not None:
            facts["underpass.tokens.context"] = tokens.context
            facts["underpass.tokens.direct"] = tokens.direct
        self._span.set_attributes(facts)
        self._open.end(None if ended.outcome in ("ok", "cached") else ended.outcome)
