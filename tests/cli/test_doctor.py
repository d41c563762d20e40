import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import Finished, underpass, write_config

pytestmark = pytest.mark.requirement("R36")


def checks(done: Finished) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in done.json["checks"]}


def test_doctor_checks_everything_and_is_content(tmp_path: Path) -> None:
    write_config(tmp_path, "time")
    done = underpass("doctor", "--json", cwd=tmp_path)
    assert done.status == 0, done.stdout
    found = checks(done)
    assert {"python", "tokenizer", "state", "configuration", "server: time"} < set(found)
    assert any(name.startswith("sandbox: ") for name in found)
    assert all(check["what"] and check["why"] for check in found.values())
    assert "2 tools" in found["server: time"]["what"]


def test_doctor_says_how_to_mend_a_server_that_does_not_start(tmp_path: Path) -> None:
    write_config(
        tmp_path, broken={"command": "no-such-command", "args": ["a b"]}, gone={"url": "http://127.0.0.1:9/"}
    )
    done = underpass("doctor", cwd=tmp_path)
    assert done.status == 1
    assert "✗ server: broken" in done.stdout
    assert "→ start it by hand to see what it says: no-such-command 'a b'" in done.stdout
    assert "→ look whether http://127.0.0.1:9/ answers" in done.stdout
    assert "2 of " in done.stdout


def test_doctor_shows_malformed_tools_without_failing(tmp_path: Path) -> None:
    hostile = Path(__file__).parents[1] / "servers" / "hostile.py"
    write_config(tmp_path, hostile={"command": "python3", "args": [str(hostile), "malformed-tools"]})
    done = underpass("doctor", "--json", cwd=tmp_path)
    assert done.status == 0
    check = checks(done)["server: hostile"]
    assert check["status"] == "warning"
    assert "malformed" in check["what"]
    assert "quarantined" in check["hint"]


def test_doctor_without_a_configuration_says_how_to_get_one(tmp_path: Path) -> None:
    done = underpass("doctor", "--json", cwd=tmp_path)
    assert done.status == 0
    assert checks(done)["configuration"]["status"] == "warning"
    assert "underpass init" in checks(done)["configuration"]["hint"]


@pytest.mark.parametrize("content", ["{ broken", json.dumps({"mcpServers": []})])
def test_doctor_finds_a_malformed_configuration(tmp_path: Path, content: str) -> None:
    (tmp_path / ".mcp.json").write_text(content)
    done = underpass("doctor", "--json", cwd=tmp_path)
    assert done.status == 1
    assert checks(done)["configuration"]["status"] == "failed"


def test_doctor_finds_a_state_directory_that_cannot_be_written(tmp_path: Path) -> None:
    done = underpass("doctor", "--json", cwd=tmp_path, env={"UNDERPASS_HOME": "/proc/nowhere"})
    assert done.status == 1
    assert checks(done)["state"]["status"] == "failed"
    assert "UNDERPASS_HOME" in checks(done)["state"]["hint"]


def test_doctor_says_which_environments_are_built(tmp_path: Path) -> None:
    (tmp_path / "underpass.toml").write_text('[sandbox.environments.data]\npackages = ["six"]\n')
    done = underpass("doctor", "--json", cwd=tmp_path)
    check = checks(done)["environment: data"]
    assert (check["status"], check["what"]) == ("warning", "not built: six")
    assert check["hint"] == "underpass env build data"


def test_doctor_says_of_each_wall_whether_it_stands(tmp_path: Path) -> None:
    found = checks(underpass("doctor", "--json", cwd=tmp_path))
    for wall in ("user namespace", "mount namespace", "process namespace", "network namespace", "Landlock"):
        assert found[f"sandbox: {wall}"]["what"].startswith("stands"), found[f"sandbox: {wall}"]


def test_doctor_does_not_call_everything_well_that_it_has_marked(tmp_path: Path) -> None:
    done = underpass("doctor", cwd=tmp_path)
    assert "! configuration" in done.stdout
    assert "could be better" in done.stdout.splitlines()[-1]
