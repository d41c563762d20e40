"""Who may use which route, and that nobody sees what is another tenant's."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.cli.command_line import underpass
from tests.patience import LONG
from tests.server.api_service import ApiUnderTest, api, events, run

from underpass.server.api.endpoint import Endpoint
from underpass.server.api.service import ENDPOINTS
from underpass.server.tenancy.principal import SCOPES, Scope

pytestmark = [pytest.mark.requirement("R43")]

SECRET = "acmesecret"
CODE = f"""
from mcp_runtime import call_tool
open("data/{SECRET}.txt", "w").write("{SECRET}")
await call_tool("hostile", "echo", {{"value": "{SECRET}"}})
print("{SECRET}")
[("{SECRET}", number) for number in range(4000)]
"""
WAITING = f"""
from mcp_servers import hostile
await hostile.pid()
"{SECRET}"
"""
BODIES: dict[str, dict[str, Any]] = {
    "start_run": {"code": f"'{SECRET}'", "agent": "fresh"},
    "resume_run": {},
    "call_tool": {"arguments": {"value": SECRET}},
    "create_checkpoint": {"name": "again"},
    "answer_question": {"answer": "once"},
    "execute": {"agent_id": "fresh", "code": f"'{SECRET}'"},
    "parse_and_execute": {"agent_id": "fresh", "llm_response": f"```python\n'{SECRET}'\n```"},
}
SKILL = f"""
async def {SECRET}() -> str:
    \"\"\"Say {SECRET}.\"\"\"
    return "{SECRET}"
"""
BODIES.update(
    {
        "save_skill": {"name": "fresh", "description": "Fresh.", "code": SKILL, "agent": "fresh"},
        "run_skill": {"agent": "bot"},
        "verify_skill": {"agent": "bot"},
        "archive_skill": {"agent": "bot"},
        "decide_review": {"agent": "bot", "decision": "approve"},
    }
)
QUERIES: dict[str, dict[str, str]] = {
    name: {"path": f"data/{SECRET}.txt"} for name in ("read_file", "write_file", "delete_file")
}
QUERIES.update({name: {"agent": "bot"} for name in ("list_skills", "show_skill", "list_reviews")})
SENT = frozenset({"start_run", "save_skill", "call_tool", "execute", "parse_and_execute"})
"""Routes that answer with what the request itself says."""
SHARED = frozenset(
    {"list_servers", "search_tools", "document_tool", "list_categories", "describe", "live", "ready"}
)
"""Routes of what all tenants have in common."""
BY_NAME = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[each.handler.__name__ for each in ENDPOINTS])


@dataclass(frozen=True, slots=True)
class Acme:
    """What the tenant acme has in the service."""

    api: ApiUnderTest
    owner: httpx2.Client
    stranger: httpx2.Client
    names: dict[str, str]
    """What stands in paths."""

    def ask(self, client: httpx2.Client, endpoint: Endpoint) -> httpx2.Response:
        """Ask for what is acme's."""
        name = endpoint.handler.__name__
        options: dict[str, Any] = {"params": QUERIES.get(name, {})}
        if endpoint.body is not None:
            options["json"] = BODIES[name]
        if endpoint.raw:
            options["content"] = b"other"
        return client.request(endpoint.method, endpoint.path.format(**self.names), **options)


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Generator[Acme]:
    with api(tmp_path_factory.mktemp("tenants")) as found:
        owner, stranger = found.tenant("acme"), found.tenant("rival")
        done = run(owner, CODE, agent="bot", max_tokens=200)
        assert done.get("truncated"), done["error"]
        run(owner, f"{SECRET} = 1", agent="bot", session=SECRET)
        owner.post("/api/workspaces/bot/checkpoints", json={"name": "before"}).raise_for_status()
        skill = {"name": SECRET, "description": f"Says {SECRET}.", "code": SKILL, "agent": "bot"}
        owner.post("/api/skills", json=skill | {"cases": [{"result": SECRET}]}).raise_for_status()
        waiting = owner.post("/api/runs", json={"code": WAITING, "agent": "bot", "wait": False}).json()["run"]
        names = {
            "run": waiting,
            "agent": "bot",
            "server": "hostile",
            "tool": "echo",
            "checkpoint": "before",
            "handle": done["handle"].removeprefix("results/"),
            "session": SECRET,
            "skill": SECRET,
            "question": question(owner),
        }
        yield Acme(found, owner, stranger, names)


