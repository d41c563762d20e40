"""Writes the alert rules, the configuration of Prometheus and the Grafana dashboards.

``python -m deploy.generate`` writes them; a test compares what is committed with what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

FOLDER: Final = Path(__file__).parent
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_GENERATED: Final = "# Made by `python -m deploy.generate`; change that, not this.\n"

_RUNS: Final = "underpass_executions_total"
_FAILED: Final = f'{_RUNS}{{outcome!~"ok|Interrupted|Cancelled"}}'
_CALLS: Final = "underpass_tool_calls_total"
_FAILED_CALLS: Final = f'{_CALLS}{{outcome="error"}}'
_TOKENS: Final = "underpass_context_tokens_total"
_DIRECT: Final = f'{_TOKENS}{{kind=~"definitions_direct|calls|results"}}'
_SPENT: Final = f'{_TOKENS}{{kind=~"definitions_code|prompts|code|answers"}}'


def _rate(series: str, by: str = "", window: str = "$__rate_interval") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({series}[{window}]))"


def _quantile(share: float, histogram: str, by: str = "", window: str = "$__rate_interval") -> str:
    return f"histogram_quantile({share}, {_rate(f'{histogram}_bucket', f'le, {by}' if by else 'le', window)})"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person has to look at."""

    name: str
    expression: str
    lasts: str
    """How long it must hold."""
    severity: str
    summary: str
    description: str

    def to_dict(self) -> dict[str, Any]:
        """The alert as a rule."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.lasts,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.description},
        }


ALERTS: Final = (
    Alert(
        "UnderpassDown",
        'up{job="underpass"} == 0',
        "2m",
        "critical",
        "Underpass does not answer",
        "{{ $labels.instance }} could not be scraped for two minutes.",
    ),
    Alert(
        "UnderpassRunsFail",
        f"{_rate(_FAILED, window='10m')} / {_rate(_RUNS, window='10m')} > 0.3",
        "10m",
        "warning",
        "Many runs fail",
        "{{ $value | humanizePercentage }} of the runs of the last ten minutes failed;"
        " underpass_errors_total says with what.",
    ),
    Alert(
        "UnderpassSandboxesCrash",
        'sum(increase(underpass_errors_total{scope="run",error="SandboxCrashed"}[10m])) > 3',
        "0m",
        "warning",
        "Sandboxes crash",
        "{{ $value }} sandboxes died in the last ten minutes: too little memory is the usual cause.",
    ),
    Alert(
        "UnderpassSandboxesUnavailable",
        'sum(increase(underpass_errors_total{scope="run",error=~"SandboxUnavailable|Overloaded"}[5m])) > 0',
        "5m",
        "critical",
        "Runs find no sandbox",
        "Runs were refused for five minutes: `underpass doctor` says why, or there are too few sandboxes.",
    ),
    Alert(
        "UnderpassRunsWait",
        f"{_quantile(0.95, 'underpass_execution_queue_seconds', window='5m')} > 1",
        "10m",
        "warning",
        "Runs wait for a sandbox",
        "One run of twenty waits {{ $value | humanizeDuration }} or longer.",
    ),
    Alert(
        "UnderpassToolsFail",
        f"{_rate(_FAILED_CALLS, 'server', '10m')} / {_rate(_CALLS, 'server', '10m')} > 0.5",
        "10m",
        "warning",
        "The tools of a server fail",
        "{{ $value | humanizePercentage }} of the calls of {{ $labels.server }} failed.",
    ),
    Alert(
        "UnderpassServersFailed",
        'underpass_servers{state="failed"} > 0',
        "10m",
        "warning",
        "Servers cannot be started or reached",
        "{{ $value }} servers failed when they were needed last: `underpass tools` names them.",
    ),
    Alert(
        "UnderpassToolsChanged",
        'underpass_tools{state="changed"} > 0',
        "0m",
        "warning",
        "Tools are no longer what was trusted",
        "{{ $value }} tools are refused until somebody has looked at them: `underpass trust`.",
    ),
    Alert(
        "UnderpassProgramsAreDearer",
        f"sum(increase({_SPENT}[1d])) > sum(increase({_DIRECT}[1d])) and sum(increase({_RUNS}[1d])) > 100",
        "1h",
        "info",
        "Programs cost more tokens than direct calls would",
        "That was so in the last day; `underpass stats` says for which agents.",
    ),
    Alert(
        "UnderpassMetricsLost",
        "underpass_metrics_lost_runs > 0",
        "5m",
        "warning",
        "Statistics lack runs",
        "{{ $value }} runs could not be recorded: is the disk full?",
    ),
)


def rules() -> dict[str, Any]:
    """The alert rules."""
    return {"groups": [{"name": "underpass", "rules": [alert.to_dict() for alert in ALERTS]}]}


def configuration() -> dict[str, Any]:
    """A configuration of Prometheus that reads one Underpass on this machine."""
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": "underpass",
                "metrics_path": "/metrics",
                "static_configs": [{"targets": ["127.0.0.1:8765"]}],
            }
        ],
    }


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture of a dashboard."""

    title: str
    queries: Mapping[str, str]
    """By the legend: ``{{label}}`` stands for a label's value."""
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    stacked: bool = False
    description: str = ""

    def to_dict(self, number: int, x: int, y: int, height: int) -> dict[str, Any]:
        """The panel as Grafana has it."""
        custom = {"fillOpacity": 20, "stacking": {"mode": "normal"}} if self.stacked else {}
        defaults: dict[str, Any] = {"unit": self.unit, "custom": custom} if custom else {"unit": self.unit}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": height},
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "targets": [
                {
                    "refId": chr(ord("A") + place),
                    "datasource": _SOURCE,
                    "expr": expression,
                    "legendFormat": legend,
                    "instant": self.kind in ("stat", "table"),
                }
                for place, (legend, expression) in enumerate(self.queries.items())
            ],
        }


