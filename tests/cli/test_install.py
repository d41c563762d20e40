import json
import sys
from pathlib import Path

import pytest
from tests.cli.command_line import BIN, underpass

from underpass.catalog import ServerSpec, load_servers
from underpass.catalog.clients import CLIENTS, Scope, Surroundings
from underpass.catalog.registration import plan_registration
from underpass.cli.install import command as install
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R01")

COMMAND, ARGS = str(BIN / "underpass"), ["serve", "--config", "/a/servers.json"]
COMMENTED = """\
// My servers.
{
  "servers": {
    "github": {"command": "gh", "env": {"API_TOKEN": "s3cret-value"}}, // keep
  },
}
"""
CODEX = """\
# My settings.
model = "m" # the model

[mcp_servers.docs]
command = "npx"
args = [
  "[not.a.table]",
]

[mcp_servers.underpass]  # ours
# how long it may take
startup_timeout_sec = 20
args = [
  "old",
]
command = "old"

[mcp_servers.underpass.env]
A = "1"

[tui]
theme = "x"
"""


def here(folder: Path, platform: str = "linux", **environ: str) -> Surroundings:
    return Surroundings(folder / "home", folder / "project", environ, platform)


def plan(client: str, path: Path) -> str:
    planned = plan_registration(CLIENTS[client], path, COMMAND, ARGS)
    planned.write()
    return path.read_text()


@pytest.mark.parametrize("client", list(CLIENTS))
@pytest.mark.parametrize("scope", ["project", "user", None])
def test_every_clients_entry_is_written_where_it_looks_and_is_what_our_own_reader_reads(
    tmp_path: Path, client: str, scope: Scope | None
) -> None:
    if client == "claude-desktop" and scope == "project":
        with pytest.raises(ConfigError, match="no configuration for projects"):
            CLIENTS[client].file(scope, here(tmp_path))
        return
    path = CLIENTS[client].file(scope, here(tmp_path))
    assert path.is_relative_to(
        tmp_path / ("home" if scope == "user" or client == "claude-desktop" else "project")
    )
    plan(client, path)
    (server,) = load_servers(path, {}).values()
    assert isinstance(server, ServerSpec)
    assert (server.name, server.command, list(server.args)) == ("underpass", COMMAND, ARGS)
    assert server.disabled, "we do not connect to ourselves"
    again = plan_registration(CLIENTS[client], path, COMMAND, ARGS)
    assert not again.changed


@pytest.mark.parametrize(
    ("platform", "client", "expected"),
    [
        ("linux", "claude-desktop", ".config/Claude/claude_desktop_config.json"),
        ("darwin", "claude-desktop", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("win32", "vscode", "AppData/Roaming/Code/User/mcp.json"),
        ("linux", "codex", ".codex/config.toml"),
    ],
)
def test_each_system_has_its_own_places(tmp_path: Path, platform: str, client: str, expected: str) -> None:
    assert CLIENTS[client].file("user", here(tmp_path, platform)) == tmp_path / "home" / expected


def test_json_keeps_comments_order_and_other_keys_of_the_entry(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(COMMENTED)
    assert plan("vscode", path).startswith("// My servers.\n{\n")
    assert '"s3cret-value"}}, // keep\n' in path.read_text()
    path.write_text(
        '{"mcpServers": {"underpass": {"url": "http://old", "alwaysAllow": ["run_code"]}, "z": {}}}'
    )
    entry = json.loads(plan("cursor", path))["mcpServers"]
    assert list(entry) == ["underpass", "z"]
    assert entry["underpass"] == {"alwaysAllow": ["run_code"], "command": COMMAND, "args": ARGS}


def test_toml_keeps_comments_and_everything_that_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CODEX)
    shown = f"command = {json.dumps(COMMAND)}\nargs = {json.dumps(ARGS)}\n"
    old = 'args = [\n  "old",\n]\ncommand = "old"\n'
    assert plan("codex", path) == CODEX.replace(old, shown)
    path.write_text('model = "m"')
    assert plan("codex", path) == f'model = "m"\n\n[mcp_servers.underpass]\n{shown}'
    path.write_text('[mcp_servers.underpass]\nurl = "http://old"\n')
    assert plan("codex", path) == f"[mcp_servers.underpass]\n{shown}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mcp.json", '{"mcpServers": {\n  "a" 5}}', "line 2, column 7"),
        ("mcp.json", '{"mcpServers": []}', "mcpServers must be an object, but is an array"),
        ("mcp.json", '{"mcpServers": {"underpass": 1}}', "underpass must be an object, but is a number"),
        ("config.toml", "a = [\n1 2", "line 2, column 3"),
        ("config.toml", 'mcp_servers = {underpass = {command = "x"}}', "cannot be changed without rewriting"),
        ("config.toml", '[mcp_servers]\nunderpass.command = "x"', "cannot be changed without rewriting"),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_refused_as_it_is(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        plan("codex" if name.endswith("toml") else "cursor", path)
    assert path.read_text() == content
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        plan("cursor", tmp_path / "file" / "mcp.json")


def test_install_keeps_the_old_file_says_where_and_does_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text('{"mcpServers": {}}')
    path = tmp_path / ".vscode" / "mcp.json"
    path.parent.mkdir()
    path.write_text(COMMENTED)
    (tmp_path / ".vscode" / "mcp.json.bak").write_text("an older one")
    arguments = ("install", "vscode", "--config", "servers.json")
    tried = underpass(*arguments, "--dry-run", cwd=tmp_path)
    assert '+    "underpass": {' in tried.stdout
    assert "s3cret" not in tried.stdout
    assert path.read_text() == COMMENTED
    done = underpass(*arguments, cwd=tmp_path)
    assert f"the file as it was: {path}.bak2" in done.stdout
    assert "github" in done.stdout, "the other servers are named"
    assert (tmp_path / ".vscode" / "mcp.json.bak2").read_text() == COMMENTED
    assert (tmp_path / ".vscode" / "mcp.json.bak").read_text() == "an older one"
    server = load_servers(path, {})["underpass"]
    assert isinstance(server, ServerSpec)
    assert server.args == ("serve", "--config", str(tmp_path / "servers.json"))
    assert server.command == str(BIN / "underpass")
    again = underpass(*arguments, "--json", cwd=tmp_path).json
    assert (again["changed"], again["written"], again["backup"]) == (False, False, None)


def test_install_warns_when_claude_code_would_start_the_servers_itself(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {}}')
    done = underpass("install", "claude-code", "--scope", "user", cwd=tmp_path)
    assert "Claude Code reads .mcp.json itself" in done.stderr
    assert "underpass" in json.loads((tmp_path / ".claude.json").read_text())["mcpServers"]


def test_install_refuses_a_configuration_that_does_not_work(tmp_path: Path) -> None:
    done = underpass("install", "cursor", cwd=tmp_path)
    assert done.status == 2
    assert "underpass init" in done.stderr
    assert not (tmp_path / ".cursor").exists()


def test_install_in_a_process_of_another_name_finds_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "servers.json").write_text('{"mcpServers": {}}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["python"])
    for arguments in (["--dry-run"], ["--dry-run", "--json"], []):
        install.main(["codex", "--config", "servers.json", *arguments], standalone_mode=False)
    assert (
        str(Path(sys.executable).with_name("underpass")) in (tmp_path / ".codex" / "config.toml").read_text()
    )
    assert "nothing was written" in capsys.readouterr().out