def question(client: httpx2.Client) -> str:
    """The id of the one question that waits, as soon as there is one."""
    deadline = time.monotonic() + LONG
    while not (found := client.get("/api/approvals").json()["questions"]):
        assert time.monotonic() < deadline
    return found[0]["id"]


@BY_NAME
def test_every_route_needs_a_valid_token_that_has_its_scope(acme: Acme, endpoint: Endpoint) -> None:
    tokens = acme.api.tokens
    expired = acme.api.tenant("acme", seconds=-1)
    issued, secret = tokens.create("acme", ["run", "read", "approve"])
    tokens.revoke(issued.id)
    revoked = acme.api.client(secret)
    for client in (expired, revoked, acme.api.client("up_wrong")):
        answer = acme.ask(client, endpoint)
        assert answer.status_code == 401, answer.text
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert answer.headers["content-type"] == "application/problem+json"
    without = acme.ask(acme.api.client(None), endpoint)
    if endpoint.scope is None:
        assert without.status_code == 200, without.text
        return
    assert without.status_code == 401
    assert without.headers["www-authenticate"] == 'Bearer realm="underpass"'
    others: list[Scope] = [scope for scope in SCOPES if scope != endpoint.scope]
    answer = acme.ask(acme.api.tenant(None, others), endpoint)
    assert answer.status_code == 403
    assert f'scope="{endpoint.scope}"' in answer.headers["www-authenticate"]
    assert answer.json()["error"] == "PermissionDenied"


@BY_NAME
def test_no_route_tells_a_tenant_of_another_one(acme: Acme, endpoint: Endpoint) -> None:
    name = endpoint.handler.__name__
    answer = acme.ask(acme.stranger, endpoint)
    assert answer.status_code < 500, answer.text
    assert "acme." not in answer.text
    if name in SENT | SHARED:
        return
    assert SECRET not in answer.text.replace(f"data/{SECRET}.txt", "").replace(f"session '{SECRET}'", "") or (
        answer.status_code == 404
    )
    if endpoint.scope == "admin":
        assert answer.status_code == 403
    elif {"run", "checkpoint", "handle", "question", "session", "skill"} & set(
        endpoint.names
    ) or name.endswith("_file"):
        assert answer.status_code == 404, answer.text
    elif endpoint.method == "GET" and answer.headers["content-type"] == "application/json":
        listed: dict[str, Any] = answer.json()
        assert not [name for name, found in listed.items() if name != "agent" and names_acme(found)]


def names_acme(found: object) -> bool:
    return "acme" in json.dumps(found) or '"bot"' in json.dumps(found)


def test_what_the_owner_sees_is_there_after_all_that_a_stranger_has_tried(acme: Acme) -> None:
    for endpoint in ENDPOINTS:
        acme.ask(acme.stranger, endpoint)
    owner = acme.owner
    assert owner.get("/api/workspaces/bot/file", params=QUERIES["read_file"]).text == SECRET
    assert SECRET in owner.get(f"/api/workspaces/bot/results/{acme.names['handle']}").text
    assert [each["name"] for each in owner.get("/api/sessions").json()["sessions"]] == [SECRET]
    assert owner.get("/api/sessions").json()["sessions"][0]["agent"] == "bot"
    assert [each["name"] for each in owner.get("/api/workspaces/bot/checkpoints").json()["checkpoints"]] == [
        "before"
    ]
    listed = owner.get("/api/skills", params={"agent": "bot"}).json()["skills"]
    assert [(each["name"], each["status"]) for each in listed] == [(SECRET, "active")]
    found = owner.get("/api/approvals").json()["questions"]
    assert [each["agent"] for each in found] == ["bot"]
    shown = owner.get(f"/api/runs/{acme.names['run']}").json()
    assert shown["state"] == "running"
    assert SECRET in shown["code"]
    rows = owner.get("/api/audit", params={"agent": "bot"}).json()["rows"]
    assert {row["agent"] for row in rows} == {"bot"}
    assert owner.get("/api/stats").json()["runs"] >= 2
    assert acme.stranger.get("/api/audit", params={"agent": "bot"}).json()["rows"] == []
    everything = acme.api.operator.get("/api/runs").json()["runs"]
    assert {"acme.bot", "rival.fresh"} <= {each["agent"] for each in everything}


