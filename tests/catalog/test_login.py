from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx2
import pytest
from anyio.abc import SocketAttribute
from mcp.shared.auth import OAuthClientInformationFull
from pydantic import AnyUrl
from tests.servers.authorization import CANARY, SCOPE, Authority, authority, guarded
from tests.servers.hostile_http import hostile_http

from underpass.catalog import Catalog, ServerSpec, load_servers
from underpass.catalog.logins import Login, Logins
from underpass.catalog.oauth_login import log_in, log_out
from underpass.catalog.oauth_settings import may_carry_secrets
from underpass.catalog.secret_store import SecretStore
from underpass.errors import ConfigError, LoginFailed, UnderpassError

pytestmark = [pytest.mark.requirement("R43"), pytest.mark.anyio]

Visit = Callable[[str], Coroutine[Any, Any, None]]


def spec(url: str, **entry: Any) -> ServerSpec:
    (loaded,) = load_servers({"s": {"url": url, **entry}}, {}).values()
    assert isinstance(loaded, ServerSpec)
    return loaded


async def browser(url: str) -> None:
    """Follow the redirects to their end, as a browser does for a person who says yes to everything."""

    def follow() -> str:
        with urlopen(url) as page:  # logs nothing, unlike the client that we use ourselves
            return page.read().decode()

    assert CANARY not in await anyio.to_thread.run_sync(follow)


async def login(
    state: Path,
    url: str,
    *,
    visit: Visit = browser,
    pasted: AsyncIterator[str] | None = None,
    wait: float = 60,
    **entry: Any,
) -> Login:
    """Log a person in who answers the address with ``visit``."""
    ends: list[Login | UnderpassError] = []
    async with anyio.create_task_group() as tasks:

        async def show(address: str) -> None:
            tasks.start_soon(visit, address)

        store = SecretStore(state)
        try:
            ends.append(await log_in(spec(url, **entry), store, show=show, pasted=pasted, wait=wait))
        except UnderpassError as error:
            ends.append(error)
    if isinstance(end := ends[0], UnderpassError):
        raise end
    return end


async def failure(kind: type[UnderpassError], *arguments: Any, **more: Any) -> UnderpassError:
    """Fail to log in, with nothing secret in what is said of it."""
    with pytest.raises(kind) as caught:
        await login(*arguments, **more)
    assert CANARY not in repr(caught.value.to_dict()) + repr(caught.value.__cause__)
    return caught.value


