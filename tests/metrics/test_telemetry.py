"""Spans of runs and calls, traces that go on in the servers, and what is sent by OpenTelemetry's protocol."""

import gzip
import re
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import Histogram
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.metrics.conftest import Open
from tests.metrics.rows import PLAIN
from tests.patience import LONG
from tests.servers import echoing_meta

from underpass import Underpass
from underpass.metrics.instruments import Instruments
from underpass.metrics.row import Ended
from underpass.metrics.sending import Sending, metrics_data

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R35")]


class Traces:
    """Spans that have ended, in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("test")

    def __call__(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if span.name == name]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def span_id(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


async def test_calls_are_spans_within_their_run(opened: Open) -> None:
    traces = Traces()
    async with opened() as up:
        up.metering.spans.tracer = traces.tracer
        result = await up.run(
            "import asyncio\nfrom mcp_servers import demo\n"
            "await asyncio.gather(*(demo.echo(secret='hunter2') for _ in range(3)))\n"
            "await demo.fail()",
            agent="acme.a",
        )
    (run,), calls, (failed,) = (traces(f"execute_tool {name}") for name in ("run_code", "echo", "fail"))
    assert {parent(span) for span in (*calls, failed)} == {span_id(run)}
    assert len(calls) == 3
    facts = attributes(run)
    assert facts["gen_ai.operation.name"] == "execute_tool"
    assert facts["underpass.run.id"] == result.run
    assert facts["gen_ai.agent.id"] == "acme.a"
    assert facts["underpass.run.sandbox"] == "process"
    assert facts["underpass.run.calls"] == 4
    assert facts["underpass.tokens.direct"] == result.tokens.direct
    assert facts["error.type"] == "ToolFailed"
    assert attributes(calls[0]) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "gen_ai.tool.type": "extension",
        "mcp.method.name": "tools/call",
        "underpass.server.name": "demo",
    }
    assert attributes(failed)["error.type"] == "ToolFailed"
    assert not failed.status.is_ok
    assert calls[0].status.is_ok or calls[0].status.is_unset
    assert "hunter2" not in repr([(span.name, attributes(span), span.events) for span in (run, *calls)])


async def test_runs_at_once_are_traces_of_their_own(opened: Open) -> None:
    traces = Traces()
    async with opened() as up:
        up.metering.spans.tracer = traces.tracer
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(up.run, "from mcp_servers import demo\nawait demo.echo(a=1)")
    runs, calls = traces("execute_tool run_code"), traces("execute_tool echo")
    assert len({span.context.trace_id for span in runs if span.context}) == 4
    assert sorted(map(parent, calls)) == sorted(map(span_id, runs))


async def test_a_run_is_part_of_the_trace_of_whoever_asked_for_it(opened: Open) -> None:
    traces = Traces()
    async with opened() as up:
        up.metering.spans.tracer = traces.tracer
        with traces.tracer.start_as_current_span("request"):
            await up.run("1")
        assert not trace.get_current_span().get_span_context().is_valid
    (request,), (run,) = traces("request"), traces("execute_tool run_code")
    assert parent(run) == span_id(request)


@pytest.mark.parametrize("own", [True, False])
async def test_the_trace_goes_on_in_the_server(tmp_path: Path, own: bool) -> None:
    traces = Traces()
    entry = {"command": sys.executable, "args": [echoing_meta.__file__]}
    async with Underpass.open({"echoing": entry}, home=tmp_path, settings={"run.check": False}) as up:
        up.metering.spans.tracer = traces.tracer if own else None
        with traces.tracer.start_as_current_span("request"):
            result = await up.run("from mcp_servers import echoing\nawait echoing.meta()")
    found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[13]", result.value["meta"]["traceparent"])
    assert found is not None, result
    (request,) = traces("request")
    assert request.context is not None
    assert int(found[1], 16) == request.context.trace_id
    calls = traces("execute_tool meta")
    assert [int(found[2], 16)] == ([span_id(calls[0])] if own else [span_id(request)])


async def test_a_run_that_nobody_follows_has_no_spans(opened: Open) -> None:
    async with opened() as up:
        result = await up.run("from mcp_servers import demo\nawait demo.echo(a=1)")
    assert result.ok
    assert not trace.get_current_span().is_recording()


@contextmanager
def collector() -> Generator[tuple[str, dict[str, list[bytes]]]]:
    """Takes what is sent, as a collector does."""
    received: dict[str, list[bytes]] = {"/v1/metrics": [], "/v1/traces": []}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received[self.path].append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


async def test_metrics_and_traces_are_sent_where_the_environment_says(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as (address, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "crane-office")
        async with opened() as up:
            await up.run("from mcp_servers import demo\nawait demo.echo(a=1)")
    metrics = ExportMetricsServiceRequest.FromString(received["/v1/metrics"][-1]).resource_metrics[0]
    service = {each.key: each.value.string_value for each in metrics.resource.attributes}["service.name"]
    assert service == "crane-office"
    found = {metric.name: metric for metric in metrics.scope_metrics[0].metrics}
    (executions,) = found["underpass_executions"].sum.data_points
    assert executions.as_double == 1
    assert {each.key: each.value.string_value for each in executions.attributes} == {
        "language": "python",
        "sandbox": "process",
        "outcome": "ok",
    }
    (duration,) = found["underpass_execution_duration_seconds"].histogram.data_points
    assert (duration.count, sum(duration.bucket_counts)) == (1, 1)
    assert found["underpass_execution_duration_seconds"].unit == "s"
    spans = ExportTraceServiceRequest.FromString(received["/v1/traces"][-1]).resource_spans[0]
    names = {span.name for scope in spans.scope_spans for span in scope.spans}
    assert names == {"execute_tool run_code", "execute_tool echo"}


async def test_metrics_are_sent_again_and_again(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (address, received):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{address}/v1/metrics")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "5")
        async with opened():
            with anyio.fail_after(LONG):
                while len(received["/v1/metrics"]) < 3:  # noqa: ASYNC110 - another thread's
                    await anyio.sleep(0.01)


class Refusing:
    """Sends nothing, and says so."""

    def export(self, metrics_data: object) -> object:
        raise RuntimeError("no room")

    def shutdown(self) -> object:
        return None


async def test_what_goes_wrong_with_sending_is_said_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Sending(Instruments(), Resource.create({}), metrics=Refusing(), traces=None):
        pass
    assert "metrics were not sent: no room" in caplog.messages


@pytest.mark.parametrize(
    ("environ", "sends"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9"}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"}, False),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
                "OTEL_METRIC_EXPORT_INTERVAL": "soon",
            },
            True,
        ),
    ],
)
def test_the_environment_says_what_is_sent(environ: dict[str, str], sends: bool | None) -> None:
    sending = Sending.from_environment(Instruments(), environ)
    assert (sending is None) == (sends is None)
    if sending is not None:
        assert (sending.tracer is not None) == sends


async def test_a_collector_that_is_gone_harms_no_run(
    opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with collector() as (address, _):
        pass
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    async with opened() as up:
        assert (await up.run("6 * 7")).value == 42


def test_histograms_are_the_same_by_both_ways() -> None:
    instruments, record = Instruments(), None
    for milliseconds in (0.4, 3.0, 3.0, 90_000.0):
        instruments.note([(Ended(record, "ok"), _took(milliseconds))], [])  # type: ignore[arg-type] - not read
    (resource,) = metrics_data(instruments, Resource.create({})).resource_metrics
    (data,) = (
        metric.data
        for metric in resource.scope_metrics[0].metrics
        if metric.name == "underpass_execution_duration_seconds"
    )
    assert isinstance(data, Histogram)
    (point,) = data.data_points
    assert (point.count, point.min, point.max) == (4, 0.0, 60.0)
    assert point.sum == pytest.approx(90.0064)
    assert list(point.bucket_counts)[:4] == [1, 0, 2, 0]
    assert list(point.bucket_counts)[-1] == 1


def _took(milliseconds: float) -> Any:
    from dataclasses import replace

    return replace(PLAIN, total_ms=milliseconds)
