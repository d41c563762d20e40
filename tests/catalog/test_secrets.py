from __future__ import annotations

import base64
import json
import logging
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.servers.hostile_http import hostile_http

from underpass import ServerUnavailable, ToolError, Underpass
from underpass.catalog import Catalog, ServerSpec, load_servers
from underpass.catalog.redaction import Redactor, looks_secret
from underpass.catalog.references import resolve, shown_line
from underpass.catalog.secret_store import SecretStore
from underpass.errors import ConfigError

pytestmark = [pytest.mark.requirement("R22"), pytest.mark.anyio]

HOSTILE = str(Path(__file__).parents[1] / "servers" / "hostile.py")
LEAKY = str(Path(__file__).parents[1] / "servers" / "leaky.py")
CANARY = 'canary "7f3a\\9b2c" ümläut&=/'
FORMS = (
    CANARY,
    json.dumps(CANARY)[1:-1],
    json.dumps(CANARY, ensure_ascii=False)[1:-1],
    repr(CANARY)[1:-1],
    quote(CANARY, safe=""),
    base64.b64encode(CANARY.encode()).decode(),
)


def clean(*shown: object) -> bool:
    text = "\n".join(str(each) for each in shown)
    return not any(form in text for form in (*FORMS, "7f3a"))


def spec(entry: dict[str, Any], environ: dict[str, str] | None = None) -> ServerSpec:
    (loaded,) = load_servers({"s": entry}, environ or {}).values()
    assert isinstance(loaded, ServerSpec)
    return loaded


def leaky(folder: Path, kind: str, **more: str) -> dict[str, Any]:
    """The entry of the server that tells everything, with the canary by a reference of each kind."""
    (folder / "secret.txt").write_text(CANARY + "\n")
    SecretStore(folder / ".underpass").set("canary", CANARY)
    program = f"print(open({str(folder / 'secret.txt')!r}).read())"
    reference = {
        "keyring": "keyring://canary",
        "file": f"file://{folder}/secret.txt",
        "command": f'command://{sys.executable} -c "{program}"',
        "variable": "${CANARY_TOKEN}",
    }[kind]
    return {"command": sys.executable, "args": [LEAKY, reference], "env": {"SECRET": reference, **more}}


