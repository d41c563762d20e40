"""`underpass secret`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from underpass.catalog.secret_store import NAME, SecretStore
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, out, print_json, text
from underpass.config import find_config, state_dir
from underpass.errors import ConfigError


@click.group(epilog=examples("underpass secret set github", "pass show github | underpass secret set github"))
def command() -> None:
    """Keep the secrets that configurations name as keyring://NAME.

    They are in the system's keyring (the extra `keyring`). Where there is none, they are in a file of the
    state folder, readable by you alone and not encrypted.

    Each command has --json.
    """


@command.command(name="set", epilog=examples("underpass secret set github"))
@click.argument("name")
@config_option
@json_option
def set_(*, name: str, config: Path | None, as_json: bool) -> None:
    """Ask for the secret NAME without showing it, or read it from standard input.

    A value on the command line would be in the shell's history, and shown by `ps`.
    """
    if not NAME.fullmatch(name):
        # Perhaps it is the value itself: it must not be shown.
        raise ConfigError("that is no name of a secret", hint="use letters, digits, '_', '.' and '-' only")
    if sys.stdin.isatty():
        value: str = click.prompt(name, hide_input=True, err=True)
    else:
        value = sys.stdin.read().rstrip("\r\n")
    store = _store(config)
    place = store.set(name, value)
    if as_json:
        print_json({"name": name, "place": place})
        return
    where = "the system's keyring" if place == "keyring" else str(store.path)
    out().print(text(f"{name} is kept in {where}; use it as keyring://{name}"), soft_wrap=True)
    if place == "file":
        warning = "there is no keyring here: the file is not encrypted, and readable by you alone"
        err().print(text(f"warning: {warning}", "yellow"), soft_wrap=True)


@command.command(name="list", epilog=examples("underpass secret list"))
@config_option
@json_option
def list_(*, config: Path | None, as_json: bool) -> None:
    """List the names of secrets, and where they are; never their values."""
    found = _store(config).list()
    if as_json:
        print_json({"secrets": [asdict(secret) for secret in found]})
        return
    if not found:
        out().print("no secrets: `underpass secret set NAME` keeps one")
    for secret in found:
        out().print(text(f"{secret.name}  ({secret.place})"))


@command.command(epilog=examples("underpass secret rm github"))
@click.argument("name")
@config_option
@json_option
def rm(*, name: str, config: Path | None, as_json: bool) -> None:
    """Forget the secret NAME."""
    if not _store(config).remove(name):
        raise ConfigError(f"there is no secret {name}", hint="`underpass secret list` shows what there is")
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        out().print(text(f"{name} is removed"))


def _store(config: Path | None) -> SecretStore:
    return SecretStore(state_dir(config or find_config(Path.cwd()), Path.cwd()))
