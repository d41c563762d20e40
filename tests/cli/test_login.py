from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.cli.command_line import BIN, underpass, write_config
from tests.cli.test_secret import BACKEND, NO_KEYRING
from tests.servers.authorization import CANARY, Authority, Guarded, authority, guarded

pytestmark = pytest.mark.requirement("R43")

BROWSER = {"BROWSER": f"{sys.executable} {Path(__file__).parents[1] / 'servers' / 'browser.py'} %s"}
PROGRAM = "from mcp_servers import s\n[await s.add(a=1, b=2), await s.tell()]"


@pytest.fixture
def servers(tmp_path: Path) -> Generator[tuple[Authority, Guarded]]:
    with authority() as issuer, guarded(issuer) as server:
        write_config(tmp_path, s={"url": server.url})
        yield issuer, server


def clean(folder: Path) -> bool:
    return not any(CANARY.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_login_in_the_browser_lets_every_command_in(
    tmp_path: Path, servers: tuple[Authority, Guarded]
) -> None:
    issuer, _ = servers
    for arguments in (
        ["tools"],
        ["doctor"],
        ["tools", "--json"],
        ["doctor", "--json"],
        ["run", "-c", PROGRAM],
    ):
        done = underpass(*arguments, cwd=tmp_path, env=NO_KEYRING)
        assert "needs a login: run `underpass login s`" in done.stdout + done.stderr, arguments
    done = underpass("login", "s", cwd=tmp_path, env={**BROWSER, **NO_KEYRING})
    assert done.status == 0, done.stderr
    assert done.stdout == f"logged in to s at {issuer.url}\n"
    assert "a browser opens" in done.stderr
    ran = underpass("run", "--json", "-c", PROGRAM, cwd=tmp_path, env=NO_KEYRING)
    assert ran.json["value"] == [3, "it was Bearer [secret access-token]"]
    shown = underpass("--debug", "doctor", cwd=tmp_path, env=NO_KEYRING)
    assert "underpass login" not in shown.stdout + shown.stderr
    assert CANARY not in shown.stdout + shown.stderr
    assert clean(tmp_path)
    done = underpass("logout", "s", cwd=tmp_path, env=NO_KEYRING)
    assert (done.status, done.stdout) == (0, "the login to s is forgotten\n")
    assert not issuer.refresh
    done = underpass("logout", "s", cwd=tmp_path, env=NO_KEYRING)
    assert (done.status, "there is no login to s" in done.stderr) == (2, True)


def test_both_commands_have_json_and_say_what_is_less_than_hoped(
    tmp_path: Path, servers: tuple[Authority, Guarded]
) -> None:
    issuer, _ = servers
    issuer.behaviour.rotates = False
    issuer.behaviour.changes = {"revocation_endpoint": None}
    done = underpass("login", "s", "--json", cwd=tmp_path, env={**BROWSER, **NO_KEYRING})
    assert {**done.json, "expires_at": ""} == {
        "server": "s",
        "issuer": issuer.url,
        "scope": "use",
        "expires_at": "",
        "renewable": False,
    }
    assert done.json["expires_at"].endswith("+00:00")
    assert underpass("logout", "s", "--json", cwd=tmp_path, env=NO_KEYRING).json["revoked"] is False
    done = underpass("login", "s", cwd=tmp_path, env={**BROWSER, **NO_KEYRING})
    assert "gave no way to renew it" in done.stderr
    done = underpass("logout", "s", cwd=tmp_path, env=NO_KEYRING)
    assert "was not told" in done.stderr


def test_a_login_that_fails_says_why_and_has_a_status(
    tmp_path: Path, servers: tuple[Authority, Guarded]
) -> None:
    issuer, server = servers
    issuer.behaviour.denies = True
    done = underpass("login", "s", cwd=tmp_path, env={**BROWSER, **NO_KEYRING})
    assert (done.status, "said access_denied" in done.stderr) == (1, True)
    write_config(tmp_path, "time", s={"url": server.url})
    done = underpass("login", "time", cwd=tmp_path)
    assert (done.status, "is started by a command" in done.stderr) == (2, True)
    done = underpass("login", "z", cwd=tmp_path)
    assert (done.status, "no server is named 'z'" in done.stderr) == (1, True)
    (tmp_path / ".underpass").mkdir(exist_ok=True)
    (tmp_path / ".underpass" / "logins").write_text("")
    done = underpass("login", "s", cwd=tmp_path, env={**BROWSER, **NO_KEYRING})
    assert done.status in {1, 2}


def where_it_leads(url: str) -> bytes:
    """The address to which an authorization server sends the browser back."""
    parts = urlsplit(url)
    assert parts.hostname
    with closing(HTTPConnection(parts.hostname, parts.port)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return str(connection.getresponse().headers["location"]).encode()


@pytest.mark.parametrize("terminal", [True, False])
def test_the_last_address_can_be_pasted(
    tmp_path: Path, servers: tuple[Authority, Guarded], terminal: bool
) -> None:
    status, shown = pasting(tmp_path, {**NO_KEYRING, "DISPLAY": "", "WAYLAND_DISPLAY": ""}, terminal=terminal)
    assert status == 0, shown
    assert "to log in, open:" in shown
    assert "that is not the address" in shown
    assert "logged in to s at" in shown


def pasting(folder: Path, env: Mapping[str, str], *, terminal: bool) -> tuple[int, str]:
    """Log in with ``--no-browser``, paste something wrong, and then what is right."""
    here, there = pty.openpty() if terminal else os.pipe()
    back, shown = os.pipe()
    typing = here if terminal else there
    command = [BIN / "underpass", "login", "s", "--no-browser"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), **env},
        stdin=there if terminal else here,
        stdout=shown,
        stderr=shown,
    ) as process:
        os.close(shown)
        os.close(there if terminal else here)
        text, pasted = "", False
        with os.fdopen(back, encoding="utf-8") as lines:
            for line in lines:
                text += line
                if urlsplit(line).scheme == "http" and not pasted:
                    pasted = True
                    os.write(typing, b"what?\n" + where_it_leads(line.strip()) + b"\n")
    os.close(typing)
    return process.returncode, text


def test_the_key_of_logins_is_in_the_keyring_where_there_is_one(
    tmp_path: Path, servers: tuple[Authority, Guarded]
) -> None:
    (tmp_path / "ring_backend.py").write_text(BACKEND)
    ring = {"PYTHON_KEYRING_BACKEND": "ring_backend.Ring", "PYTHONPATH": str(tmp_path)}
    if path := os.environ.get("PYTHONPATH"):
        ring["PYTHONPATH"] += os.pathsep + path
    assert underpass("login", "s", cwd=tmp_path, env={**BROWSER, **ring}).status == 0
    (name, key), *more = json.loads((tmp_path / "ring.json").read_text()).items()
    assert (name, more) == ("underpass/login-key", [])
    assert len(base64.b64decode(key)) == 32
    assert not (tmp_path / ".underpass" / "logins" / "login-key").exists()
    assert clean(tmp_path)
    assert "error" not in underpass("docs", "s.add", cwd=tmp_path, env=ring).stderr
    # Another login uses the same key; one without the keyring does not open what needs it.
    assert underpass("login", "s", cwd=tmp_path, env={**BROWSER, **ring}).status == 0
    without = underpass("run", "-c", PROGRAM, cwd=tmp_path, env=NO_KEYRING)
    assert "its key is gone" in without.stdout + without.stderr
    (tmp_path / "ring.json").write_text(json.dumps({"underpass/login-key": "short"}))
    assert underpass("login", "s", cwd=tmp_path, env={**BROWSER, **ring}).status == 0
