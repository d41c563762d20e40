"""What is deployed beside Underpass: rules and dashboards of the metrics that there are."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from deploy import generate
from tests.patience import LONG

from underpass.metrics.instruments import Instruments

pytestmark = [pytest.mark.requirement("R40")]

ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
SERIES = {
    f"{each.name}{ending}": {*each.labels, *({"le"} if ending == "_bucket" else ())}
    for each in Instruments().all
    for ending in ENDINGS[each.kind]
}


def expressions() -> list[str]:
    panels = (*generate.OVERVIEW, *generate.TOOLS)
    drawn = [query for panel in panels for query in panel.queries.values()]
    return [*drawn, *(alert.expression for alert in generate.ALERTS)]


def test_the_committed_files_are_what_the_generator_makes() -> None:
    for path, content in generate.files().items():
        assert path.read_text(encoding="utf-8") == content, f"python -m deploy.generate; {path} is not new"


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_label_that_is_used_exists(expression: str) -> None:
    used = re.findall(r"\b(underpass_\w+)(?:\{([^}]*)\})?", expression)
    assert used or expression.startswith("up{")
    known: set[str] = set()
    for name, selector in used:
        known |= SERIES[name]
        assert set(re.findall(r"(\w+)[=!]~?\"", selector)) <= SERIES[name]
    for by in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in by.split(",")} <= known


def test_what_legends_name_is_a_label_of_the_query() -> None:
    for panel in (*generate.OVERVIEW, *generate.TOOLS):
        for legend, query in panel.queries.items():
            for label in re.findall(r"\{\{(\w+)\}\}", legend):
                assert re.search(rf"by \([^)]*\b{label}\b", query), (panel.title, label)


def test_panels_do_not_overlap_and_dashboards_have_a_source_to_choose() -> None:
    for path in (generate.FOLDER / "grafana").glob("*.json"):
        board: dict[str, Any] = json.loads(path.read_text())
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken
            assert max(x for x, _ in cells) < 24
            taken |= cells
            assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        assert board["templating"]["list"][0]["name"] == "datasource"


@pytest.mark.skipif(which("promtool") is None, reason="no promtool (Debian's package prometheus)")
@pytest.mark.parametrize("check", [("rules", "rules.yml"), ("config", "prometheus.yml")])
def test_promtool_accepts_the_rules_and_the_configuration(check: tuple[str, str]) -> None:
    what, name = check
    folder = generate.FOLDER / "prometheus"
    done = subprocess.run(
        ["promtool", "check", what, name], cwd=folder, capture_output=True, check=False, timeout=LONG
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"SUCCESS" in done.stdout


ALERT_TEST = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'underpass_executions_total{language="python",outcome="ok"}', values: '0+1x30'}
      - {series: 'underpass_executions_total{language="python",outcome="Timeout"}', values: '0+2x30'}
      - {series: 'underpass_tools{state="changed"}', values: '0x10 1x20'}
      - {series: 'underpass_servers{state="failed"}', values: '0x30'}
    alert_rule_test:
      - eval_time: 25m
        alertname: UnderpassRunsFail
        exp_alerts: [{exp_labels: {severity: warning}, exp_annotations: {summary: Many runs fail, description:
          '66.67% of the runs of the last ten minutes failed; underpass_errors_total says with what.'}}]
      - eval_time: 5m
        alertname: UnderpassToolsChanged
        exp_alerts: []
      - eval_time: 25m
        alertname: UnderpassServersFailed
        exp_alerts: []
"""


@pytest.mark.skipif(which("promtool") is None, reason="no promtool (Debian's package prometheus)")
def test_alerts_are_raised_when_they_should_be(tmp_path: Path) -> None:
    rules = generate.FOLDER / "prometheus" / "rules.yml"
    (tmp_path / "test.yml").write_text(ALERT_TEST.replace("RULES", str(rules)))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=LONG,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
