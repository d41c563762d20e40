"""The routes of the API, as a client uses them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from tests.cli.processes import Bell, background
from tests.patience import LONG
from tests.server.api_service import SETTINGS, ApiUnderTest, api, events, project_of_tenants, run
from tests.server.http_service import serving

pytestmark = [pytest.mark.requirement("R34", "R36", "R39", "R44")]

ENDLESS = "bell = open('bell', 'w')\nbell.write('x')\nbell.flush()\nwhile True: pass"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiUnderTest]:
    with api(tmp_path_factory.mktemp("api")) as found:
        yield found


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert {"type", "title", "detail", "error", "hint"} <= said.keys()
    assert "Traceback" not in answer.text
    return said


def test_a_run_is_answered_listed_and_shown(service: ApiUnderTest) -> None:
    client = service.operator
    done = run(client, "from mcp_servers import hostile\nawait hostile.echo()\nprint('out')\n42", agent="one")
    assert (done["ok"], done["value"], done["stdout"]) == (True, 42, "out\n")
    shown = client.get(f"/api/runs/{done['run']}").json()
    assert shown["agent"] == "one"
    assert shown["result"]["value"] == 42
    assert [(call["tool"], call["state"]) for call in shown["journal"]] == [("echo", "finished")]
    failed = run(client, "1 / 0", agent="one")
    assert failed["error"]["type"] == "ZeroDivisionError"

    def listed(**wanted: Any) -> list[str]:
        return [
            each["run"] for each in client.get("/api/runs", params={"agent": "one", **wanted}).json()["runs"]
        ]

    assert listed() == [failed["run"], done["run"]]
    assert listed(state="failed") == [failed["run"]]
    assert listed(state="ok") == [done["run"]]
    assert listed(before=failed["run"]) == [done["run"]]
    first = client.get("/api/runs", params={"agent": "one", "limit": 1}).json()
    assert first["before"] == failed["run"]


def test_a_run_in_the_background_is_followed_from_where_a_client_was(service: ApiUnderTest) -> None:
    client = service.operator
    code = "from mcp_runtime import progress\nprogress(1, 2, 'half')\n'done'"
    begun = client.post("/api/runs", json={"code": code, "wait": False})
    assert begun.status_code == 202
    place = begun.headers["location"]
    seen = events(client.get(begun.json()["events"]).text)
    assert [each["event"] for each in seen] == ["started", "progress", "ended"]
    assert json.loads(seen[1]["data"]) == {"progress": 1.0, "total": 2.0, "message": "half"}
    assert json.loads(seen[2]["data"])["value"] == "done"
    rest = events(client.get(f"{place}/events", headers={"Last-Event-ID": "2"}).text)
    assert [each["id"] for each in rest] == ["3"]
    assert client.get(place).json()["result"]["value"] == "done"


def test_a_run_that_goes_on_is_shown_and_cancelled(service: ApiUnderTest) -> None:
    client = service.operator
    bell = Bell(service.service.folder / "workspace" / "endless")
    begun = client.post("/api/runs", json={"code": ENDLESS, "agent": "endless", "wait": False}).json()
    bell.wait()
    place = f"/api/runs/{begun['run']}"
    assert client.get(place).json()["state"] == "running"
    assert client.get("/api/runs", params={"agent": "endless"}).json()["runs"][0]["state"] == "running"
    problem(client.post(f"{place}/resume", json={}), 409)
    assert client.delete(place).status_code == 204
    bell.wait_for_the_end()
    ended = events(client.get(f"{place}/events").text)[-1]
    assert json.loads(ended["data"])["error"]["type"] == "Cancelled"
    problem(client.delete(place), 409)
    assert client.get(place).json()["state"] == "Interrupted"


def test_a_client_that_hangs_up_ends_its_run(service: ApiUnderTest) -> None:
    bell = Bell(service.service.folder / "workspace" / "left")
    body = json.dumps({"code": ENDLESS, "agent": "left"}).encode()
    url = httpx2.URL(service.base)
    with socket.create_connection(("127.0.0.1", url.port or 0)) as connection:
        head = (
            f"POST /api/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.service.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        bell.wait()
    bell.wait_for_the_end()


@pytest.mark.requirement("R43")
def test_clients_that_do_not_read_their_events_harm_nobody_and_are_not_written_for(
    service: ApiUnderTest,
) -> None:
    code = (
        "from mcp_runtime import progress\nfor number in range(20000):\n    progress(number, None, 'x' * 500)"
    )
    client = service.operator
    assert run(client, "1 + 1")["value"] == 2
    before = resident(service.service.process.pid)
    begun = client.post("/api/runs", json={"code": code, "wait": False, "timeout_seconds": 300}).json()
    url = httpx2.URL(service.base)
    head = f"GET {begun['events']} HTTP/1.1\r\nHost: localhost\r\n"
    with ExitStack() as connections:
        for _ in range(20):
            connection = connections.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            connection.connect(("127.0.0.1", url.port or 0))
            connection.sendall(f"{head}Authorization: Bearer {service.service.token}\r\n\r\n".encode())
        assert run(client, "1 + 1")["value"] == 2
        seen = events(client.get(begun["events"]).text)
        assert seen[-1]["event"] == "ended"
        assert run(client, "1 + 1")["value"] == 2
        # The events are 11 MB: kept for each that does not read them they would be 220.
        assert resident(service.service.process.pid) - before < 100
    late = events(client.get(begun["events"]).text)
    assert late[0]["event"] == "gap"
    assert len(late) == 1_001


def resident(process: int) -> float:
    """The megabytes that a process has."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "code"),
        ({"code": 1}, 422, "code"),
        ({"code": "1", "timeout_seconds": "5"}, 422, "timeout_seconds"),
        ({"code": "1", "agent": "../x"}, 422, "agent"),
        ({"code": "1", "unknown": 1}, 422, "unknown"),
        ({"code": "1", "language": "ruby"}, 422, "language"),
        ({"code": "1", "environment": "none"}, 409, "none"),
        ({"code": "1", "session": "s", "rollback_on_error": True}, 409, "undone"),
        (b"{", 422, "JSON"),
        (b"[" * 100_000, 422, "JSON"),
        (b"\xff", 422, "JSON"),
        (b'{"code": "\\ud800"}', 422, "JSON"),
        (b"null", 422, "fit"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_before_anything_runs(
    service: ApiUnderTest, body: dict[str, Any] | bytes, status: int, said: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = service.operator.post("/api/runs", content=content, headers={"Content-Type": "application/json"})
    assert said in problem(answer, status)["detail"]


def test_a_body_that_is_no_json_by_its_type_is_refused(service: ApiUnderTest) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = service.operator.post("/api/runs", content=b'{"code": "1"}', headers={"Content-Type": kind})
        problem(answer, 415)


def test_parameters_that_do_not_fit_are_refused(service: ApiUnderTest) -> None:
    for query in ("limit=0", "limit=x", "limit=1.5", "limit=1&limit=2", "other=1", "state=none", "agent=%0a"):
        problem(service.operator.get(f"/api/runs?{query}"), 422)
    problem(service.operator.get("/api/me?x=1"), 422)


def test_paths_and_methods_that_are_not_there_are_refused(service: ApiUnderTest) -> None:
    client = service.operator
    problem(client.get("/api/nothing"), 404)
    problem(client.get("/api/runs/"), 404)
    answer = client.put("/api/runs", json={})
    problem(answer, 405)
    assert set(answer.headers["allow"].split(", ")) >= {"GET", "POST"}
    problem(client.get("/api/runs/none"), 404)
    problem(client.get("/api/runs/none/events"), 404)
    problem(client.delete("/api/runs/none"), 404)
    problem(client.get("/api/workspaces/..%2f..%2fetc/files"), 404)
    problem(client.get("/api/tools/none/none"), 404)
    problem(client.post("/api/tools/hostile/none/call", json={}), 404)


PATHS = [
    "../token",
    "/etc/passwd",
    "data/../../x",
    "data//x",
    "./data/x",
    "data/\0",
    "link/x",
    "link",
    "data",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_a_workspace(service: ApiUnderTest, path: str) -> None:
    client = service.operator
    workspace = service.service.folder / "workspace" / "paths"
    if not workspace.exists():
        run(client, "1", agent="paths")
        (workspace / "link").symlink_to("/")
    place = "/api/workspaces/paths/file"
    for method in ("GET", "PUT"):
        answer = client.request(
            method, place, params={"path": path}, content=b"x" if method == "PUT" else None
        )
        if (method, path) == ("PUT", "link"):
            assert answer.status_code == 204
            assert not (workspace / "link").is_symlink(), "the link itself was replaced"
            (workspace / "link").unlink()
            (workspace / "link").symlink_to("/")
        else:
            assert answer.status_code in {404, 422}, answer.text
    assert client.get("/api/workspaces/paths/files").status_code == 200


def test_files_are_written_listed_read_and_deleted(service: ApiUnderTest) -> None:
    client = service.operator
    run(client, "1", agent="files")
    place = "/api/workspaces/files/file"
    name = {"path": "data/ü<script>.html"}
    assert client.put(place, params=name, content=b"<script>alert(1)</script>").status_code == 204
    assert run(client, "open('data/ü<script>.html').read()", agent="files")["value"].startswith("<script>")
    listed = client.get("/api/workspaces/files/files").json()["files"]
    assert (name["path"], "file", 25) in {(each["path"], each["kind"], each["bytes"]) for each in listed}
    read = client.get(place, params=name)
    assert read.content == b"<script>alert(1)</script>"
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["content-disposition"] == "attachment"
    assert "sandbox" in read.headers["content-security-policy"]
    assert client.delete(place, params=name).status_code == 204
    problem(client.get(place, params=name), 404)


def test_checkpoints_are_kept_compared_restored_and_forgotten(service: ApiUnderTest) -> None:
    client = service.operator
    run(client, "open('data/a', 'w').write('1')", agent="kept")
    place = "/api/workspaces/kept/checkpoints"
    made = client.post(place, json={"name": "first"})
    assert made.status_code == 201
    assert made.json()["files"] == 1
    run(client, "open('data/a', 'w').write('22')", agent="kept")
    changes = client.get(f"{place}/first/diff").json()["changes"]
    assert [(each["path"], each["how"], each["after"]) for each in changes] == [("data/a", "changed", 2)]
    restored = client.post(f"{place}/first/restore").json()
    assert restored["before"].startswith("pre-restore-")
    assert client.get("/api/workspaces/kept/file", params={"path": "data/a"}).text == "1"
    assert client.delete(f"{place}/first").status_code == 204
    problem(client.delete(f"{place}/first"), 404)
    problem(client.get(f"{place}/first/diff"), 404)
    problem(client.post("/api/workspaces/nobody/checkpoints", json={"name": "x"}), 404)


def test_tools_are_found_documented_and_called(service: ApiUnderTest) -> None:
    client = service.operator
    servers = client.get("/api/servers").json()["servers"]
    assert [each["name"] for each in servers] == ["hostile"]
    found = client.get("/api/tools", params={"q": "echo"}).json()["tools"]
    assert "echo" in [each["tool"] for each in found]
    assert len(client.get("/api/tools", params={"limit": 3}).json()["tools"]) == 3
    both = client.get("/api/tools", params={"q": "echo", "skills": True}).json()["tools"]
    assert "echo" in [each["tool"] for each in both if "skill" not in each]
    problem(client.get("/api/tools", params={"category": "none"}), 404)
    assert "# " in client.get("/api/tools/hostile/echo").json()["documentation"]
    called = client.post("/api/tools/hostile/echo/call", json={"arguments": {"a": [1]}}).json()
    assert called == {"ok": True, "value": {"a": [1]}, "error": None}
    failed = client.post("/api/tools/hostile/fail/call", json={}).json()
    assert failed["error"]["type"] == "ToolFailed"
    denied = client.post("/api/tools/hostile/pid/call", json={}).json()
    assert denied["error"]["type"] == "PermissionDenied"
    assert "other" in client.get("/api/categories").json()["categories"]
    assert client.post("/api/servers/hostile/refresh").json()["servers"][0]["tools"] > 3


def test_sessions_are_listed_and_ended(service: ApiUnderTest) -> None:
    client = service.operator
    run(client, "x = 1", agent="talker", session="s")
    assert run(client, "x + 1", agent="talker", session="s")["value"] == 2
    assert ("talker", "s") in {
        (each["agent"], each["name"]) for each in client.get("/api/sessions").json()["sessions"]
    }
    assert client.delete("/api/sessions/talker/s").status_code == 204
    problem(client.delete("/api/sessions/talker/s"), 404)


def test_the_plans_client_runs_a_program_and_what_a_model_wrote(service: ApiUnderTest) -> None:
    client = service.operator
    done = client.post(
        "/api/llm/execute", json={"agent_id": "a", "code": "print(6 * 7)", "timeout_seconds": 5}
    ).json()
    assert (done["exit_code"], done["stdout"], done["stderr"], done["error"]) == (0, "42\n", "", None)
    assert done["duration_ms"] > 0
    assert done["started_at"] <= done["completed_at"]
    assert client.get(f"/api/runs/{done['execution_id']}").json()["agent"] == "a"
    failed = client.post(
        "/api/llm/execute", json={"agent_id": "a", "language": "python", "code": "1 / 0"}
    ).json()
    assert failed["exit_code"] == 1
    assert failed["error"] == "ZeroDivisionError: division by zero"
    assert "line 1" in failed["stderr"]
    text = "Here it is:\n\n```python\nprint('found')\n```\n\nand that is all."
    parsed = client.post("/api/llm/parse-execute", json={"agent_id": "a", "llm_response": text}).json()
    assert parsed["results"][0]["stdout"] == "found\n"
    only = {"agent_id": "a", "llm_response": text, "auto_execute": False}
    assert client.post("/api/llm/parse-execute", json=only).json()["results"] == []
    nothing = client.post("/api/llm/parse-execute", json={"llm_response": "no program"}).json()
    assert nothing == {"code_blocks": [], "results": []}


def test_figures_and_rows_of_runs_can_be_read(service: ApiUnderTest) -> None:
    client = service.operator
    done = run(client, "1", agent="counted")
    assert client.get("/api/metrics/code-execution", params={"hours": 1}).json()["summary"]["runs"] >= 1
    assert client.get("/api/stats").json()["runs"] >= 1
    agents = [each["agent"] for each in client.get("/api/stats/agents").json()["figures"]]
    assert "counted" in agents
    for what in ("days", "tools", "servers"):
        assert isinstance(client.get(f"/api/stats/{what}").json()["figures"], list)
    assert isinstance(client.get("/api/recommendations").json()["recommendations"], list)
    rows = client.get("/api/audit", params={"run": done["run"], "hours": 1}).json()["rows"]
    assert [row["kind"] for row in rows] == ["began", "ended"]
    assert "underpass_" in client.get("/metrics").text
    settings = client.get("/api/settings").json()["settings"]
    assert settings["service"]["requests_per_second"] == 0


@pytest.mark.requirement("R36")
def test_the_doctor_answers_the_operator_with_what_it_found_and_what_to_do(service: ApiUnderTest) -> None:
    found = service.operator.post("/api/doctor").json()
    names = [check["name"] for check in found["checks"]]
    assert {"this service: sandboxes", "this service: servers"} <= set(names)
    assert len(names) > 8
    assert found["ok"] is all(check["status"] != "failed" for check in found["checks"])
    order = [("failed", "warning", "ok").index(check["status"]) for check in found["checks"]]
    assert order == sorted(order)
    assert all(check["hint"] for check in found["checks"] if check["status"] != "ok")


def test_health_says_what_does_not_work(service: ApiUnderTest, tmp_path: Path) -> None:
    anybody = service.client(None)
    assert anybody.get("/health/live").json() == {"status": "ok"}
    assert anybody.get("/health/ready").status_code == 200
    well = anybody.get("/health/code-execution").json()
    names = ("vm_pool_available", "mcp_server_reachable", "skill_library_accessible", "cache_operational")
    assert all(well[name] is True and well["checks"][name]["detail"] for name in names)
    folder = project_of_tenants(tmp_path / "ill", "[service]\nopen = []\n")
    (folder / ".mcp.json").write_text(
        json.dumps({"mcpServers": {"gone": {"command": str(tmp_path / "none")}}})
    )
    with serving(folder) as running:
        ill = ApiUnderTest(running)
        assert ill.client(None).get("/health/live").status_code == 401
        assert ill.client(None).get("/metrics").status_code == 401
        problem(ill.operator.get("/api/tools", params={"server": "gone"}), 503)
        shutil.rmtree(folder / ".underpass" / "cache", ignore_errors=True)
        (folder / ".underpass" / "cache").write_text("no folder")
        answer = ill.operator.get("/health/code-execution")
        assert answer.status_code == 503
        said = answer.json()
        assert [said[name] for name in names] == [True, False, True, False]
        assert "gone" in said["checks"]["mcp_server_reachable"]["last_error"]
        ill.close()


def test_too_many_requests_of_one_token_are_told_when_to_come_back(tmp_path: Path) -> None:
    with api(
        tmp_path, "[service]\nrequests_per_second = 0.01\nburst = 3\nmax_runs = 1\ngrace_seconds = 0.1\n"
    ) as found:
        first, second = found.tenant("a"), found.tenant("b")
        assert [first.get("/api/me").status_code for _ in range(4)] == [200, 200, 200, 429]
        answer = first.get("/api/me")
        assert 90 <= int(answer.headers["retry-after"]) <= 100
        assert problem(answer, 429)["error"] == "Overloaded"
        bell = Bell(tmp_path / "workspace" / "b.default")
        assert second.post("/api/runs", json={"code": ENDLESS, "wait": False}).status_code == 202
        bell.wait()
        full = second.post("/api/runs", json={"code": "1"})
        assert problem(full, 429)["error"] == "Overloaded"
        assert full.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("header", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403)],
)
def test_pages_of_other_sites_cannot_use_the_service(
    service: ApiUnderTest, header: dict[str, str], status: int
) -> None:
    for path in ("/api/me", "/health/live", "/metrics", "/dashboard/enter?ticket=x"):
        problem(service.operator.get(path, headers=header), status)


def test_a_browser_enters_once_with_a_ticket_and_needs_more_than_its_cookie_to_change_anything(
    service: ApiUnderTest,
) -> None:
    from tests.cli.command_line import underpass

    printed = underpass("dashboard", "--json", cwd=service.service.folder).json["url"]
    assert printed.startswith(f"{service.base}/dashboard/enter?ticket=")
    with httpx2.Client(base_url=service.base, timeout=LONG) as browser:
        entered = browser.get(printed)
        assert entered.status_code == 303
        assert entered.headers["location"] == "/dashboard"
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert browser.get("/api/me").json()["token"] == "operator"
        problem(browser.post("/api/runs", json={"code": "1"}), 403)
        problem(browser.post("/api/runs", json={"code": "1"}, headers={"X-CSRF-Token": "wrong"}), 403)
        csrf = browser.get("/api/me").json()["csrf"]
        allowed = browser.post("/api/runs", json={"code": "1"}, headers={"X-CSRF-Token": csrf})
        assert allowed.json()["value"] == 1
        with httpx2.Client(base_url=service.base) as another:
            problem(another.get(printed), 403)
            assert another.get("/api/me").status_code == 401
        problem(browser.post("/dashboard/leave"), 403)
        assert browser.post("/dashboard/leave", headers={"X-CSRF-Token": csrf}).status_code == 204
        browser.cookies.clear()
        browser.cookies.set("underpass_session", cookie.partition("=")[2].partition(";")[0])
        assert browser.get("/api/me").status_code == 401


def test_a_line_is_logged_for_each_request_without_secrets_or_clients_texts(tmp_path: Path) -> None:
    with api(tmp_path, SETTINGS) as found:
        client = found.tenant("acme")
        done = run(client, "'the code'")
        path = "/api/runs/x%0a%7B%22event%22:%22forged%22%7D?q=%0d%0aforged"
        assert client.get(path, headers={"X-Any": "forged"}).status_code in {404, 422}
        assert client.get("/api/me", headers={"User-Agent": "forged"}).status_code == 200
        token = client.headers["authorization"].removeprefix("Bearer ")
        found.service.process.send_signal(signal.SIGTERM)
        said = found.service.process.communicate(timeout=LONG)[1].decode()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines] == [200, 404, 200]
    assert (
        lines[0] | {"run": done["run"], "tenant": "acme", "route": "/api/runs", "method": "POST"} == lines[0]
    )
    assert token not in said
    assert "the code" not in said
    assert "forged" not in said


