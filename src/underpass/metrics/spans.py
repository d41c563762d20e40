"""Spans of OpenTelemetry: a run, and in it its calls.

The names of attributes are those of the conventions for generative AI (``gen_ai.*``) and for MCP
(``mcp.*``); what they do not have begins with ``underpass.``. No span has code, arguments or results.

Spans go where the environment says (see ``sending``), and else to the tracer provider that the application
has set. Where there is neither nothing is made, and the trace of whoever asked for the run is still carried
to the servers: the SDK puts the ``traceparent`` of the current span into the ``_meta`` of each request.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from underpass.broker.journal.record import RunRecord
    from underpass.metrics.row import Ended

TRACER: Final = "underpass"
_NAME: Final = 200
"""Characters of a name in a span; programs may ask for tools of any name."""


class Spans:
    """Makes spans of runs and calls. It is a ``CallSpans``."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None
        """Makes the spans; None leaves it to the tracer provider of the application."""

    def run(self, run: RunRecord) -> RunSpan | None:
        """Begin the span of a run, in its task; None where nobody asks for traces."""
        if (tracer := self._any_tracer()) is None:
            return None
        span = tracer.start_span(
            "execute_tool run_code",
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
        """Begin the span of a call, in its task; None where nobody asks for traces."""
        if (tracer := self._any_tracer()) is None:
            return None
        span = tracer.start_span(
            f"execute_tool {tool[:_NAME]}",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool[:_NAME],
                "gen_ai.tool.type": "extension",
                "mcp.method.name": "tools/call",
                "underpass.server.name": server[:_NAME],
            },
        )
        return OpenSpan(span) if span.is_recording() else None

    def _any_tracer(self) -> Tracer | None:
        if self.tracer is not None:
            return self.tracer
        # Who has set a tracer provider has imported this; the others must not wait for it.
        trace: Any = sys.modules.get("opentelemetry.trace")
        if trace is None or trace._TRACER_PROVIDER is None:  # noqa: SLF001 - the public function makes one
            return None
        return trace.get_tracer(TRACER)


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
            self._span.set_attribute("error.type", error[:_NAME])
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
