import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command_line import BIN, underpass

CURSOR = {"mcpServers": {"git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"TOKEN": "s3cret"}}}}
GEMINI = {
    "mcpServers": {
        "tickets": {"httpUrl": "https://tickets.example/mcp", "headers": {"Authorization": "s3cret"}}
    }
}
TAKEN = {
    "git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"TOKEN": "keyring://git.TOKEN"}},
    "tickets": {
        "httpUrl": "https://tickets.example/mcp",
        "headers": {"Authorization": "keyring://tickets.Authorization"},
    },
}

NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
RING = """
import json, pathlib
from keyring.backend import KeyringBackend
class Ring(KeyringBackend):
    priority = 1
    path = pathlib.Path(__file__).with_name("ring.json")
    def read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}
    def get_password(self, service, name):
        return self.read().get(name)
    def set_password(self, service, name, value):
        self.path.write_text(json.dumps({**self.read(), name: value}))
"""


def servers(folder: Path) -> dict[str, Any]:
    return json.loads((folder / ".mcp.json").read_text())["mcpServers"]


def home(folder: Path) -> None:
    for path, content in ((".cursor/mcp.json", CURSOR), (".gemini/settings.json", GEMINI)):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content))


def test_add_writes_a_command_with_its_environment(tmp_path: Path) -> None:
    done = underpass(
        "add", "git", "--env", "A=1=2", "--", "uvx", "mcp-server-git", "--repository", ".", cwd=tmp_path
    )
    assert done.status == 0
    entry = {"command": "uvx", "args": ["mcp-server-git", "--repository", "."], "env": {"A": "1=2"}}
    assert servers(tmp_path) == {"git": entry}


def test_add_writes_a_url_with_its_headers_and_shows_no_secret(tmp_path: Path) -> None:
    done = underpass(
        "add", "t", "--url", "https://t.example/mcp", "--header", "X=s3cret", "--json", cwd=tmp_path
    )
    assert done.json == {"path": ".mcp.json", "server": "t", "command": "https://t.example/mcp (X: …)"}
    assert servers(tmp_path) == {
        "t": {"type": "http", "url": "https://t.example/mcp", "headers": {"X": "s3cret"}}
    }


def test_add_refuses_a_name_that_is_taken_unless_told_to_replace(tmp_path: Path) -> None:
    assert underpass("add", "a", "--", "x", cwd=tmp_path).status == 0
    refused = underpass("add", "a", "--", "y", cwd=tmp_path)
    assert refused.status == 2
    assert "hint:" in refused.stderr
    assert underpass("add", "a", "--replace", "--", "y", cwd=tmp_path).status == 0
    assert servers(tmp_path)["a"]["command"] == "y"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--env", "A", "--", "x"],
        ["--url", "https://x.example", "--", "x"],
        ["--header", "A=b", "--", "x"],
        ["--url", "https://x.example", "--env", "A=b"],
    ],
)
def test_add_refuses_what_does_not_go_together(tmp_path: Path, arguments: list[str]) -> None:
    assert underpass("add", "a", *arguments, cwd=tmp_path).status == 2
    assert not (tmp_path / ".mcp.json").exists()


def test_init_takes_the_servers_of_other_programs_and_shows_what_they_start(tmp_path: Path) -> None:
    home(tmp_path)
    done = underpass("init", "--yes", cwd=tmp_path)
    assert done.status == 0
    assert "TOKEN=… uvx mcp-server-git" in done.stdout
    assert str(tmp_path / ".cursor" / "mcp.json") in done.stdout
    assert "https://tickets.example/mcp (Authorization: …)" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert servers(tmp_path) == TAKEN


def test_init_says_in_json_what_it_found_and_wrote(tmp_path: Path) -> None:
    home(tmp_path)
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "mcp.json").write_text("{ not json")
    done = underpass("init", "--yes", "--json", cwd=tmp_path)
    assert done.json["written"] == ["git", "tickets"]
    assert [found["program"] for found in done.json["found"]] == ["Cursor", "Gemini"]
    assert len(done.json["unreadable"]) == 1


def test_init_shows_where_each_of_several_servers_of_one_name_comes_from_and_changes_nothing_twice(
    tmp_path: Path,
) -> None:
    home(tmp_path)
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text('[mcp_servers.git]\ncommand = "other-git"\n')
    first = underpass("init", "--yes", "--json", cwd=tmp_path)
    assert first.json["written"] == ["git", "tickets", "git-codex"]
    assert [each["path"] for each in first.json["found"]][2] == str(tmp_path / ".codex" / "config.toml")
    before = (tmp_path / ".mcp.json").read_text()
    again = underpass("init", "--yes", "--json", cwd=tmp_path)
    assert (again.json["written"], again.json["kept"]) == ([], ["git", "tickets", "git-codex"])
    assert (tmp_path / ".mcp.json").read_text() == before


