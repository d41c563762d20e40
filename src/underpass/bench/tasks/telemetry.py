"""Logs and series of measurements, of which one figure for each service or endpoint is wanted."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import groupby
from typing import Any

from underpass.bench.servers.data import monitoring
from underpass.bench.task import ScriptedCall, Task, Turn


def _percentiles(requests: list[tuple[str, int]]) -> dict[str, int]:
    taken: defaultdict[str, list[int]] = defaultdict(list)
    for endpoint, milliseconds in requests:
        taken[endpoint].append(milliseconds)
    return {endpoint: sorted(values)[len(values) * 95 // 100] for endpoint, values in taken.items()}


async def _slow(turn: Turn) -> Any:
    arguments = {"service": "checkout", "level": "INFO", "limit": 5000}
    [text] = await turn(ScriptedCall("monitoring", "get_logs", arguments))
    found = re.findall(r"endpoint=(\S+) status=\d+ ms=(\d+)", text)
    return _percentiles([(endpoint, int(milliseconds)) for endpoint, milliseconds in found])


SLOW_ENDPOINTS = Task(
    name="slow-endpoints",
    kind="data-heavy",
    command=(
        "What is the 95th percentile of the response times (ms) of each endpoint in the checkout service's INFO "
        "log lines? Take the value at index n * 95 // 100 of the n sorted times."
    ),
    servers=("monitoring",),
    queries=("log lines of a service",),
    direct=_slow,
    python="""\
import re
from collections import defaultdict
from mcp_servers import monitoring

log = await monitoring.get_logs(service="checkout", level="INFO", limit=5000)
times = defaultdict(list)
for endpoint, ms in re.findall(r"endpoint=(\\S+) status=\\d+ ms=(\\d+)", log):
    times[endpoint].append(int(ms))
return {endpoint: sorted(values)[len(values) * 95 // 100] for endpoint, values in times.items()}
""",
    typescript="""\
import { monitoring } from "mcp-servers";

const log = await monitoring.getLogs({ service: "checkout", level: "INFO", limit: 5000 });
const times: Record<string, number[]> = {};
for (const [, endpoint, ms] of log.matchAll(/endpoint=(\\S+) status=\\d+ ms=(\\d+)/g)) {
  (times[endpoint] ??= []).push(Number(ms));
}
return Object.fromEntries(Object.entries(times).map(([endpoint, values]) => [
  endpoint,
  values.sort((a, b) => a - b)[Math.floor((values.length * 95) / 100)],
]));
""",
    code_mode="""\
import re

log = await call_tool(
    "monitoring_get_logs", {"service": "checkout", "level": "INFO", "limit": 5000}
)
times = {}
for endpoint, ms in re.findall(r"endpoint=(\\S+) status=\\d+ ms=(\\d+)", log):
    times.setdefault(endpoint, []).append(int(ms))
return {endpoint: sorted(values)[len(values) * 95 // 100] for endpoint, values in times.items()}
""",
    expected=_percentiles(
        [
            (entry["endpoint"], entry["ms"])
            for entry in monitoring.made()["logs"]["checkout"]
            if entry["level"] == "INFO"
        ]
    ),
)


def _longest(values: list[float]) -> int:
    return max(
        (len(list(run)) for high, run in groupby(values, key=lambda value: value > 120) if high), default=0
    )


async def _peaks(turn: Turn) -> Any:
    [services] = await turn(ScriptedCall("monitoring", "list_services"))
    metrics = await turn(
        *(
            ScriptedCall("monitoring", "get_metric", {"service": service, "metric": "latency_ms"})
            for service in services
        )
    )
    return {metric["service"]: _longest([value for _, value in metric["points"]]) for metric in metrics}


LATENCY_PEAKS = Task(
    name="latency-peaks",
    kind="data-heavy",
    command="For how many minutes in a row was the latency of each service above 120 ms, at most, in the last day?",
    servers=("monitoring",),
    queries=("list services", "a metric of a service over time"),
    direct=_peaks,
    python="""\
from mcp_servers import monitoring

peaks = {}
for service in await monitoring.list_services():
    metric = await monitoring.get_metric(service=service, metric="latency_ms")
    longest = current = 0
    for _, value in metric["points"]:
        current = current + 1 if value > 120 else 0
        longest = max(longest, current)
    peaks[service] = longest
return peaks
""",
    typescript="""\
import { monitoring } from "mcp-servers";

const peaks: Record<string, number> = {};
for (const service of await monitoring.listServices()) {
  const metric = await monitoring.getMetric({ service, metric: "latency_ms" });
  let longest = 0;
  let current = 0;
  for (const [, value] of metric.points) {
    current = value > 120 ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  peaks[service] = longest;
}
return peaks;
""",
    code_mode="""\
import json

services = (await call_tool("monitoring_list_services", {}))["result"]
peaks = {}
for service in services:
    metric = json.loads(
        await call_tool("monitoring_get_metric", {"service": service, "metric": "latency_ms"})
    )
    longest = 0
    current = 0
    for _, value in metric["points"]:
        current = current + 1 if value > 120 else 0
        longest = max(longest, current)
    peaks[service] = longest
return peaks
""",
    expected={
        service: _longest(metrics["latency_ms"]) for service, metrics in monitoring.made()["metrics"].items()
    },
)

TASKS = (SLOW_ENDPOINTS, LATENCY_PEAKS)