async def test_a_login_is_asked_for_with_everything_the_protocol_wants(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with authority() as issuer, guarded(issuer) as server:
        made = await login(tmp_path, server.url)
        (asked,) = issuer.authorized
        assert asked.code_challenge
        assert asked.resource == server.url
        assert str(asked.redirect_uri).startswith("http://127.0.0.1:")
        assert asked.scopes == [SCOPE]
        (form,) = issuer.seen
        assert form["resource"] == server.url
        assert len(form["code_verifier"]) >= 43
        (client,) = issuer.clients.values()
        assert (client.client_name, client.token_endpoint_auth_method) == ("Underpass", "none")
        assert (made.issuer, made.server, made.scope) == (issuer.url, server.url, SCOPE)
    kept = Logins(tmp_path).get(made.server)
    assert kept == made
    assert CANARY not in repr(made)
    assert CANARY not in caplog.text
    folder = tmp_path / "logins"
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in folder.iterdir():
        assert CANARY.encode() not in file.read_bytes()
        assert file.name == ".gitignore" or file.stat().st_mode & 0o077 == 0


async def test_an_address_can_be_pasted_when_the_browser_runs_elsewhere(tmp_path: Path) -> None:
    send, receive = anyio.create_memory_object_stream[str](9)

    async def elsewhere(url: str) -> None:
        async with httpx2.AsyncClient() as client:
            page = await client.get(url)
        for line in (
            "",
            "yes",
            "http://127.0.0.1/callback?code=a&state=b",
            "http://[",
            page.headers["location"],
        ):
            await send.send(f"{line} \n")

    with authority() as issuer, guarded(issuer) as server, send, receive:
        made = await login(tmp_path, server.url, visit=elsewhere, pasted=receive)
    assert made.issuer == issuer.url


def changed(url: str, **values: str | None) -> str:
    """An address with other values in its query."""
    query = {key: found[0] for key, found in parse_qs(urlsplit(url).query).items()}
    merged = {key: value for key, value in {**query, **values}.items() if value is not None}
    return f"{url.partition('?')[0]}?{urlencode(merged)}"


async def test_only_the_answer_that_is_waited_for_is_taken(tmp_path: Path) -> None:
    statuses: list[int] = []

    async def visit(url: str) -> None:
        async with httpx2.AsyncClient() as client:
            back = (await client.get(url)).headers["location"]
            for address in (
                changed(back, state="another"),
                changed(back, state=None),
                changed(back, code=None),
                f"{back}&code=another",
                back.replace("/callback", "/favicon.ico"),
            ):
                page = await client.get(address)
                statuses.append(page.status_code)
                assert "<script" not in page.text
            statuses.append((await client.post(back)).status_code)
            parts = urlsplit(back)
            assert parts.port
            async with await anyio.connect_tcp("127.0.0.1", parts.port) as stream:
                await stream.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
            page = await client.get(back)
            statuses.append(page.status_code)
            assert "close this page" in page.text
            assert page.headers["cache-control"] == "no-store"

    with authority() as issuer, guarded(issuer) as server:
        await login(tmp_path, server.url, visit=visit)
    assert statuses[:6] == [400, 400, 400, 400, 404, 404]


async def test_a_login_that_is_refused_fails_with_what_the_server_said(tmp_path: Path) -> None:
    with authority() as issuer, guarded(issuer) as server:
        issuer.behaviour.denies = True
        error = await failure(LoginFailed, tmp_path, server.url)
        assert "said access_denied" in error.message
        assert Logins(tmp_path).get(server.url) is None

        async def visit(url: str) -> None:
            async with httpx2.AsyncClient() as client:
                back = (await client.get(url)).headers["location"]
                page = await client.get(changed(back, error="<b>bold</b>"))
                assert "<b>" not in page.text

        error = await failure(LoginFailed, tmp_path, server.url, visit=visit)
        assert "said error" in error.message


async def test_nobody_is_waited_for_without_end(tmp_path: Path) -> None:
    async def nobody(_url: str) -> None:
        await anyio.lowlevel.checkpoint()

    with authority() as issuer, guarded(issuer) as server:
        error = await failure(LoginFailed, tmp_path, server.url, visit=nobody, wait=0)
    assert "nobody came back within 0 s" in error.message


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"issuer": "https://other.example"}, "issuer mismatch"),
        ({"code_challenge_methods_supported": None}, "does not offer PKCE"),
        ({"code_challenge_methods_supported": ["plain"]}, "does not offer PKCE"),
        ({"token_endpoint": "http://token.example/token"}, "leads to token.example, which is not"),
        ({"authorization_endpoint": "http://login.example/"}, "leads to login.example, which is not"),
        ({"registration_endpoint": "http://register.example/"}, "leads to register.example, which is not"),
        ({"registration_endpoint": None}, "registers no client (404)"),
    ],
)
async def test_an_authorization_server_that_is_not_safe_or_another_one_is_refused(
    tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    with authority() as issuer, guarded(issuer) as server:
        issuer.behaviour.changes = changes
        error = await failure(LoginFailed, tmp_path, server.url)
        assert what in error.message
        assert not issuer.access


async def test_an_answer_of_another_issuer_is_refused(tmp_path: Path) -> None:
    with authority() as issuer, guarded(issuer) as server:
        issuer.behaviour.names_issuer = "https://attacker.example"
        error = await failure(LoginFailed, tmp_path, server.url)
        assert "iss mismatch" in error.message
        assert not issuer.seen, "the code was not sent"


@pytest.mark.parametrize("status", [400, 500])
async def test_an_error_of_the_token_endpoint_is_told_without_what_it_quotes(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with authority() as issuer, guarded(issuer) as server:
        issuer.behaviour.refuses_tokens = status
        error = await failure(LoginFailed, tmp_path, server.url)
    assert error.message.endswith("gave no token (server_error)")
    assert CANARY not in caplog.text


async def test_a_registered_client_is_used_with_its_secret_for_its_issuer_alone(tmp_path: Path) -> None:
    SecretStore(tmp_path).set("client", f"{CANARY}-secret")
    oauth: dict[str, Any] = {"clientId": "mine", "clientSecret": "keyring://client"}
    with authority() as issuer, authority() as other, guarded(issuer) as server:
        await register(issuer, "mine", f"{CANARY}-secret")
        error = await failure(ConfigError, tmp_path, server.url, oauth=oauth)
        assert f'add "issuer": "{issuer.url}"' in error.hint
        error = await failure(LoginFailed, tmp_path, server.url, oauth={**oauth, "issuer": other.url})
        assert f"leads to the authorization server {issuer.url}" in error.message
        assert not issuer.seen
        for methods in (["client_secret_basic"], ["client_secret_post"]):
            issuer.behaviour.changes = {"token_endpoint_auth_methods_supported": methods}
            issuer.clients["mine"].token_endpoint_auth_method = methods[0]
            made = await login(tmp_path, server.url, oauth={**oauth, "issuer": issuer.url})
            assert (made.client_id, made.client_secret, made.client_auth) == ("mine", None, methods[0])


class _AnyPort(OAuthClientInformationFull):
    """As servers must take loopback addresses (RFC 8252): whatever their port."""

    def validate_redirect_uri(self, redirect_uri: AnyUrl | None) -> AnyUrl:
        assert redirect_uri is not None
        return redirect_uri


async def register(issuer: Authority, client_id: str, secret: str | None) -> None:
    await issuer.register_client(
        _AnyPort(
            client_id=client_id,
            client_secret=secret,
            scope=f"{SCOPE} more",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
        )
    )


async def test_a_client_id_metadata_document_is_preferred_to_registration(tmp_path: Path) -> None:
    document = "https://client.example/underpass.json"
    with authority() as issuer, guarded(issuer) as server:
        await register(issuer, document, None)
        issuer.behaviour.changes = {"client_id_metadata_document_supported": True}
        made = await login(tmp_path, server.url, oauth={"clientMetadataUrl": document})
        assert made.client_id == document
        assert list(issuer.clients) == [document]
        error = await failure(
            ConfigError, tmp_path, server.url, oauth={"clientMetadataUrl": "http://client.example/x"}
        )
        assert "must be an https address" in error.message


async def test_scopes_and_the_port_of_the_entry_are_used(tmp_path: Path) -> None:
    with authority() as issuer, guarded(issuer) as server:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            port = listener.extra(SocketAttribute.local_port)
            error = await failure(ConfigError, tmp_path, server.url, oauth={"callbackPort": port})
            assert f"port {port} of oauth.callbackPort cannot be used" in error.message
        made = await login(tmp_path, server.url, oauth={"callbackPort": port, "scopes": [SCOPE, "more"]})
        assert made.scope == f"{SCOPE} more"
        assert str(issuer.authorized[0].redirect_uri) == f"http://localhost:{port}/callback"


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"url": "http://mcp.example/mcp"}, "is not reached over https"),
        ({"url": "http://127.0.0.1.example/mcp"}, "is not reached over https"),
        ({"url": "ftp://127.0.0.1/mcp", "type": "http"}, "is not reached over https"),
        ({"url": "http://[", "type": "http"}, "is not reached over https"),
        (
            {"url": "https://mcp.example/mcp", "headers": {"authorization": "Bearer x"}},
            "Authorization header",
        ),
        ({"command": "git"}, "is started by a command"),
        ({"url": "https://h/mcp", "oauth": {"grant": "client_credentials"}}, "logs in by itself"),
    ],
)
async def test_what_one_cannot_log_in_to_is_told_before_anything_is_asked(
    tmp_path: Path, entry: dict[str, Any], what: str
) -> None:
    async def show(_url: str) -> None:
        raise AssertionError

    (loaded,) = load_servers({"s": entry}, {}).values()
    assert isinstance(loaded, ServerSpec)
    with pytest.raises(ConfigError, match=what):
        await log_in(loaded, SecretStore(tmp_path), show=show)