OVERVIEW: Final = (
    Panel(
        "Tokens saved",
        {"saved": f"sum(increase({_DIRECT}[$__range])) - sum(increase({_SPENT}[$__range]))"},
        kind="stat",
        width=6,
        description="Against an agent that makes the same calls itself. Negative: programs were dearer.",
    ),
    Panel("Runs", {"runs": f"sum(increase({_RUNS}[$__range]))"}, kind="stat", width=6),
    Panel(
        "Success rate",
        {"rate": f'sum(increase({_RUNS}{{outcome="ok"}}[$__range])) / sum(increase({_RUNS}[$__range]))'},
        unit="percentunit",
        kind="stat",
        width=6,
    ),
    Panel(
        "Time of a run, p95",
        {"p95": _quantile(0.95, "underpass_execution_duration_seconds", window="$__range")},
        unit="s",
        kind="stat",
        width=6,
    ),
    Panel(
        "Tokens avoided and spent",
        {"direct calls would have taken": _rate(_DIRECT), "programs took": _rate(_SPENT)},
        width=12,
        description="Tokens a second. The lower line is what went through the context.",
    ),
    Panel("Tokens by kind", {"{{kind}}": _rate(_TOKENS, "kind")}, width=12, stacked=True),
    Panel("Runs by outcome", {"{{outcome}}": _rate(_RUNS, "outcome")}, unit="ops", stacked=True),
    Panel(
        "Time of runs",
        {
            f"p{share:.0%}": _quantile(share, "underpass_execution_duration_seconds")
            for share in (0.5, 0.95, 0.99)
        },
        unit="s",
    ),
    Panel(
        "Time before the first line of code, p95",
        {
            "waiting for a sandbox": _quantile(0.95, "underpass_execution_queue_seconds"),
            "starting": _quantile(0.95, "underpass_execution_start_seconds"),
        },
        unit="s",
    ),
    Panel("Sandboxes", {"{{language}} {{state}}": "sum by (language, state) (underpass_sandboxes)"}),
    Panel("Waiting runs", {"{{language}}": "sum by (language) (underpass_waiting_runs)"}),
    Panel("Sessions", {"sessions": "sum(underpass_sessions)"}),
    Panel(
        "Failed runs by error",
        {"{{error}}": _rate('underpass_errors_total{scope="run"}', "error")},
        unit="ops",
    ),
    Panel("Answered by the cache", {"{{cache}}s": _rate("underpass_cache_hits_total", "cache")}, unit="ops"),
    Panel(
        "Decisions about calls",
        {"{{effect}}, {{outcome}}": _rate("underpass_policy_decisions_total", "effect, outcome")},
        unit="ops",
    ),
)

TOOLS: Final = (
    Panel(
        "Calls by server", {"{{server}}": _rate("underpass_tool_calls_total", "server")}, unit="ops", width=12
    ),
    Panel(
        "Failed calls by server",
        {"{{server}}": _rate(_FAILED_CALLS, "server")},
        unit="ops",
        width=12,
    ),
    Panel(
        "Time of calls, p95",
        {"{{server}}": _quantile(0.95, "underpass_tool_call_duration_seconds", "server")},
        unit="s",
        width=12,
    ),
    Panel(
        "Bytes of results",
        {"{{server}}": _rate("underpass_tool_result_bytes_total", "server")},
        unit="Bps",
        width=12,
    ),
    Panel(
        "The most called tools",
        {"{{server}}.{{tool}}": f"topk(20, sum by (server, tool) (increase({_CALLS}[$__range])))"},
        kind="table",
        width=12,
    ),
    Panel(
        "Failed calls by error",
        {"{{error}}": _rate('underpass_errors_total{scope="call"}', "error")},
        unit="ops",
    ),
    Panel("Servers", {"{{state}}": "sum by (state) (underpass_servers)"}),
    Panel("Tools", {"{{state}}": "sum by (state) (underpass_tools)"}),
    Panel("Versions", {"{{version}}": "count by (version) (underpass_build_info)"}),
)


def dashboard(title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    """A dashboard with its panels in rows of 24 columns."""
    return {
        "uid": title.lower().replace(" ", "-"),
        "title": title,
        "tags": ["underpass"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": list(_placed(panels)),
    }


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > 24:
            x, y = 0, y + height
        height = 4 if panel.kind == "stat" else 8
        yield panel.to_dict(number, x, y, height)
        x += panel.width


def files() -> dict[Path, str]:
    """All files with what is in them."""
    boards = {"overview": ("Underpass", OVERVIEW), "tools": ("Underpass tools", TOOLS)}
    return {
        FOLDER / "prometheus" / "rules.yml": _GENERATED + yaml.safe_dump(rules(), sort_keys=False, width=110),
        FOLDER / "prometheus" / "prometheus.yml": _GENERATED
        + yaml.safe_dump(configuration(), sort_keys=False),
        **{
            FOLDER / "grafana" / f"{name}.json": json.dumps(dashboard(*board), indent=2) + "\n"
            for name, board in boards.items()
        },
    }


def main() -> None:
    """Write the files."""
    for path, content in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