@pytest.mark.requirement("R43")
def test_init_says_how_to_set_the_secrets_that_it_does_not_copy(tmp_path: Path) -> None:
    home(tmp_path)
    done = underpass("init", "--yes", cwd=tmp_path, env=NO_KEYRING)
    assert "secret git.TOKEN is not copied: `underpass secret set git.TOKEN` sets it" in done.stdout
    assert not (tmp_path / ".underpass").exists()
    copies = [file for file in tmp_path.rglob("*") if file.is_file() and "s3cret" in file.read_text()]
    assert {file.parent.name for file in copies} == {".cursor", ".gemini"}


@pytest.mark.requirement("R43")
def test_init_keeps_secrets_in_the_systems_keyring_where_there_is_one(tmp_path: Path) -> None:
    home(tmp_path)
    (tmp_path / "a_ring.py").write_text(RING)
    ring = {"PYTHON_KEYRING_BACKEND": "a_ring.Ring", "PYTHONPATH": str(tmp_path)}
    done = underpass("init", "--yes", "--json", cwd=tmp_path, env=ring)
    assert done.json["secrets"] == [
        {"name": "git.TOKEN", "server": "git", "place": "keyring"},
        {"name": "tickets.Authorization", "server": "tickets", "place": "keyring"},
    ]
    kept = json.loads((tmp_path / "ring.json").read_text())
    assert kept == {"git.TOKEN": "s3cret", "tickets.Authorization": "s3cret"}
    assert "s3cret" not in done.stdout


def test_init_brings_the_inputs_that_an_entry_refers_to(tmp_path: Path) -> None:
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "mcp.json").write_text(
        """{"inputs": [{"id": "key", "type": "promptString", "password": true}, {"id": "unused"}],
        "servers": {"a": {"command": "x", "env": {"KEY": "${input:key}"}}}, /* a comment */ }"""
    )
    assert underpass("init", "--yes", cwd=tmp_path).status == 0
    content = json.loads((tmp_path / ".mcp.json").read_text())
    assert content["mcpServers"]["a"]["env"] == {"KEY": "${input:key}"}
    assert content["inputs"] == [{"id": "key", "type": "promptString", "password": True}]


def test_init_writes_nothing_where_it_cannot_ask(tmp_path: Path) -> None:
    home(tmp_path)
    for arguments in ([], ["--json"]):
        done = underpass("init", *arguments, cwd=tmp_path)
        assert done.status == 2
        assert "no terminal to ask at" in done.stderr
        assert "--yes" in done.stderr
    assert not (tmp_path / ".mcp.json").exists()


def test_init_keeps_what_is_there_and_leaves_itself_out(tmp_path: Path) -> None:
    home(tmp_path)
    own = {"command": "/opt/bin/underpass", "args": ["serve"]}
    (tmp_path / ".cursor" / "mcp.json").write_text(
        json.dumps({"mcpServers": {"me": own, **CURSOR["mcpServers"]}})
    )
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"git": {"command": "mine"}}}')
    assert underpass("init", "--yes", cwd=tmp_path).status == 0
    assert servers(tmp_path) == {"git": {"command": "mine"}, "tickets": TAKEN["tickets"]}


def test_init_with_nothing_to_find_writes_an_empty_configuration(tmp_path: Path) -> None:
    done = underpass("init", cwd=tmp_path)
    assert done.status == 0
    assert "underpass add" in done.stdout
    assert servers(tmp_path) == {}


@pytest.mark.parametrize(
    ("answer", "expected"), [("2", ["tickets"]), ("none", []), ("x\n1,2", ["git", "tickets"])]
)
def test_init_asks_at_a_terminal(tmp_path: Path, answer: str, expected: list[str]) -> None:
    home(tmp_path)
    here, there = pty.openpty()
    env = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(
        [BIN / "underpass", "init"],
        cwd=tmp_path,
        env=env,
        stdin=there,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(there)
        os.write(here, f"{answer}\nn\n".encode())  # no: keep no secrets
        shown, _ = process.communicate(timeout=60)
    os.close(here)
    assert process.returncode == 0
    assert b"numbers such as 1,3" in shown
    assert list(servers(tmp_path)) == expected