async def test_a_server_that_is_elsewhere_cannot_send_a_login_to_this_machine(tmp_path: Path) -> None:
    assert may_carry_secrets("http://127.0.0.1:1/token", server="http://localhost:2/mcp")
    assert not may_carry_secrets("http://127.0.0.1:1/token", server="https://mcp.example/mcp")
    assert may_carry_secrets("https://login.example/token", server="https://mcp.example/mcp")


async def test_a_server_without_a_login_says_so(tmp_path: Path) -> None:
    with hostile_http() as url:
        error = await failure(LoginFailed, tmp_path, url)
        assert "wants no login: it answered 404 without one" in error.message
    with hostile_http(refuse=401) as url:
        error = await failure(LoginFailed, tmp_path, url)
        assert "registers no client" in error.message
    error = await failure(LoginFailed, tmp_path, "http://127.0.0.1:9/mcp")
    assert "could not be reached" in error.message


async def test_a_server_that_wants_a_login_for_calls_alone_can_be_logged_in_to(tmp_path: Path) -> None:
    with authority() as issuer, guarded(issuer) as server:
        server.answers_strangers = True
        assert (await login(tmp_path, server.url)).issuer == issuer.url
        issuer.behaviour.changes = {"registration_endpoint": None}
        error = await failure(LoginFailed, tmp_path, server.url)
        assert "registers no client (404)" in error.message


