import signal
from pathlib import Path

import pytest
from tests.cli.command_line import write_config
from tests.cli.processes import Bell, alive, background, descendants

pytestmark = pytest.mark.requirement("R11", "R14")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("waiting", ["await asyncio.sleep(600)", "while True: pass"])
def test_a_signal_ends_a_run_and_every_process_it_started(
    tmp_path: Path, waiting: str, number: int, status: int
) -> None:
    write_config(tmp_path, "time")
    bell = Bell(tmp_path / "workspace" / "default")
    code = (
        "import asyncio\n"
        "from mcp_servers import time\n"
        "await time.get_current_time(timezone='UTC')\n"
        "open('bell', 'w').write('x')\n"
        f"{waiting}\n"
    )
    with background("run", "-c", code, cwd=tmp_path) as process:
        bell.wait()
        children = descendants(process.pid)
        process.send_signal(number)
        shown, error = process.communicate(timeout=30)
    assert process.returncode == status, error
    assert len(children) >= 2
    assert not [child for child in children if alive(child)]
    assert b"Traceback" not in shown + error


def test_sigterm_ends_a_background_job_of_a_script(tmp_path: Path) -> None:
    bell = Bell(tmp_path / "workspace" / "default")
    code = "import asyncio\nopen('bell', 'w').write('x')\nawait asyncio.sleep(600)"
    with background("run", "-c", code, cwd=tmp_path, job=True) as process:
        bell.wait()
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 143, error
