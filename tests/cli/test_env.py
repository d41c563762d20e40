import json
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from tests.cli.command_line import BIN, at_terminal, underpass

from underpass.cli.main import main
from underpass.config import load_settings
from underpass.environments.build import build

pytestmark = pytest.mark.requirement("R11")

SETTINGS = '[sandbox.environments.data]\npackages = ["{}"]\npreload = ["six"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {}}')
    (tmp_path / "underpass.toml").write_text(SETTINGS.format("six"))
    return tmp_path


def test_an_environment_is_built_listed_used_and_removed(project: Path) -> None:
    assert "not built" in underpass("env", "list", cwd=project).stdout
    refused = underpass("run", "-c", "import six", "--environment", "data", cwd=project)
    assert (refused.status, "hint: underpass env build data" in refused.stderr) == (2, True)
    built = underpass("env", "build", "data", cwd=project)
    assert built.status == 0
    assert "underpass-env-data.txt written: commit it" in built.stdout
    assert "data built: six==1." in built.stdout
    used = underpass("run", "-c", "import six; six.__name__", "--environment", "data", cwd=project)
    assert (used.status, used.stdout) == (0, '"six"\n')
    assert "data  built" in underpass("env", "list", cwd=project).stdout
    removed = underpass("env", "rm", "data", cwd=project)
    assert "data removed" in removed.stdout
    assert "kB freed" in removed.stdout
    assert "was not built" in underpass("env", "rm", "data", cwd=project).stdout
    assert (project / "underpass-env-data.txt").exists()


def test_each_command_has_a_json_form(project: Path) -> None:
    config = ("--config", project / ".mcp.json", "--json")
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    built = underpass("env", "build", "data", *config, cwd=elsewhere).json
    assert (built["name"], built["lock_change"], built["installed"]) == ("data", "made", True)
    assert Path(built["path"], "six.py").is_file()
    [pin] = built["pins"]
    assert pin.startswith("six==1.")
    [listed] = underpass("env", "list", *config, cwd=elsewhere).json["environments"]
    assert listed.pop("bytes") > 0
    assert listed == {
        "name": "data",
        "packages": ["six"],
        "preload": ["six"],
        "state": "built",
        "path": built["path"],
    }
    assert underpass("env", "rm", "data", *config, cwd=elsewhere).json["freed_bytes"] > 0


def test_changed_packages_are_said_to_be_resolved_again(project: Path) -> None:
    underpass("env", "build", "data", cwd=project)
    (project / "underpass.toml").write_text(SETTINGS.format("six>=1.16"))
    assert "outdated" in underpass("env", "list", cwd=project).stdout
    built = underpass("env", "build", "data", cwd=project)
    assert "the packages of data changed in underpass.toml" in built.stderr
    assert "data already built" in built.stdout
    assert '# packages: ["six>=1.16"]' in (project / "underpass-env-data.txt").read_text()


def test_a_state_folder_elsewhere_is_used_for_environments_too(project: Path) -> None:
    env = {"UNDERPASS_HOME": str(project / "state")}
    built = underpass("env", "build", "data", "--json", cwd=project, env=env).json
    assert Path(built["path"]).is_relative_to(project / "state" / "environments")
    used = underpass("run", "-c", "import six; 1", "--environment", "data", cwd=project, env=env)
    assert used.status == 0


def test_a_terminal_is_shown_what_is_going_on(project: Path) -> None:
    status, shown = at_terminal("env", "build", "data", cwd=project)
    assert status == 0
    assert "Installing 1 package" in shown


def test_without_environments_the_list_says_where_they_are_configured(tmp_path: Path) -> None:
    listed = underpass("env", "list", cwd=tmp_path)
    assert (listed.status, listed.stdout) == (0, "")
    assert "[sandbox.environments.NAME]" in listed.stderr
    assert json.loads(underpass("env", "list", "--json", cwd=tmp_path).stdout) == {"environments": []}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("env", "build", "dta"), "did you mean 'data'?"),
        (("env", "rm", "dta"), "did you mean 'data'?"),
        (("env", "list", "--config", "absent.json"), "there is no configuration file absent.json"),
        (("env", "build"), "Missing argument 'NAME'"),
        (("run", "-c", "1", "--environment", "dta"), "did you mean 'data'?"),
    ],
)
def test_a_mistake_exits_2_and_says_what_to_do(project: Path, arguments: tuple[str, ...], said: str) -> None:
    done = underpass(*arguments, cwd=project)
    assert (done.status, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.anyio
async def test_serve_offers_the_environments_and_runs_code_in_them(project: Path) -> None:
    parameters = StdioServerParameters(command=str(BIN / "underpass"), args=["serve"], cwd=project)
    call = {"code": "import six\nsix.__name__", "environment": "data"}
    with anyio.fail_after(60):
        async with Client(parameters) as client:
            run_code = (await client.list_tools()).tools[0]
            refused = await client.call_tool("run_code", call)
            settings = load_settings(project, environ={})
            await build("data", settings, project / ".underpass")
            answer = await client.call_tool("run_code", call)
    assert run_code.input_schema["properties"]["environment"]["enum"] == ["data"]
    assert refused.is_error
    assert "underpass env build data" in refused.model_dump_json()
    assert answer.structured_content["value"] == "six"


@pytest.mark.parametrize("name", ["build", "list", "rm"])
def test_each_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["env", name, "--help"])
    shown = capsys.readouterr().out
    assert f"$ underpass env {name}" in shown
    assert "--json" in shown
    assert "--config" in shown
