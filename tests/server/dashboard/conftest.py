from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing

import pytest
from playwright.sync_api import Browser
from tests.cli.command_line import write_config
from tests.server.api_service import SETTINGS, ApiUnderTest, run
from tests.server.dashboard.browsing import PAYLOAD, chromium, hostile_tools
from tests.server.http_service import serving
from tests.servers.catalogs import HOSTILE

HELLO = "from mcp_servers import hostile\nsaid = await hostile.echo(word='hello')\nprint('out')\nsaid"
EVIL = (
    "from mcp_servers import hostile\n"
    f"payload = {PAYLOAD!r}  # {PAYLOAD}\n"
    "await hostile.echo(text=payload)\n"
    "print(payload)\n"
    "open('<img src=x onerror=alert(5)>.txt', 'w').write(payload)\n"
    "{payload: payload}"
)
FAILING = (
    f"from mcp_servers import hostile\nopen('late.txt', 'w').write('x')\nawait hostile.fail(text={PAYLOAD!r})"
)


def happen(service: ApiUnderTest) -> None:
    """Run programs of two agents."""
    client = service.operator
    for agent, code in (("greeter", HELLO), ("evil", EVIL)):
        done = run(client, code, agent=agent, check=False)
        assert done["ok"], done["error"]
    assert client.post("/api/workspaces/evil/checkpoints", json={"name": "first"}).status_code == 201
    assert not run(client, FAILING, agent="evil", check=False)["ok"]


@pytest.fixture(scope="module")
def chrome() -> Generator[Browser]:
    # Not for longer: as long as Playwright is there, no other event loop can run in this thread.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiUnderTest]:
    """A service in which programs have run, also such as want to be run by a browser."""
    folder = tmp_path_factory.mktemp("dashboard")
    tools = hostile_tools(folder, "echo", "fail", "pid", "hang")
    write_config(folder, hostile={"command": sys.executable, "args": [str(HOSTILE), f"tools={tools}"]})
    (folder / "underpass.toml").write_text(SETTINGS, encoding="utf-8")
    with serving(folder) as running:
        found = ApiUnderTest(running)
        with closing(found):
            happen(found)
            yield found


@pytest.fixture(autouse=True)
def settled(service: ApiUnderTest) -> Generator[None]:
    """No run waits for an answer when a test begins or ends."""
    yield
    client = service.operator
    for each in client.get("/api/approvals").json()["questions"]:
        client.post(f"/api/approvals/{each['id']}", json={"answer": "refuse"})
    for each in client.get("/api/runs", params={"state": "unfinished"}).json()["runs"]:
        client.delete(f"/api/runs/{each['run']}")


@pytest.fixture(scope="package")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiUnderTest]:
    """A service in which nothing has happened."""
    folder = tmp_path_factory.mktemp("nothing")
    write_config(folder)
    (folder / "underpass.toml").write_text(SETTINGS.partition("[[")[0], encoding="utf-8")
    with serving(folder) as running:
        found = ApiUnderTest(running)
        with closing(found):
            yield found
