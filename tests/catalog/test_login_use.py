from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.catalog.test_login import login, register
from tests.servers.authorization import CANARY, SCOPE, Authority, Guarded, authority, guarded

from underpass import ServerUnavailable, ToolError, ToolUnavailable, Underpass
from underpass.catalog import Catalog
from underpass.catalog.logins import Login, Logins
from underpass.catalog.secret_store import SecretStore
from underpass.errors import ConfigError

pytestmark = [pytest.mark.requirement("R01", "R43"), pytest.mark.anyio]


@contextmanager
def running() -> Generator[tuple[Authority, Guarded]]:
    with authority() as issuer, guarded(issuer) as server:
        yield issuer, server


async def added(servers: Catalog, name: str = "s") -> bool:
    return (await servers.call(name, "add", {"a": 1, "b": 2})).structured == {"result": 3}


async def test_a_server_that_needs_a_login_says_which_command_gives_one(tmp_path: Path) -> None:
    with running() as (_, server):
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable, match="'s' needs a login: run `underpass login s`"):
                await servers.listing("s")
            with pytest.raises(ToolUnavailable, match="needs a login: run `underpass login s`") as caught:
                await added(servers)
            assert caught.value.data["needs_login"]
            (state,) = servers.states()
            assert state.error is not None
            assert "run `underpass login s`" in state.error
        await login(tmp_path, server.url)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            assert [tool.name for tool in (await servers.listing("s")).tools] == ["add", "tell"]
            assert await added(servers)


async def test_a_server_of_the_older_transport_can_be_logged_in_to(tmp_path: Path) -> None:
    with authority() as issuer, guarded(issuer, transport="sse") as server:
        entry = {"s": {"url": server.url, "type": "sse"}}
        async with Catalog(entry, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable, match="run `underpass login s`"):
                await servers.listing("s")
        await login(tmp_path, server.url, type="sse")
        async with Catalog(entry, state=tmp_path) as servers:
            assert await added(servers)


async def test_tokens_are_in_nothing_that_a_server_says_nor_in_what_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    config = tmp_path / ".mcp.json"
    program = """
import os
from mcp_servers import s
told = [await s.tell(), dict(os.environ)]
told
"""
    with running() as (issuer, server):
        config.write_text(json.dumps({"mcpServers": {"s": {"url": server.url}}}))
        state = tmp_path / ".underpass"
        await login(state, server.url)
        issuer.behaviour.lifetime = 0
        async with Underpass.open(config) as up:
            for _ in range(2):
                result = await up.run(program)
                assert result.error is None, result.error
                assert "it was Bearer [secret access-token]" in json.dumps(result.value)
                assert CANARY not in json.dumps(result.to_dict())
                await expire(state, server.url)
        assert len(issuer.seen) > 1, "they were renewed as well"
    assert CANARY not in caplog.text
    for file in tmp_path.rglob("*"):  # noqa: ASYNC240
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file


async def expire(state: Path, url: str) -> Login:
    """Make the kept access token one that is over."""
    logins = Logins(state)
    kept = logins.get(url)
    assert kept is not None
    logins.put(replace(kept, expires_at=1.0))
    return kept


@pytest.mark.parametrize("rotates", [True, False])
async def test_an_access_token_that_is_over_is_renewed_and_kept(tmp_path: Path, rotates: bool) -> None:
    with running() as (issuer, server):
        await login(tmp_path, server.url)
        issuer.behaviour.rotates = rotates
        before = await expire(tmp_path, server.url)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            assert await added(servers)
            after = Logins(tmp_path).get(server.url)
            assert after is not None
            assert after.access_token != before.access_token
            assert (after.refresh_token != before.refresh_token) == rotates
            assert after.scope == SCOPE
            form = issuer.seen[-1]
            assert (form["grant_type"], form["resource"]) == ("refresh_token", server.url)
            # In the middle of a connection as well, also when the server does not wait for its end.
            del issuer.access[after.access_token]
            assert await added(servers)
            assert len([form for form in issuer.seen if form["grant_type"] == "refresh_token"]) == 2


