"""The service under load while its servers die and return, for some seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.patience import LONG

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="it looks at what processes have in /proc"),
    pytest.mark.slow,
    pytest.mark.requirement("R39", "R44"),
]


def test_a_service_whose_servers_die_loses_no_run_and_holds_on_to_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.service_soak", "--seconds", "20"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3_000:]}"
    assert (
        "| runs lost, listed twice, in another state than answered | 0, 0, 0 | 0, 0, 0 | yes |" in done.stdout
    )
