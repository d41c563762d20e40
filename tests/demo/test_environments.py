import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.servers.real import ENVIRONMENTS

from underpass.demo.environments import SERVERS, ensure_environment, environment_path, is_ready
from underpass.errors import ServerUnavailable


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_of_the_demo_has_an_environment_with_its_command(name: str) -> None:
    environment = ensure_environment(name, ENVIRONMENTS)
    assert (environment / "bin" / name).exists()
    assert is_ready(name, ENVIRONMENTS)
    assert ensure_environment(name, ENVIRONMENTS) == environment


def test_an_interrupted_install_is_started_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_made = environment_path("mcp-server-time", tmp_path)
    (half_made / "left over").mkdir(parents=True)
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        half_made.mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("underpass.demo.environments.subprocess.run", run)
    assert ensure_environment("mcp-server-time", tmp_path) == half_made
    assert not (half_made / "left over").exists()
    assert "--require-hashes" in commands[-1]


def test_a_failed_install_says_what_failed_and_leaves_no_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "no matching distribution")

    monkeypatch.setattr("underpass.demo.environments.subprocess.run", run)
    with pytest.raises(ServerUnavailable, match="mcp-server-time could not be installed") as caught:
        ensure_environment("mcp-server-time", tmp_path)
    assert "no matching distribution" in caught.value.hint
    assert not is_ready("mcp-server-time", tmp_path)


def test_concurrent_callers_wait_for_one_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installs: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if "venv" in command:
            installs.append(command[-1])
            Path(command[-1]).mkdir()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("underpass.demo.environments.subprocess.run", run)
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(ensure_environment, ["mcp-server-time"] * 8, [tmp_path] * 8))
    assert made == {environment_path("mcp-server-time", tmp_path)}
    assert len(installs) == 1


def test_a_server_without_pins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pins for 'other'"):
        ensure_environment("other", tmp_path)


def test_pins_name_no_registry() -> None:
    for name in SERVERS:
        pins = (Path(__file__).parents[2] / "src/underpass/demo/pins" / f"{name}.txt").read_text()
        assert "://" not in pins
        assert "--hash=sha256:" in pins