@pytest.mark.parametrize("kind", ["keyring", "file", "command", "variable"])
async def test_a_secret_reaches_its_server_and_nobody_else(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", CANARY)
    caplog.set_level(logging.DEBUG)
    heard: list[object] = []

    async def hear(*progress: object) -> None:
        heard.append(progress)

    async with Catalog({"s": leaky(tmp_path, kind)}, state=tmp_path / ".underpass") as servers:
        listing = await servers.listing("s")
        assert clean(listing)
        assert "[secret " in listing.tools[0].description, "it has the secret"
        outcome = await servers.call("s", "result", {})
        assert clean(outcome)
        assert "[secret " in json.dumps(outcome.structured)
        assert clean(await servers.call("s", "fail", {}))
        await servers.call("s", "progress", {}, progress=hear)
        await servers.call("s", "noise", {})
        assert heard
        assert clean(heard, servers.states())
        for name in ("error", "die"):
            with pytest.raises(ToolError) as caught:
                await servers.call("s", name, {})
            assert clean(caught.value, caught.value.to_dict(), repr(caught.value.__cause__))
        (state,) = servers.states()
        assert clean(state)
        assert "cannot go on with ['[secret " in state.stderr
    assert clean(caplog.text)


@pytest.mark.parametrize("kind", ["keyring", "variable"])
async def test_a_server_that_fails_at_its_start_is_told_without_its_secrets(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", CANARY)
    servers = {"s": leaky(tmp_path, kind, LEAK="exit")}
    async with Catalog(servers, state=tmp_path / ".underpass") as catalog:
        with pytest.raises(ServerUnavailable, match=r"it said: cannot log in with \['\[secret ") as caught:
            await catalog.listing("s")
        assert clean(caught.value.to_dict(), catalog.states(), repr(caught.value.__cause__))


async def test_nothing_of_a_secret_is_in_a_sandbox_or_in_the_state(tmp_path: Path) -> None:
    config = tmp_path / ".mcp.json"
    config.write_text(json.dumps({"mcpServers": {"s": leaky(tmp_path, "file")}}))
    program = """
import os, json
from mcp_servers import s
from mcp_runtime import ToolError, get_tool_docs
told = [await s.result(), dict(os.environ), await get_tool_docs("s.result")]
for tool in (s.fail, s.error, s.die):
    try:
        await tool()
    except ToolError as error:
        told.append([str(error), error.data])
print(told)
told
"""
    async with Underpass.open(config) as up:
        result = await up.run(program)
    assert result.error is None, result.error
    assert clean(result.value, result.to_dict())
    (tmp_path / "secret.txt").unlink()
    (tmp_path / ".underpass" / "secrets.json").unlink()
    for file in tmp_path.rglob("*"):  # noqa: ASYNC240
        if file.is_file():
            assert not any(form.encode() in file.read_bytes() for form in FORMS), file


async def test_a_secret_in_an_address_or_a_header_stays_out_of_errors_and_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    SecretStore(tmp_path).set("key", CANARY)
    with hostile_http(refuse=401) as url:
        entry = {"url": f"{url}?key=keyring://key", "headers": {"X-Key": "Bearer plain-but-secret-7f3a"}}
        async with Catalog({"s": entry}, state=tmp_path) as servers:
            with pytest.raises(ServerUnavailable) as caught:
                await servers.listing("s")
            assert clean(caught.value.to_dict(), servers.states())
    assert "HTTP Request" in caplog.text, "the library does log addresses"
    assert clean(caplog.text)


async def test_an_impossible_header_is_told_without_its_value(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("canary-7f3a-line\nanother")
    entry = {"url": "http://127.0.0.1:9/mcp", "headers": {"X": f"file://{tmp_path}/s"}}
    async with Catalog({"s": entry}) as servers:
        with pytest.raises(ServerUnavailable) as caught:
            await servers.listing("s")
    assert clean(caught.value.to_dict())


async def test_nothing_is_looked_up_before_the_server_starts(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    entry = {"command": "x", "env": {"K": f"command://touch {mark}"}}
    async with Catalog({"s": entry}) as servers:
        assert servers.states()[0].state == "configured"
        assert not mark.exists()
        with pytest.raises(ServerUnavailable, match="is empty"):
            await servers.listing("s")
        assert mark.exists()


async def test_references_stand_for_values_wherever_they_are(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    store.set("a.b", "v/1 &")
    (tmp_path / "token").write_text("t0\n")
    entry: dict[str, Any] = {
        "command": "run",
        "args": ["--k=keyring://a.b", "file:/stays", "x-keyring://a.b", "--t=file://token"],
        "env": {"A": "keyring://a.b", "B": "command://echo one two", "C": "file://${D}/token"},
    }
    read = spec(entry, {"D": str(tmp_path)})
    read = ServerSpec(
        "s", "stdio", read.command, read.args, read.env, source=tmp_path / "c", environ=read.environ
    )
    found, _ = await resolve(read, store)
    assert found.args == ("--k=v/1 &", "file:/stays", "x-keyring://a.b", "--t=t0")
    assert found.env == {"A": "v/1 &", "B": "one two", "C": "t0"}
    remote = spec({"url": "https://h/?k=keyring://a.b&l=1", "headers": {"H": "Bearer keyring://a.b"}})
    found, redactor = await resolve(remote, store)
    assert (found.url, found.headers) == ("https://h/?k=v%2F1%20%26&l=1", {"H": "Bearer v/1 &"})
    assert redactor.text("GET ?k=v%2F1%20%26") == "GET ?k=[secret a.b]"


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("keyring://none", "keyring://none is not set"),
        ("file:///none", "cannot be read: No such file"),
        ("file:///usr", "cannot be read: Is a directory"),
        ("file:///dev/zero", "is larger than 65,536 bytes"),
        ("file:///a\0b", "cannot be read"),
        ("command://", "names no command"),
        ("command://'", "is no command: No closing quotation"),
        ("command://no-such-program-here", "cannot be run: No such file"),
        ("command://true", "is empty"),
        ("command://printf '\\0'", "holds a NUL"),
        ("command://printf '\\377'", "is not UTF-8"),
        (
            "command://sh -c 'echo canary-7f3a; echo not canary-7f3a >&2; exit 3'",
            "ended with status 3; it said",
        ),
    ],
)
async def test_a_secret_that_is_not_to_be_had_is_told_by_its_reference(reference: str, what: str) -> None:
    async with Catalog({"s": {"command": "x", "env": {"K": reference}}}) as servers:
        with pytest.raises(ServerUnavailable, match="could not be started: the secret") as caught:
            await servers.listing("s")
    assert what in caught.value.message
    assert "said: not canary" not in caught.value.message


def test_what_stands_openly_in_an_entry_is_judged_by_name_and_look() -> None:
    for name, value in [
        ("API_KEY", "x"),
        ("args", "ghp_abcdefghij1234567890"),
        ("DATABASE_URL", "postgres://me:hunter2@db/x"),
        ("X", "sk-ant-0123456789abcdef"),
    ]:
        assert looks_secret(name, value)
    for name, value in [
        ("NODE_ENV", "production"),
        ("PROJECT_ID", "project-1234567890abc"),
        ("X", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("X", "/home/me/some/folder/v1"),
        ("AUTH_MODE", "interactive"),
        ("AUTH_BASIC", "true"),
        ("TOKEN_URL", "https://login.example/token"),
    ]:
        assert not looks_secret(name, value)
    entry = {"command": "run", "args": ["--api-key", "hunter2", "--token=hunter2", "-v", "${K}", "a b"]}
    shown = shown_line(spec(entry))
    assert shown.startswith("run --api-key [secret --api-key] --token=[secret --api-key] -v")
    assert "hunter2" not in shown_line(spec({"url": "https://u:hunter2@h/?token=hunter2"}))
    assert shown_line(spec({"url": "http://[::1"})) == "http://[::1"


async def test_numbers_are_found_and_members_keep_their_order(tmp_path: Path) -> None:
    SecretStore(tmp_path).set("pin", "12345678")
    entry = {"command": sys.executable, "args": [HOSTILE], "env": {"PIN": "keyring://pin"}}
    async with Catalog({"s": entry}, state=tmp_path) as servers:
        told = {"a": 12345678, "12345678": [12345678.5, True, None, "x 12345678"], "b": 1}
        outcome = await servers.call("s", "raw", {"result": {"content": [], "structuredContent": told}})
    assert list(outcome.structured) == ["a", "[secret pin]", "b"]
    assert outcome.structured["a"] == "[secret pin]"
    assert outcome.structured["[secret pin]"] == [12345678.5, True, None, "x [secret pin]"]
    assert Redactor().text("x") == "x"


def test_the_file_is_its_owners_alone_and_damage_is_told_without_its_content(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "state")
    assert store.set("a", "one") == "file"
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.with_name(".gitignore").read_text() == "*\n"
    assert [(each.name, each.place) for each in store.list()] == [("a", "file")]
    assert store.get("a") == "one"
    assert store.remove("a")
    assert not store.remove("a")
    for name, value in [("", "x"), ("a b", "x"), ("a", "")]:
        with pytest.raises(ConfigError):
            store.set(name, value)
    for damaged in ('{"a": {"value": "canary-7f3a"', "[]", '{"a": {"value": 1}}', '{"a": 1}'):
        store.path.write_text(damaged)
        with pytest.raises(ConfigError) as caught:
            store.get("a")
        assert clean(caught.value.to_dict())
    blocked = SecretStore(store.path)
    with pytest.raises(ConfigError):
        blocked.set("a", "one")
