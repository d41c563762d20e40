"""The API does what its own description says, whatever is sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.cli.command_line import write_config
from tests.patience import LONG
from tests.server.http_service import Service, serving

from underpass.server.api.openapi import document
from underpass.server.api.service import ENDPOINTS

pytestmark = [pytest.mark.requirement("R39", "R43")]
SETTINGS = "[service]\nrequests_per_second = 0\nlog = 'off'\n[run]\ntimeout = 5.0\n"
PROGRAM = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"


def try_it(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Let schemathesis send what the description allows, and what it does not."""
    write_config(folder, "time")
    (folder / "underpass.toml").write_text(SETTINGS, encoding="utf-8")
    with serving(folder) as service:
        headers = {"Authorization": f"Bearer {service.token}"}
        seed(service, headers)
        url = service.url.replace("/mcp", "/api/openapi.json")
        # It takes seconds each time, and starts every server.
        skipped = ["--exclude-path", "/api/doctor"]
        command = [sys.executable, "-c", PROGRAM, "run", url, "--checks", "all", "--seed", "1", "--no-color"]
        header = ["-H", f"Authorization: {headers['Authorization']}"]
        return subprocess.run(
            [*command, *skipped, *header, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )


def seed(service: Service, headers: dict[str, str]) -> None:
    code = "open('data/a', 'w').write('1')\nlist(range(20000))"
    base = service.url.removesuffix("/mcp")
    answer = httpx2.post(f"{base}/api/runs", json={"code": code}, headers=headers, timeout=LONG)
    assert answer.json()["truncated"]


def test_what_is_sent_to_each_route_is_answered_as_described(tmp_path: Path) -> None:
    done = try_it(tmp_path, "--phases", "fuzzing", "--max-examples", "2", "--exclude-path-regex", "events$")
    assert done.returncode == 0, done.stdout[-6_000:]


@pytest.mark.slow
def test_what_is_sent_at_the_edges_by_chance_and_in_sequence_is_answered_as_described(tmp_path: Path) -> None:
    done = try_it(tmp_path, "--phases", "coverage,fuzzing,stateful", "--max-examples", "8")
    assert done.returncode == 0, done.stdout[-6_000:]


def test_the_description_names_every_route_once_and_says_what_its_token_needs() -> None:
    described: dict[str, Any] = document(ENDPOINTS)
    assert described["openapi"] == "3.1.0"
    operations = [each for path in described["paths"].values() for each in path.values()]
    assert len(operations) == len(ENDPOINTS)
    assert len({each["operationId"] for each in operations}) == len(ENDPOINTS)
    for each in operations:
        assert each["summary"]
        assert each.get("security") == [{}, {"token": []}] or "needs the scope" in each["description"]
        assert {"401", "403", "429"} <= each["responses"].keys()