def test_a_stranger_cannot_answer_and_the_owner_can_and_sees_the_run_finish(acme: Acme) -> None:
    place = f"/api/approvals/{acme.names['question']}"
    assert acme.stranger.post(place, json={"answer": "once"}).status_code == 404
    always = acme.owner.post(place, json={"answer": "always"})
    assert always.status_code == 403, "a rule would hold for every tenant"
    assert acme.owner.post(place, json={"answer": "once"}).status_code == 200
    seen = events(acme.owner.get(f"/api/runs/{acme.names['run']}/events").text)
    assert [each["event"] for each in seen] == ["started", "call", "question", "call", "ended"]
    assert json.loads(seen[2]["data"])["agent"] == "bot"
    assert json.loads(seen[-1]["data"])["value"] == SECRET


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_programs_over_mcp_run_as_agents_of_the_tokens_tenant(acme: Acme, mode: str) -> None:
    seen: dict[str, Any] = {}
    for tenant in ("acme", "rival"):
        token = acme.api.tokens.create(tenant, ["run"])[1]
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=LONG) as http,
            Client(streamable_http_client(acme.api.service.url, http_client=http), mode=mode) as client,
        ):
            code = "import os\nsorted(os.listdir('data'))"
            answer = await client.call_tool("run_code", {"code": code, "agent": "bot"})
            seen[tenant] = (answer.structured_content or {})["value"]
            resources = await client.list_resources()
            seen[f"{tenant} resources"] = [str(each.uri) for each in resources.resources]
    assert seen["acme"] == [f"{SECRET}.txt"]
    assert seen["rival"] == []
    assert seen["acme resources"] == [f"underpass://results/bot/{acme.names['handle']}"]
    assert seen["rival resources"] == []


def test_a_session_of_the_older_era_is_for_the_token_alone_that_began_it(acme: Acme) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    accept = {"Accept": "application/json, text/event-stream"}
    begun = acme.owner.post("/mcp", json=hello, headers=accept)
    session = {**accept, "Mcp-Session-Id": begun.headers["mcp-session-id"]}
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert acme.owner.post("/mcp", json=listing, headers=session).status_code == 200
    assert acme.stranger.post("/mcp", json=listing, headers=session).status_code == 404


def test_a_token_without_the_scope_run_cannot_use_mcp(acme: Acme) -> None:
    answer = acme.api.tenant("acme", ["read"]).post("/mcp", json={})
    assert answer.status_code == 403


def test_tokens_are_made_shown_once_listed_and_revoked(acme: Acme) -> None:
    folder = acme.api.service.folder
    made = underpass(
        "token", "create", "--tenant", "new", "--scope", "read,run", "--expires", "30d", "--json", cwd=folder
    ).json
    client = acme.api.client(made["token"])
    assert client.get("/api/me").json() == {"token": made["id"], "tenant": "new", "scopes": ["read", "run"]}
    stored = (folder / ".underpass" / "tokens.json").read_text()
    assert made["token"] not in stored
    assert (folder / ".underpass" / "tokens.json").stat().st_mode & 0o777 == 0o600
    listed = underpass("token", "list", cwd=folder).stdout
    assert made["id"] in listed
    assert made["token"] not in listed
    assert underpass("token", "revoke", made["id"], cwd=folder).status == 0
    assert client.get("/api/me").status_code == 401
    assert underpass("token", "revoke", "none", cwd=folder).status == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tenant", "a.b", "--scope", "run"], "is no name for a tenant"),
        (["--tenant", "A", "--scope", "run"], "is no name for a tenant"),
        (["--tenant", "a" * 25, "--scope", "run"], "is no name for a tenant"),
        (["--tenant", "a", "--scope", "admin"], "cannot have the scope admin"),
        (["--scope", "everything"], "there is no scope"),
        (["--scope", ","], "are no scopes"),
        (["--scope", "run", "--expires", "soon"], "is no time"),
    ],
)
def test_a_token_that_cannot_be_is_refused(acme: Acme, arguments: list[str], said: str) -> None:
    done = underpass("token", "create", *arguments, cwd=acme.api.service.folder)
    assert done.status == 1
    assert said in done.stderr
