"""The vault: what is in its files, what happens when they are gone, damaged or locked, and who shares it."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.broker.privacy.desk import EMAIL, Desk
from tests.cli.command_line import underpass

from underpass.broker.privacy import vault as module
from underpass.broker.privacy.kinds import Found, Kind, Value, token_of
from underpass.broker.privacy.vault import FILE_NAME, Vault, VaultUnusable
from underpass.errors import ToolFailed, ToolUnavailable

pytestmark = pytest.mark.requirement("R12")


def values(*texts: str) -> list[Value]:
    return [Value(Found("email", text), text) for text in texts]


def test_the_files_have_no_value_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "privacy")
    (token,) = vault.tokens("default", values(EMAIL))
    assert vault.values("default", [token, "EMAIL_aaaaaaaa"]) == {token: EMAIL}
    files = [file for file in vault.folder.iterdir() if file.name != ".gitignore"]
    assert (vault.folder / ".gitignore").read_text() == "*\n"
    assert {FILE_NAME, "privacy-key"} <= {file.name for file in files}
    assert not [file for file in files if EMAIL.encode() in file.read_bytes()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    vault.close()


def test_processes_that_share_a_vault_make_the_same_tokens(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from underpass.broker.privacy.vault import Vault; from underpass.broker.privacy.kinds import *\n"
        "texts = [f'a{n}@b.cc' for n in range(3_000)]\n"
        "vault = Vault(Path(sys.argv[1]))\n"
        "print(vault.tokens('a', [Value(Found('email', text), text) for text in texts]))\n"
    )
    folder = str(tmp_path / "privacy")
    processes = [
        subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(told) == 1
    assert told.pop().count("EMAIL_") == 3_000


def test_two_values_whose_digests_are_alike_have_tokens_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(kind: Kind, digest: bytes) -> str:
        return token_of(kind, bytes([digest[0] % 4] * 8))

    monkeypatch.setattr(module, "token_of", few)
    vault = Vault(tmp_path)
    tokens = vault.tokens("a", values("a@b.cc", "b@b.cc", "c@b.cc"))
    assert len(set(tokens)) == 3
    assert list(vault.values("a", tokens).values()) == ["a@b.cc", "b@b.cc", "c@b.cc"]
    with pytest.raises(VaultUnusable, match="no token left"):
        vault.tokens("a", values(*(f"{n}@b.cc" for n in range(10))))
    # Nothing of what failed counts as there.
    assert vault.tokens("a", values("a@b.cc")) == tokens[:1]
    vault.close()


def test_more_tokens_than_are_kept_in_memory_stay_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    vault = Vault(tmp_path)
    many = values(*(f"{n}@b.cc" for n in range(1_200)))
    assert vault.tokens("a", many) == vault.tokens("a", many)
    vault.close()


def damage(path: Path) -> None:
    path.write_bytes(b"no database" * 1_000)


def spoil(path: Path) -> None:
    """Damage all but the first page, where the tables are declared."""
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def exchange_values(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tokens SET value = (SELECT max(value) FROM tokens)")
    connection.close()


def lose_key(path: Path) -> None:
    path.with_name("privacy-key").unlink()


def make_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("harm", "why"),
    [(lose_key, "its key"), (make_newer, "its format is 9")],
)
async def test_with_a_vault_that_cannot_be_used_nothing_personal_is_shown_and_nothing_is_sent(
    tmp_path: Path, harm: Callable[[Path], None], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path)
    token = await desk.read(EMAIL)
    desk.privacy.close()
    harm(desk.privacy.vault.path)
    desk = Desk(tmp_path)
    with pytest.raises(ToolFailed, match=why) as caught:
        await desk.read(EMAIL)
    assert EMAIL not in json.dumps(caught.value.to_dict())
    assert "cannot be used" in caplog.text
    with pytest.raises(ToolUnavailable, match=why):
        await desk.send(text=token)
    assert desk.servers["mail"].got == []
    desk.servers["crm"].error = ToolFailed(f"no {EMAIL}", server="crm", tool="read")
    with pytest.raises(ToolFailed, match="cannot be shown"):
        await desk.read(None)
    desk.servers["crm"].error = None
    # What is not personal needs no vault.
    assert await desk.read("plain") == "plain"
    assert await desk.read({"email": EMAIL}, "web") == {"email": EMAIL}


@pytest.mark.anyio
async def test_values_that_were_exchanged_are_not_given_out(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    tokens = await desk.read([EMAIL, "b@example.org"])
    desk.privacy.close()
    exchange_values(desk.privacy.vault.path)
    with pytest.raises(ToolUnavailable, match="was changed"):
        await Desk(tmp_path).send(text=" ".join(tokens))


@pytest.mark.anyio
async def test_a_damaged_vault_is_kept_aside_and_said_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(tmp_path)
    token = await desk.read(EMAIL)
    desk.privacy.close()
    damage(desk.privacy.vault.path)
    desk = Desk(tmp_path)
    with caplog.at_level(logging.WARNING, logger="underpass.privacy"):
        new = await desk.read(EMAIL)
    assert new != token
    assert "was kept as" in caplog.text
    assert [path.name async for path in anyio.Path(tmp_path).glob("*.corrupt")]
    await desk.send(text=f"{token} {new}")
    assert desk.got()["text"] == f"{token} {EMAIL}"
    desk.privacy.close()


@pytest.mark.anyio
async def test_damage_that_shows_later_is_an_error_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.read(EMAIL)
    desk.privacy.close()
    spoil(desk.privacy.vault.path)
    for _ in range(2):
        try:
            assert (await desk.read("c@example.org")).startswith("EMAIL_")
        except ToolFailed as error:
            assert "c@example.org" not in str(error)  # noqa: PT017 - or it is noticed at once
    assert (await desk.read("c@example.org")).startswith("EMAIL_")
    desk.privacy.close()


@pytest.mark.anyio
async def test_a_vault_without_a_place_is_an_error(tmp_path: Path) -> None:
    await anyio.Path(tmp_path / "file").touch()
    with pytest.raises(ToolFailed, match="cannot be shown"):
        await Desk(tmp_path / "file" / "privacy").read(EMAIL)


def test_the_command_shows_a_token_and_forgets_an_agents(tmp_path: Path) -> None:
    vault = Vault(tmp_path / ".underpass" / "privacy")
    (token,) = vault.tokens("default", values(EMAIL))
    vault.close()
    assert underpass("privacy", "show", token.lower(), cwd=tmp_path).stdout == f"{EMAIL}  (agent default)\n"
    assert underpass("privacy", "show", token, "--agent", "default", "--json", cwd=tmp_path).json == {
        "token": token,
        "values": [{"agent": "default", "value": EMAIL}],
    }
    elsewhere = underpass("privacy", "show", token, "--agent", "other", cwd=tmp_path)
    assert (elsewhere.status, elsewhere.stdout) == (1, "")
    assert f"agent other does not have the token {token}" in elsewhere.stderr
    assert underpass("privacy", "show", "EMAIL", cwd=tmp_path).status == 1
    assert underpass("privacy", "forget", "--agent", "default", cwd=tmp_path).stdout == (
        "1 token of agent default forgotten\n"
    )
    assert underpass("privacy", "forget", "--agent", "default", "--json", cwd=tmp_path).json == {
        "agent": "default",
        "forgotten": 0,
    }
    assert underpass("privacy", "show", token, cwd=tmp_path).status == 1


def test_the_command_without_a_vault_makes_none(tmp_path: Path) -> None:
    assert underpass("privacy", "show", "EMAIL_k3f9q2xz", cwd=tmp_path).status == 1
    assert underpass("privacy", "forget", "--agent", "a", "--json", cwd=tmp_path).json["forgotten"] == 0
    assert not (tmp_path / ".underpass").exists()


def test_the_command_says_why_a_vault_cannot_be_used(tmp_path: Path) -> None:
    vault = Vault(tmp_path / ".underpass" / "privacy")
    vault.tokens("default", values(EMAIL))
    vault.close()
    lose_key(vault.path)
    shown = underpass("privacy", "show", "EMAIL_k3f9q2xz", cwd=tmp_path)
    assert shown.status == 2
    assert "the vault of personal data cannot be used: its key cannot be had" in shown.stderr
