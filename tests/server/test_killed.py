"""A service that is killed in the middle of its work: what it had promised is there afterwards."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.cli.processes import background
from tests.patience import LONG
from tests.server.api_service import api, project_of_tenants

from underpass.server.tenancy.tokens import TokenStore

pytestmark = pytest.mark.requirement("R20", "R34", "R39")

QUICK = "from mcp_servers import hostile\nfor _ in range(3):\n    await hostile.echo()\n'done'"
WAITING = """
from mcp_servers import hostile
from pathlib import Path
for _ in range(3):
    await hostile.echo()
mark = Path("data") / "{0}"
if not mark.exists():
    mark.touch()
    while True: pass
"survived"
"""
CALLING = "from mcp_servers import hostile\nwhile True:\n    await hostile.echo()"
ENDS = ("_total", "_count", "_sum", "_bucket")


@contextmanager
def killed(folder: Path, token: str) -> Generator[httpx2.Client]:
    """A service that is killed in the end, together with a client of it."""
    with background("serve", "--http", "127.0.0.1:0", "--json", cwd=folder) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"].removesuffix("/mcp")
        headers = {"Authorization": f"Bearer {token}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=LONG) as client:
            yield client
            os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=LONG)


def accepted(client: httpx2.Client, code: str, **more: Any) -> str:
    answer = client.post("/api/runs", json={"code": code, "wait": False, "timeout_seconds": 600, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()["run"]


def counters(client: httpx2.Client) -> dict[str, float]:
    """What Prometheus would read, but for gauges."""
    found: dict[str, float] = {}
    for line in client.get("/metrics").text.splitlines():
        series, _, value = line.rpartition(" ")
        if not line.startswith("#") and series.partition("{")[0].endswith(ENDS):
            found[series] = float(value)
    return found


def figures(client: httpx2.Client) -> dict[str, Any]:
    return client.get("/api/metrics/code-execution").json()["summary"]


def listed(client: httpx2.Client) -> list[dict[str, Any]]:
    """All pages of the list of runs."""
    found: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while True:
        page = client.get("/api/runs", params={"limit": 10, **before}).json()
        found += page["runs"]
        if page["before"] is None:
            return found
        before = {"before": page["before"]}


def calls_of(client: httpx2.Client, run: str) -> int:
    journal = client.get(f"/api/runs/{run}").json()["journal"]
    return sum(call["state"] == "finished" for call in journal)


def test_a_killed_service_has_lost_no_run_and_its_counters_go_on(tmp_path: Path) -> None:
    project_of_tenants(tmp_path)
    token = TokenStore(tmp_path / ".underpass").create("acme", ["run", "read"])[1]
    with killed(tmp_path, token) as client:
        done = [client.post("/api/runs", json={"code": QUICK}).json()["run"] for _ in range(5)]
        waiting = [accepted(client, WAITING.format(n), agent=f"w{n}") for n in range(5)]
        calling = [accepted(client, CALLING, agent=f"c{n}") for n in range(5)]
        while any(calls_of(client, run) < 3 for run in (*waiting, *calling)):
            pass
        first, figures_before = counters(client), figures(client)
        late = [client.post("/api/runs", json={"code": QUICK}).json()["run"] for _ in range(3)]
        before = counters(client)
        fresh = [accepted(client, QUICK) for _ in range(5)]

    assert sum(value for name, value in before.items() if "executions_total" in name) == 8
    everything = [*done, *waiting, *calling, *late, *fresh]
    with api(tmp_path) as again:
        client = again.client(token)
        after = counters(client)
        assert {name: value for name, value in first.items() if after.get(name, 0) < value} == {}
        assert {name: value for name, value in before.items() if after.get(name, 0) < value} == {}
        assert figures(client)["runs"] >= figures_before["runs"] == 5
        assert figures(client)["calls"] >= figures_before["calls"] == 15

        runs = listed(client)
        assert sorted(each["run"] for each in runs) == sorted(everything)
        states = {each["run"]: each["state"] for each in runs}
        assert {states[run] for run in done} == {"ok"}
        assert {states[run] for run in waiting} == {"died"}
        assert {states[run] for run in calling} <= {"died", "undecided"}
        assert {states[run] for run in (*late, *fresh)} <= {"ok", "died", "undecided"}
        for run in calling:
            shown = client.get(f"/api/runs/{run}").json()
            assert bool(shown["undecided"]) is (states[run] == "undecided")

        resumed = [client.post(f"/api/runs/{run}/resume", json={}).json() for run in waiting]
        assert [each.get("value") for each in resumed] == ["survived"] * 5
        assert len(listed(client)) == len(everything)
        grown = counters(client)
        assert all(grown[name] >= value for name, value in after.items())
        series = 'underpass_executions_total{language="python",outcome="ok",sandbox="process"}'
        assert grown[series] == after[series] + 5
