from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.cli.command_line import at_terminal, underpass, write_config

pytestmark = pytest.mark.requirement("R22")

CANARY = "canary-7f3a-9b2c-1234"
LEAKY = str(Path(__file__).parents[1] / "servers" / "leaky.py")
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
BACKEND = """
import json, pathlib
from keyring.backend import KeyringBackend

FILE = pathlib.Path(__file__).with_name("ring.json")

class Ring(KeyringBackend):
    priority = 5
    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}
    def get_password(self, service, username):
        return self._all().get(f"{service}/{username}")
    def set_password(self, service, username, password):
        if username == "locked":
            raise RuntimeError(password)
        FILE.write_text(json.dumps({**self._all(), f"{service}/{username}": password}))
    def delete_password(self, service, username):
        left = self._all()
        del left[f"{service}/{username}"]
        FILE.write_text(json.dumps(left))
"""


def test_without_a_keyring_a_secret_is_in_a_file_of_its_owners_alone(tmp_path: Path) -> None:
    done = underpass("secret", "set", "github", cwd=tmp_path, stdin=f"{CANARY}\n", env=NO_KEYRING)
    assert done.status == 0
    assert "use it as keyring://github" in done.stdout
    assert "not encrypted" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    file = tmp_path / ".underpass" / "secrets.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {"github": {"value": CANARY}}
    listed = underpass("secret", "list", cwd=tmp_path, env=NO_KEYRING)
    assert listed.stdout.split() == ["github", "(file)"]
    shown = underpass("secret", "list", "--json", cwd=tmp_path, env=NO_KEYRING)
    assert shown.json == {"secrets": [{"name": "github", "place": "file"}]}
    assert underpass("secret", "rm", "github", cwd=tmp_path, env=NO_KEYRING).status == 0
    assert underpass("secret", "rm", "github", cwd=tmp_path, env=NO_KEYRING).status == 2
    assert "no secrets" in underpass("secret", "list", cwd=tmp_path, env=NO_KEYRING).stdout


def test_with_a_keyring_the_secret_is_there_and_only_its_name_here(tmp_path: Path) -> None:
    (tmp_path / "ring_backend.py").write_text(BACKEND)
    ring = {"PYTHON_KEYRING_BACKEND": "ring_backend.Ring", "PYTHONPATH": str(tmp_path)}
    done = underpass("secret", "set", "github", "--json", cwd=tmp_path, stdin=CANARY, env=ring)
    assert done.json == {"name": "github", "place": "keyring"}
    assert json.loads((tmp_path / "ring.json").read_text()) == {"underpass/github": CANARY}
    assert json.loads((tmp_path / ".underpass" / "secrets.json").read_text()) == {"github": {}}
    write_config(
        tmp_path, s={"command": sys.executable, "args": [LEAKY], "env": {"SECRET": "keyring://github"}}
    )
    tools = underpass("tools", "--server", "s", cwd=tmp_path, env=ring)
    assert "Uses ['[secret github]']" in tools.stdout
    assert underpass("secret", "rm", "github", "--json", cwd=tmp_path, env=ring).json["removed"]
    assert json.loads((tmp_path / "ring.json").read_text()) == {}
    locked = underpass("secret", "set", "locked", cwd=tmp_path, stdin=CANARY, env=ring)
    assert locked.status == 2
    assert "the system's keyring cannot write locked: RuntimeError" in locked.stderr
    assert CANARY not in locked.stderr
    broken = {**ring, "PYTHON_KEYRING_BACKEND": "no_such_module.Ring"}
    assert "(file)" not in underpass("secret", "list", cwd=tmp_path, env=broken).stdout
    fallen = underpass("secret", "set", "a", "--json", cwd=tmp_path, stdin="x", env=broken)
    assert fallen.json["place"] == "file"


def test_a_value_is_asked_for_without_an_echo(tmp_path: Path) -> None:
    status, shown = at_terminal("secret", "set", "github", cwd=tmp_path, env=NO_KEYRING, typed=f"{CANARY}\n")
    assert status == 0
    assert CANARY not in shown
    assert CANARY in (tmp_path / ".underpass" / "secrets.json").read_text()


def test_a_value_in_the_place_of_the_name_is_refused_and_not_repeated(tmp_path: Path) -> None:
    done = underpass("secret", "set", f"{CANARY}+/=", cwd=tmp_path)
    assert done.status == 2
    assert CANARY not in done.stderr
    assert underpass("secret", "set", "name", CANARY, cwd=tmp_path).status == 2
    assert underpass("secret", "set", "name", cwd=tmp_path, stdin="").status == 2


@pytest.mark.parametrize("leak", ["exit", "no"])
def test_no_command_prints_a_secret_of_a_server(tmp_path: Path, leak: str) -> None:
    (tmp_path / "token").write_text(CANARY)
    entry = {
        "command": sys.executable,
        "args": [LEAKY, "${MY_TOKEN}", "--token", CANARY],
        "env": {"SECRET": "file://token", "LEAK": leak},
    }
    remote = {"url": f"http://127.0.0.1:9/?key={CANARY}", "headers": {"Authorization": f"Bearer {CANARY}"}}
    write_config(tmp_path, s=entry, remote=remote)
    program = "from mcp_servers import s\nawait s.die()"
    for arguments in (
        ["doctor"],
        ["doctor", "--json"],
        ["tools"],
        ["--debug", "tools", "--server", "s"],
        ["--debug", "docs", "s.die"],
        ["--debug", "run", "-c", program],
        ["--debug", "run", "--json", "-c", program],
        ["--debug", "trust", "s"],
    ):
        done = underpass(*arguments, cwd=tmp_path, env={"MY_TOKEN": CANARY})
        assert CANARY not in done.stdout, arguments
        assert CANARY not in done.stderr, arguments
    for file in (tmp_path / ".underpass", tmp_path / "workspace"):
        assert not any(CANARY.encode() in each.read_bytes() for each in file.rglob("*") if each.is_file())