def test_a_service_that_ends_lets_its_runs_finish(tmp_path: Path) -> None:
    with api(tmp_path) as found:
        bell = Bell(tmp_path / "workspace" / "default")
        code = (
            "open('bell', 'w').write('x')\nimport time\ntime.sleep(0.5)\n"
            "open('data/done', 'w').write('1')\n'x'"
        )
        begun = found.operator.post("/api/runs", json={"code": code, "wait": False}).json()
        bell.wait()
        found.service.process.send_signal(signal.SIGTERM)
        assert found.service.process.wait(LONG) == 143
        assert (tmp_path / "workspace" / "default" / "data" / "done").read_text() == "1"
    with api(tmp_path) as again:
        assert again.operator.get(f"/api/runs/{begun['run']}").json()["state"] == "ok"


def not_written(url: str, run_id: str, headers: dict[str, str]) -> bool:
    """Whether the journal has not yet that the run's call has ended."""
    shown = httpx2.get(f"{url}/api/runs/{run_id}", headers=headers, timeout=LONG).json()
    return [call["state"] for call in shown["journal"]] != ["finished"]


@pytest.mark.requirement("R20")
def test_runs_of_a_service_that_was_killed_are_reported_and_resumed(tmp_path: Path) -> None:
    project_of_tenants(tmp_path)
    bell = Bell(tmp_path / "workspace" / "acme.default")
    code = (
        "from mcp_servers import hostile\nfrom pathlib import Path\nawait hostile.echo()\n"
        "if not Path('data/second').exists():\n    Path('data/second').touch()\n"
        "    open('bell', 'w').write('x')\n    while True: pass\n'survived'"
    )
    with background("serve", "--http", "127.0.0.1:0", "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"].removesuffix("/mcp")
        from underpass.server.tenancy.tokens import TokenStore

        token = TokenStore(tmp_path / ".underpass").create("acme", ["run", "read"])[1]
        headers = {"Authorization": f"Bearer {token}"}
        body = {"code": code, "wait": False, "timeout_seconds": 600}
        begun = httpx2.post(f"{url}/api/runs", json=body, headers=headers, timeout=LONG).json()
        bell.wait()
        while not_written(url, begun["run"], headers):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=LONG)
    with api(tmp_path) as again:
        client = again.client(token)
        listed = client.get("/api/runs").json()["runs"]
        assert [(each["run"], each["state"]) for each in listed] == [(begun["run"], "died")]
        seen = events(client.get(f"/api/runs/{begun['run']}/events").text)
        assert [each["event"] for each in seen] == ["started", "call", "call", "ended"]
        assert json.loads(seen[-1]["data"])["state"] == "died"
        assert again.tenant("rival").post(f"/api/runs/{begun['run']}/resume", json={}).status_code == 404
        resumed = client.post(f"/api/runs/{begun['run']}/resume", json={})
        assert resumed.json()["value"] == "survived", resumed.text
        problem(client.post(f"/api/runs/{begun['run']}/resume", json={}), 409)


@pytest.mark.anyio
async def test_two_hundred_agents_at_once_get_their_own_answers(service: ApiUnderTest) -> None:
    values: dict[int, Any] = {}
    code = (
        "from mcp_runtime import call_tool\n"
        "[(await call_tool('hostile', 'echo', {{'n': {0}}}))['n'] for _ in range(3)]"
    )
    headers = {"Authorization": f"Bearer {service.service.token}"}
    begun = time.monotonic()
    async with httpx2.AsyncClient(base_url=service.base, headers=headers, timeout=LONG) as http:

        async def one(number: int) -> None:
            answer = await http.post(
                "/api/runs", json={"code": code.format(number), "agent": f"many-{number}"}
            )
            values[number] = answer.json()["value"]

        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(one, number)
    assert values == {number: [number] * 3 for number in range(200)}
    assert time.monotonic() - begun < LONG
