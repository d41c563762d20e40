"""`underpass privacy`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, text
from underpass.cli.terms import counted
from underpass.config import find_config, state_dir
from underpass.errors import ConfigError, ValidationFailed

if TYPE_CHECKING:
    from underpass.broker.privacy.vault import Vault

T = TypeVar("T")


@click.group(
    epilog=examples("underpass privacy show EMAIL_k3f9q2xz", "underpass privacy forget --agent default")
)
def command() -> None:
    """Show what the tokens stand for that programs see instead of personal data, and forget it.

    Programs and models cannot do that: it is for you alone. Each command has --json.
    """


@command.command(epilog=examples("underpass privacy show EMAIL_k3f9q2xz"))
@click.argument("token")
@click.option("--agent", help="Whose token; default: whoever has it.")
@config_option
@json_option
def show(*, token: str, agent: str | None, config: Path | None, as_json: bool) -> None:
    """Show what TOKEN stands for."""
    from underpass.broker.privacy.kinds import TOKEN, canonical

    if not TOKEN.fullmatch(token):
        raise ValidationFailed(f"{token[:60]!r} is no token", hint="a token looks like EMAIL_k3f9q2xz")
    name, vault = canonical(token), _vault(config)
    found = _read(lambda: _found(vault, name, agent))
    if not found:
        whose = "no agent has" if agent is None else f"agent {agent:.60} does not have"
        raise ValidationFailed(f"{whose} the token {name}", hint="forgotten tokens stand for nothing")
    if as_json:
        values = [{"agent": owner, "value": value} for owner, value in found.items()]
        print_json({"token": name, "values": values})
        return
    for owner, value in found.items():
        out().print(text(f"{value}  (agent {owner})"), soft_wrap=True)


@command.command(epilog=examples("underpass privacy forget --agent default"))
@click.option("--agent", required=True, help="Whose tokens.")
@config_option
@json_option
def forget(*, agent: str, config: Path | None, as_json: bool) -> None:
    """Forget what an agent's tokens stand for. They stay in its files and answers, and mean nothing then."""
    vault = _vault(config)
    count = _read(lambda: vault.forget(agent))
    if as_json:
        print_json({"agent": agent, "forgotten": count})
    else:
        out().print(text(f"{counted(count, 'token')} of agent {agent} forgotten"))


def _found(vault: Vault, token: str, agent: str | None) -> dict[str, Any]:
    """What the token stands for, by agent."""
    owners = vault.owners(token) if agent is None else [agent]
    return {owner: values[token] for owner in owners if token in (values := vault.values(owner, [token]))}


def _read(read: Callable[[], T]) -> T:
    from underpass.broker.privacy.vault import VaultUnusable

    try:
        return read()
    except VaultUnusable as error:
        raise ConfigError(f"the vault of personal data cannot be used: {error}") from error


def _vault(config: Path | None) -> Vault:
    from underpass.broker.privacy.vault import Vault

    return Vault(state_dir(config or find_config(Path.cwd()), Path.cwd()) / "privacy")