async def test_many_at_once_renew_a_login_once(tmp_path: Path) -> None:
    with running() as (issuer, server):
        await login(tmp_path, server.url)
        await expire(tmp_path, server.url)
        async with (
            Catalog({"s": {"url": server.url}}, state=tmp_path) as one,
            Catalog({"s": {"url": server.url}}, state=tmp_path) as two,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(5):
                tasks.start_soon(added, one)
                tasks.start_soon(added, two)
        assert [form["grant_type"] for form in issuer.seen] == ["authorization_code", "refresh_token"]


async def test_two_processes_at_once_renew_a_login_once(tmp_path: Path) -> None:
    with running() as (issuer, server):
        await login(tmp_path / ".underpass", server.url)
        await expire(tmp_path / ".underpass", server.url)
        (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": {"url": server.url}}}))
        command = [str(Path(sys.executable).with_name("underpass")), "tools", "--server", "s", "--json"]

        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                done = await anyio.run_process(command, cwd=tmp_path, check=False)
                assert done.returncode == 0, done.stderr.decode()
                assert CANARY.encode() not in done.stdout + done.stderr

            for _ in range(2):
                tasks.start_soon(run)
        assert [form["grant_type"] for form in issuer.seen] == ["authorization_code", "refresh_token"]


async def test_a_login_that_was_ended_is_forgotten_and_another_asked_for(tmp_path: Path) -> None:
    with running() as (issuer, server):
        await login(tmp_path, server.url)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            assert await added(servers)
            issuer.access.clear()
            issuer.refresh.clear()
            what = r"needs a login: the last one was ended \(invalid_grant\), run `underpass login s`"
            with pytest.raises(ToolUnavailable, match=what):
                await added(servers)
            assert Logins(tmp_path).get(server.url) is None
            with pytest.raises(ToolUnavailable, match="run `underpass login s`"):
                await added(servers)
            await login(tmp_path, server.url)
            assert await added(servers), "without a restart"


async def test_a_login_that_cannot_be_renewed_ends(tmp_path: Path) -> None:
    with running() as (issuer, server):
        issuer.behaviour.rotates = False  # and gives no refresh token at all
        await login(tmp_path, server.url)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            assert await added(servers)
            issuer.access.clear()
            with pytest.raises(ToolUnavailable, match="its login is over, run `underpass login s`"):
                await added(servers)


async def test_an_authorization_server_in_trouble_does_not_end_a_login(tmp_path: Path) -> None:
    with running() as (issuer, server):
        await login(tmp_path, server.url)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            assert await added(servers)
            issuer.access.clear()
            issuer.behaviour.refuses_tokens = 503
            with pytest.raises(ToolUnavailable, match=r"cannot renew its login: .* answered 503") as caught:
                await added(servers)
            assert CANARY not in repr(caught.value.to_dict())
            issuer.behaviour.refuses_tokens = 200
            with pytest.raises(ToolUnavailable, match="answered with no token"):
                await added(servers)
            issuer.behaviour.refuses_tokens = None
            assert await added(servers)
            kept = Logins(tmp_path).get(server.url)
            assert kept is not None
            issuer.access.clear()
            for endpoint, what in [
                ("http://127.0.0.1:9/token", "could not be reached"),
                ("http://token.example/token", "is not reached over https"),
            ]:
                Logins(tmp_path).put(replace(kept, token_endpoint=endpoint))
                with pytest.raises(ToolUnavailable, match=what):
                    await added(servers)


async def test_a_token_goes_to_its_own_server_alone(tmp_path: Path) -> None:
    with authority() as issuer, guarded(issuer) as one, guarded(issuer) as two:
        await login(tmp_path, one.url)
        async with Catalog({"one": {"url": one.url}, "two": {"url": two.url}}, state=tmp_path) as servers:
            assert await added(servers, "one")
            with pytest.raises(ToolUnavailable, match="run `underpass login two`"):
                await added(servers, "two")
            assert set(two.headers) == {None}
        await login(tmp_path, two.url)
        async with Catalog({"one": {"url": one.url}, "two": {"url": two.url}}, state=tmp_path) as servers:
            assert await added(servers, "one")
            assert await added(servers, "two")
        assert not set(filter(None, one.headers)) & set(filter(None, two.headers))
        resources = {token.token: token.resource for token in issuer.access.values()}
        for server in (one, two):
            sent = {str(header).removeprefix("Bearer ") for header in server.headers if header}
            assert {resources[token] for token in sent} == {server.url}


async def test_a_login_of_another_issuer_or_client_than_the_entrys_is_not_used(tmp_path: Path) -> None:
    with running() as (issuer, server):
        await login(tmp_path, server.url)
        server.headers.clear()
        for oauth in ({"issuer": "https://other.example"}, {"clientId": "another"}):
            entry = {"url": server.url, "oauth": oauth}
            async with Catalog({"s": entry}, state=tmp_path) as servers:
                with pytest.raises(ServerUnavailable, match="run `underpass login s`"):
                    await servers.listing("s")
        assert set(server.headers) == {None}
        entry = {"url": server.url, "oauth": {"issuer": f"{issuer.url}/"}}
        async with Catalog({"s": entry}, state=tmp_path) as servers:
            assert await added(servers)


async def test_an_own_header_of_an_entry_is_left_alone(tmp_path: Path) -> None:
    with running() as (_, server):
        await login(tmp_path, server.url)
        server.headers.clear()
        entry = {"url": server.url, "headers": {"Authorization": "Bearer my-own-key-123"}}
        async with Catalog({"s": entry}, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable, match=r"\(HTTP\) 401"):
                await servers.listing("s")
        assert set(server.headers) == {"Bearer my-own-key-123"}


async def test_too_few_rights_are_told_with_the_scope_that_is_missing(tmp_path: Path) -> None:
    with running() as (issuer, server):
        await login(tmp_path, server.url)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            assert await added(servers)
            for token in issuer.access.values():
                token.scopes = ["less"]
            with pytest.raises(
                ToolUnavailable, match=r"needs a login with more rights.*run `underpass login"
            ):
                await added(servers)


def unreadable(folder: Path) -> list[tuple[str, Any]]:
    (kept,) = folder.glob("*.json")
    good, key = json.loads(kept.read_text()), folder / "login-key"
    return [
        ("holds no login", lambda: kept.write_text("{")),
        ("holds no login", lambda: kept.write_text("[]")),
        ("it was changed, or its key was", lambda: kept.write_text(json.dumps({**good, "issuer": "x"}))),
        ("it was changed, or its key was", lambda: kept.write_text(json.dumps({**good, "sealed": "AAAA"}))),
        ("it was changed, or its key was", lambda: kept.write_text(json.dumps({**good, "sealed": "ä"}))),
        ("its key is gone", lambda: kept.write_text(json.dumps({**good, "key": "keyring"}))),
        ("holds no login", lambda: kept.write_text("null")),
        ("it was changed", lambda: (kept.write_text(json.dumps(good)), key.write_bytes(os.urandom(32)))),
        ("its key is gone", key.unlink),
        ("its key cannot be read", key.mkdir),
        ("cannot be read: Is a directory", lambda: (kept.unlink(), kept.mkdir())),
    ]


async def test_a_login_that_cannot_be_read_is_told_and_another_one_replaces_it(tmp_path: Path) -> None:
    with running() as (_, server):
        await login(tmp_path, server.url)
        for what, damage in unreadable(tmp_path / "logins"):
            damage()
            async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
                with pytest.raises(ServerUnavailable, match=f"cannot use its login: .*{what}") as caught:
                    await servers.listing("s")
                assert "`underpass login s` makes a new one" in caught.value.hint
        for path in (*(tmp_path / "logins").glob("*.json"), tmp_path / "logins" / "login-key"):
            path.rmdir()
        await login(tmp_path, server.url)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            assert await added(servers)


async def test_a_lock_that_cannot_be_had_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as (_, server):
        await login(tmp_path, server.url)
        await expire(tmp_path, server.url)
        (lock,) = (tmp_path / "logins").glob("*.lock")
        monkeypatch.setattr("underpass.catalog.logins._LONGEST_WAIT", 0.1)
        entry = {"s": {"url": server.url}}
        async with Logins(tmp_path).held(server.url), Catalog(entry, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable, match="has been held by another process"):
                await servers.listing("s")
        lock.unlink()
        lock.mkdir()
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable, match="cannot be locked: Is a directory"):
                await servers.listing("s")


async def test_a_login_that_cannot_be_kept_fails(tmp_path: Path) -> None:
    with running() as (_, server):
        (tmp_path / "logins").mkdir()
        (tmp_path / "logins" / "login-key").write_bytes(b"short")
        with pytest.raises(ConfigError, match="holds no key"):
            await login(tmp_path, server.url)
        blocked = tmp_path / "file"
        blocked.write_text("")
        with pytest.raises(ConfigError, match="cannot be locked"):
            await login(blocked, server.url)


async def test_the_login_of_one_server_cannot_be_put_in_the_place_of_anothers(tmp_path: Path) -> None:
    logins = Logins(tmp_path)
    made = Login("https://a/mcp", "https://i", "https://i/token", "c", f"{CANARY}-1", f"{CANARY}-2")
    logins.put(made)
    (first,) = (tmp_path / "logins").glob("*.json")
    logins.put(replace(made, server="https://b/mcp"))
    (second,) = set((tmp_path / "logins").glob("*.json")) - {first}
    second.write_bytes(first.read_bytes())
    with pytest.raises(ConfigError, match="cannot be opened"):
        logins.get("https://b/mcp")
    assert logins.get("https://a/mcp") == made
    assert CANARY not in repr(made)


async def test_a_machine_logs_in_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    SecretStore(tmp_path).set("robot", f"{CANARY}-secret")
    with running() as (issuer, server):
        await register(issuer, "robot", f"{CANARY}-secret")
        oauth: dict[str, Any] = {"grant": "client_credentials", "clientId": "robot"}
        async with Catalog({"s": {"url": server.url, "oauth": oauth}}, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable, match='needs "clientId", "clientSecret" and "issuer"'):
                await servers.listing("s")
        oauth |= {"clientSecret": "keyring://robot", "issuer": issuer.url}
        async with Catalog({"s": {"url": server.url, "oauth": oauth}}, state=tmp_path) as servers:
            assert await added(servers)
            assert "[secret access-token]" in str(await servers.call("s", "tell", {}))
            issuer.access.clear()
            assert await added(servers)
            assert len(issuer.seen) == 2
            issuer.access.clear()
            issuer.clients.clear()
            with pytest.raises(ToolError, match=r"gave no token \(invalid_client\)"):
                await added(servers)
        entry = {"url": server.url, "oauth": {**oauth, "issuer": "https://other.example"}}
        seen = len(issuer.seen)
        async with Catalog({"s": entry}, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable, match="issuer mismatch"):
                await servers.listing("s")
        assert len(issuer.seen) == seen, "the secret was sent nowhere"
    assert CANARY not in caplog.text
    assert not (tmp_path / "logins").exists()
