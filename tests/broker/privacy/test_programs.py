"""Programs in both languages against a real server with personal data: what they see, and what is left."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.servers import personal
from tests.servers.personal import CARD, EMAIL, IBAN, NAME, NUMBER, OWNER, PHONE, VALUES

from underpass import RunResult, Underpass
from underpass.broker.privacy.kinds import TOKEN
from underpass.broker.privacy.vault import Vault

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R12")]

SETTINGS: Mapping[str, Any] = {
    "privacy.servers": ["crm"],
    "privacy.fields": {"crm.get_contact": ["phone", "owner.name"]},
    "privacy.names": [NAME],
    "privacy.restore": ["mail.send"],
}
PYTHON = """
from mcp_runtime import workspace
from mcp_servers import crm, mail
contact = await crm.get_contact()
print(contact)
print(await crm.notes(), await crm.resources.read("contact://7"))
await workspace.save_data("contact.json", contact)
sent = await mail.send(to=contact["email"], text=f"About {contact['owner']['name']}: {contact['note']}",
                       number=contact["phone"])
public = await mail.publish(text=contact["note"])
try:
    await crm.fail(to=contact["email"])
except Exception as error:
    print(error)
await crm.slowly()
[contact, sent, public]
"""
TYPESCRIPT = """
import { crm, mail } from "mcp-servers";
import { workspace } from "mcp-runtime";
const contact: any = await crm.getContact();
console.log(JSON.stringify(contact), await crm.notes(), await crm.resources.read("contact://7"));
await workspace.saveData("contact.json", contact);
const sent = await mail.send({
    to: contact.email, text: `About ${contact.owner.name}: ${contact.note}`, number: contact.phone,
});
const published = await mail.publish({ text: contact.note });
try { await crm.fail({ to: contact.email }); } catch (error) { console.log(String(error)); }
await crm.slowly();
return [contact, sent, published];
"""
PROGRAMS = {"python": PYTHON, "typescript": TYPESCRIPT}


def configured(folder: Path) -> Path:
    server = {"command": sys.executable, "args": [str(Path(personal.__file__)), str(folder.parent / "sent")]}
    config = folder / ".mcp.json"
    config.write_text(json.dumps({"mcpServers": {"crm": server, "mail": server}}))
    return config


def sent(folder: Path) -> list[list[Any]]:
    return [json.loads(line) for line in (folder.parent / "sent").read_text().splitlines()]


def leaks(folder: Path) -> list[tuple[str, str]]:
    """Files that have a personal value in their bytes, or in a cell if they are databases."""
    found: list[tuple[str, str]] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes().lower()
        found += [
            (str(path), value)
            for value in VALUES
            for form in (value, value.replace(" ", ""), json.dumps(value)[1:-1])
            if form.lower().encode() in content or form.lower().encode("utf-16-le") in content
        ]
        if content.startswith(b"sqlite format 3"):
            with sqlite3.connect(path) as connection:
                found += [
                    (str(path), value)
                    for line in connection.iterdump()
                    for value in VALUES
                    if value.lower().encode().hex() in line.lower() or value.lower() in line.lower()
                ]
            connection.close()
    return found


async def ran(up: Underpass, code: str, language: str = "python", **more: Any) -> RunResult:
    result = await up.run(code, language=language, check=False, **more)
    assert result.ok, result
    return result


@pytest.mark.parametrize("language", PROGRAMS)
async def test_code_output_errors_and_all_files_have_tokens_only_and_one_tool_gets_the_values(
    tmp_path: Path, language: str
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    told: list[str | None] = []

    async def progress(_value: float, _total: float | None, message: str | None) -> None:
        told.append(message)

    async with Underpass.open(configured(folder), settings=SETTINGS) as up:
        result = await ran(up, PROGRAMS[language], language, on_progress=progress)
        contact, answer, public = result.value
        again = await ran(up, PROGRAMS[language], language)
        other = await ran(up, PROGRAMS[language], language, agent="other")
    shown = json.dumps([result.to_dict(), told], ensure_ascii=False)
    assert not [value for value in VALUES if value.lower() in shown.lower()]
    assert leaks(folder) == []

    email, phone, owner = contact["email"], contact["phone"], contact["owner"]["name"]
    assert [token.split("_")[0] for token in (email, phone, owner)] == ["EMAIL", "VALUE", "VALUE"]
    assert contact["orders"] == {email: 3}
    assert (contact["id"], contact["owner"]["since"]) == (7, 2019)
    kinds = [token.split("_")[0] for token in TOKEN.findall(contact["note"])]
    assert kinds == ["NAME", "CARD", "IBAN", "PHONE", "EMAIL"]
    assert told == [f"reading {email}"]
    assert f"no mailbox {email} for NAME_" in result.stdout

    note = f"{NAME} pays {CARD} or {IBAN}; call {PHONE}, write to <{EMAIL}>."
    assert sent(folder)[:2] == [[EMAIL, f"About {OWNER}: {note}", NUMBER], ["published", contact["note"]]]
    assert public == contact["note"]
    assert answer == {
        "sent_to": email,
        "number": phone,
        "preview": f"To {email}: About {owner}: {contact['note']}",
    }

    assert again.value == result.value
    assert not set(TOKEN.findall(json.dumps(other.value))) & set(TOKEN.findall(json.dumps(result.value)))
    vault = folder / ".underpass" / "privacy" / "vault.sqlite3"
    files = [path for path in vault.parent.iterdir() if path.name != ".gitignore"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert vault.parent.stat().st_mode & 0o777 == 0o700


async def test_tokens_are_the_same_after_a_restart_and_those_of_another_agent_stay_what_they_are(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    config = configured(folder)
    read = "from mcp_servers import crm\n(await crm.get_contact())['email']"
    async with Underpass.open(config, settings=SETTINGS) as up:
        token = (await ran(up, read)).value
    async with Underpass.open(config, settings=SETTINGS) as up:
        assert (await ran(up, read)).value == token
        send = (
            f"from mcp_servers import mail\n(await mail.send(to='x@y.zz', text={token.lower()!r}))['preview']"
        )
        assert (await ran(up, send)).value == f"To x@y.zz: {token}"
        assert (await ran(up, send, agent="other")).value == f"To x@y.zz: {token.lower()}"
        assert await up.call_tool("crm", "get_contact") == (await ran(up, CONTACT)).value
    assert sent(folder) == [["x@y.zz", EMAIL, 0], ["x@y.zz", token.lower(), 0]]


CONTACT = "from mcp_servers import crm\nawait crm.get_contact()"


async def test_without_settings_nothing_is_concealed_and_there_is_no_vault(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    async with Underpass.open(configured(folder)) as up:
        assert (await ran(up, CONTACT)).value["email"] == EMAIL
    # So the search for what is left in files can find something.
    assert any("journal" in path for path, _ in leaks(folder))
    assert not (folder / ".underpass" / "privacy").exists()


async def test_what_was_kept_before_it_was_concealed_is_not_shown(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    config, cached = configured(folder), {"cache.tools": ["crm.*"], "cache.runs": True}
    async with Underpass.open(config, settings=cached) as up:
        # Nothing is kept while the agent's folder is as new as it is at first.
        while not (result := await ran(up, CONTACT)).cached:
            assert result.value["email"] == EMAIL
        assert result.value["email"] == EMAIL
    async with Underpass.open(config, settings={**SETTINGS, **cached}) as up:
        first = second = await ran(up, CONTACT)
        assert TOKEN.fullmatch(first.value["email"])
        assert not first.cached
        while not second.cached:
            second = await ran(up, CONTACT)
        assert second.value == first.value
        other = await ran(up, CONTACT, agent="other")
        assert other.value["email"] != first.value["email"]


async def test_files_that_tools_return_are_not_searched(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    async with Underpass.open(configured(folder), settings=SETTINGS) as up:
        picture = await up.call_tool("crm", "picture")
    assert await anyio.Path(picture["path"]).read_bytes() == f"no picture of {EMAIL}".encode()


async def test_a_large_result_kept_elsewhere_a_session_and_what_was_observed_have_tokens_only(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    async with Underpass.open(configured(folder), settings=SETTINGS) as up:
        kept = await ran(up, f"{CONTACT}\n[await crm.get_contact() for _ in range(100)]", max_tokens=300)
        assert kept.handle is not None
        await ran(up, "from mcp_servers import crm\nmine = await crm.get_contact()", session="s")
        value = (await ran(up, "mine['note']", session="s")).value
        assert TOKEN.search(value)
        failed = await up.run("from mcp_servers import crm\nawait crm.die()", check=False)
        assert failed.error is not None
        told = [failed.to_dict(), await up.list_servers(), [state.stderr for state in up.catalog.states()]]
        assert not [value for value in VALUES if value.lower() in json.dumps(told).lower()]
        assert "cannot go on with [email]" in json.dumps(told)
    assert leaks(folder) == []


async def test_a_resumed_run_sees_the_tokens_it_had_seen(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    code = f"""{CONTACT}
seen = await crm.get_contact()
import os
from pathlib import Path
if not Path("lived").exists():
    Path("lived").touch()
    os.abort()
seen["email"]
"""
    async with Underpass.open(configured(folder), settings=SETTINGS) as up:
        died = await up.run(code, check=False)
        assert not died.ok
        token = (await ran(up, CONTACT)).value["email"]
    async with Underpass.open(configured(folder), settings=SETTINGS) as up:
        assert (await up.resume(died.run)).value == token


async def test_a_person_sees_what_a_token_stands_for_and_forgets_it(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    read = "from mcp_servers import crm\n(await crm.get_contact())['email']"
    async with Underpass.open(configured(folder), settings=SETTINGS) as up:
        token = (await ran(up, read)).value
        vault = Vault(folder / ".underpass" / "privacy")
        assert vault.values("default", [token]) == {token: EMAIL}
        assert vault.forget("default") == 7
        vault.close()
        # The process that goes on notices: the same address has another token now.
        new = (await ran(up, read)).value
        assert TOKEN.fullmatch(new)
        assert new != token
        stays = f"from mcp_servers import mail\n(await mail.send(to='x@y.zz', text={token!r}))['preview']"
        assert (await ran(up, stays)).value == f"To x@y.zz: {token}"
