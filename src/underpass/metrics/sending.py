"""Sends metrics and traces by OpenTelemetry's protocol, as the variables ``OTEL_*`` say."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import anyio.to_thread

from underpass.background import Background
from underpass.metrics.instrument import Instrument
from underpass.metrics.instruments import Instruments

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

INTERVAL: Final = 60_000.0
"""Milliseconds between two exports of metrics where ``OTEL_METRIC_EXPORT_INTERVAL`` says nothing else."""
_SCOPE: Final = "underpass"
_LOG: Final = logging.getLogger("underpass.telemetry")


class Exporter(Protocol):
    """Sends metrics."""

    def export(self, metrics_data: MetricsData) -> object:
        """Send them."""
        ...

    def shutdown(self) -> object:
        """Send no more."""
        ...


class Sending(Background):
    """Sends what the environment asks for; enter it before use.

    Parameters:
        metrics: sends the instruments; None sends none.
        traces: where spans go; None for nowhere.
        interval: seconds between two exports of metrics.
    """

    def __init__(
        self,
        instruments: Instruments,
        resource: Resource,
        *,
        metrics: Exporter | None,
        traces: TracerProvider | None,
        interval: float = INTERVAL / 1e3,
    ) -> None:
        self._instruments = instruments
        self._resource = resource
        self._metrics = metrics
        self._traces = traces
        self._interval = interval

    @classmethod
    def from_environment(
        cls, instruments: Instruments, environ: Mapping[str, str] = os.environ
    ) -> Sending | None:
        """Return what sends, or None where ``OTEL_EXPORTER_OTLP_ENDPOINT`` and its kin ask for nothing.

        Where the extra ``telemetry`` is missing nothing is sent, and that is said in the log.
        """
        wants_metrics, wants_traces = _wants(environ, "METRICS"), _wants(environ, "TRACES")
        if not wants_metrics and not wants_traces:
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            _LOG.warning(
                "OTEL_EXPORTER_OTLP_ENDPOINT is set, but nothing is sent: pip install 'underpass[telemetry]'"
            )
            return None
        # The variable's name wins over ours only where it is left to it.
        resource = Resource.create({} if environ.get("OTEL_SERVICE_NAME") else {"service.name": _SCOPE})
        traces = None
        if wants_traces:
            traces = TracerProvider(resource=resource)
            traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(
            instruments,
            resource,
            metrics=OTLPMetricExporter() if wants_metrics else None,
            traces=traces,
            interval=_interval(environ),
        )

    @property
    def tracer(self) -> Tracer | None:
        """What makes spans that are sent."""
        return None if self._traces is None else self._traces.get_tracer(_SCOPE)

    async def _work(self) -> None:
        while self._metrics is not None:
            await anyio.sleep(self._interval)
            await anyio.to_thread.run_sync(self._send, self._metrics)

    async def _finish(self) -> None:
        await anyio.to_thread.run_sync(self._send_last)

    def _send_last(self) -> None:
        if self._metrics is not None:
            self._send(self._metrics)
            self._metrics.shutdown()
        if self._traces is not None:
            self._traces.shutdown()

    def _send(self, exporter: Exporter) -> None:
        try:
            exporter.export(metrics_data(self._instruments, self._resource))
        except Exception as error:  # noqa: BLE001 - runs go on, whatever becomes of their metrics
            _LOG.warning("metrics were not sent: %s", error)


def metrics_data(instruments: Instruments, resource: Resource) -> MetricsData:
    """Return the instruments as OpenTelemetry's protocol has them, cumulative since the process began."""
    from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    since, now = int(instruments.began * 1e9), time.time_ns()
    metrics = [
        Metric(each.name, each.text, _UNITS.get(each.unit, "1"), _data(each, since, now))
        for each in instruments.read()
        if each.values
    ]
    scope = ScopeMetrics(InstrumentationScope(_SCOPE), metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


_UNITS: Final = {"seconds": "s", "bytes": "By"}


def _data(instrument: Instrument, since: int, now: int) -> Any:
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Histogram,
        HistogramDataPoint,
        NumberDataPoint,
        Sum,
    )

    def named(values: tuple[str, ...]) -> dict[str, str]:
        return dict(zip(instrument.labels, values, strict=True))

    cumulative = AggregationTemporality.CUMULATIVE
    if instrument.kind == "histogram":
        points = [
            HistogramDataPoint(
                attributes=named(values),
                start_time_unix_nano=since,
                time_unix_nano=now,
                count=sum(seen.counts),
                sum=seen.sum,
                bucket_counts=seen.counts,
                explicit_bounds=instrument.bounds,
                min=_least(instrument.bounds, seen.counts),
                max=_most(instrument.bounds, seen.counts),
            )
            for values, seen in instrument.distributions()
        ]
        return Histogram(points, cumulative)
    numbers = [
        NumberDataPoint(named(values), since, now, value) for values, value in list(instrument.values.items())
    ]
    return Sum(numbers, cumulative, is_monotonic=True) if instrument.kind == "counter" else Gauge(numbers)


def _least(bounds: tuple[float, ...], counts: tuple[int, ...]) -> float:
    """The lower bound of the first bucket that has anything."""
    return next((low for (low, _), n in zip(pairwise((0.0, *bounds)), counts, strict=False) if n), bounds[-1])


def _most(bounds: tuple[float, ...], counts: tuple[int, ...]) -> float:
    """The upper bound of the last bucket that has anything; the greatest there is for what is beyond."""
    return next(
        (high for high, n in zip(reversed((*bounds, bounds[-1])), reversed(counts), strict=True) if n), 0
    )


def _wants(environ: Mapping[str, str], what: str) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environ.get(f"OTEL_{what}_EXPORTER", "otlp") != "otlp":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{what}_ENDPOINT")
    return any(environ.get(name) for name in names)


def _interval(environ: Mapping[str, str]) -> float:
    try:
        milliseconds = float(environ.get("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL))
    except ValueError:
        milliseconds = INTERVAL
    return (milliseconds if milliseconds > 0 else INTERVAL) / 1e3