async def test_no_proxy_gets_what_stays_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with authority() as issuer, guarded(issuer) as server:
        store = SecretStore(tmp_path)

        async def visit(url: str) -> None:
            async with httpx2.AsyncClient(follow_redirects=True, trust_env=False) as client:
                await client.get(url)

        made = await login(tmp_path, server.url, visit=visit)
        async with Catalog({"s": {"url": server.url}}, state=tmp_path) as servers:
            Logins(tmp_path).put(replace(made, expires_at=1.0))
            assert [tool.name for tool in (await servers.listing("s")).tools] == ["add", "tell"]
        assert await log_out(spec(server.url), store) is True


async def test_a_token_that_its_own_server_refuses_is_no_login(tmp_path: Path) -> None:
    with authority() as issuer, authority() as other, guarded(issuer, advertised=other.url) as server:
        error = await failure(LoginFailed, tmp_path, server.url)
        assert "does not accept the token of its own authorization server (401)" in error.message


async def test_a_logout_forgets_the_login_and_tells_the_server(tmp_path: Path) -> None:
    with authority() as issuer, guarded(issuer) as server:
        store, entry = SecretStore(tmp_path), spec(server.url)
        assert await log_out(entry, store) is None
        await login(tmp_path, server.url)
        assert await log_out(entry, store) is True
        assert not issuer.refresh
        assert Logins(tmp_path).get(server.url) is None
        issuer.behaviour.changes = {"revocation_endpoint": None}
        await login(tmp_path, server.url)
        assert await log_out(entry, store) is False
        await login(tmp_path, server.url)
        (kept,) = (tmp_path / "logins").glob("*.json")
        kept.write_text("{")
        assert await log_out(entry, store) is False
        assert await log_out(spec("", command="git", type="stdio"), store) is None


@pytest.mark.parametrize(
    ("oauth", "what"),
    [
        ("x", "s.oauth must be an object, but is a string"),
        ({"clientId": 1}, "s.oauth.clientId must be a string"),
        ({"callbackPort": "8080"}, "s.oauth.callbackPort must be a port"),
        ({"callbackPort": 65536}, "s.oauth.callbackPort must be a port"),
        ({"grant": "password"}, "s.oauth.grant must be"),
        ({"scopes": {}}, "s.oauth.scopes must be an array"),
    ],
)
async def test_a_malformed_key_of_an_entry_is_told_with_its_place(oauth: object, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        spec("https://h/mcp", oauth=oauth)


async def test_what_other_programs_write_is_read(tmp_path: Path) -> None:
    assert spec("https://h/mcp", oauth=True) == spec("https://h/mcp")
    read = spec("https://h/mcp", oauth={"enabled": True, "clientId": "c", "scopes": "a b", "x": 1}).oauth
    assert (read.client_id, read.scopes) == ("c", ("a", "b"))
    assert json.dumps("hunter2") not in repr(spec("https://h/mcp", oauth={"clientSecret": "hunter2"}))
