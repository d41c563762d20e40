"""Instruments as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from underpass.errors import ConfigError
from underpass.metrics.instrument import Instrument

if TYPE_CHECKING:
    from prometheus_client.core import Metric


def exposition(instruments: Iterable[Instrument]) -> tuple[bytes, str]:
    """Return the instruments in the text format, and its content type.

    Raises:
        ConfigError: the package for it is not installed.
    """
    try:
        from prometheus_client import exposition as text
        from prometheus_client.registry import Collector
    except ImportError as error:
        raise ConfigError(
            "metrics cannot be shown to Prometheus: the extra telemetry is not installed",
            hint="pip install 'underpass[telemetry]'",
        ) from error

    class Collected(Collector):
        def collect(self) -> Iterator[Metric]:
            return map(_family, instruments)

    return text.generate_latest(Collected()), text.CONTENT_TYPE_PLAIN_0_0_4


def _family(instrument: Instrument) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    name, text, labels = instrument.name, instrument.text, instrument.labels
    if instrument.kind == "histogram":
        family = HistogramMetricFamily(name, text, labels=labels)
        bounds = [*map(str, instrument.bounds), "+Inf"]
        for values, seen in instrument.distributions():
            buckets = list(zip(bounds, accumulate(seen.counts), strict=True))
            family.add_metric(values, buckets, seen.sum)
        return family
    made = CounterMetricFamily if instrument.kind == "counter" else GaugeMetricFamily
    family = made(name, text, labels=labels)
    for values, value in list(instrument.values.items()):
        family.add_metric(values, value)
    return family
