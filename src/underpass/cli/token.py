"""`underpass token`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, table, text
from underpass.config import find_config, state_dir
from underpass.errors import ValidationFailed
from underpass.server.tenancy.principal import SCOPES, Scope
from underpass.server.tenancy.tokens import TokenStore

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


@click.group(epilog=examples("underpass token create --tenant acme --scope run,read", "underpass token list"))
def command() -> None:
    """Make, list and revoke the tokens of `underpass serve --http`. Each command has --json.

    Each request carries a token. One of a tenant lets it use its own agents and see their runs, files and
    figures, and nothing of others. The scopes: run (programs, tools, files), read, approve (answer questions
    about calls), admin (the service as a whole; not for tenants).

    What is changed here holds from the next request.
    """


@command.command(epilog=examples("underpass token create --tenant acme --scope run,read --expires 30d"))
@click.option("--tenant", help="Whose it is: a-z, 0-9 and -; without it, the token sees all tenants.")
@click.option("--scope", required=True, help=f"What it is for, with commas between: {', '.join(SCOPES)}.")
@click.option("--expires", help="How long it is good: 30m, 12h, 30d. Without it, until it is revoked.")
@config_option
@json_option
def create(
    *, tenant: str | None, scope: str, expires: str | None, config: Path | None, as_json: bool
) -> None:
    """Make a token and print it. It is shown this once: only a hash of it is kept."""
    token, secret = _store(config).create(tenant, _scopes(scope), seconds=_seconds(expires))
    if as_json:
        print_json({**token.to_dict(), "token": secret})
        return
    click.echo(secret)
    whose = "all tenants" if tenant is None else f"tenant {tenant}"
    until = "" if expires is None else f", good for {expires}"
    click.echo(
        f"token {token.id} of {whose}: {', '.join(token.scopes)}{until}; it is not shown again", err=True
    )


@command.command(name="list", epilog=examples("underpass token list", "underpass token list --json"))
@config_option
@json_option
def list_(*, config: Path | None, as_json: bool) -> None:
    """List the tokens, without their secrets."""
    found = _store(config).list()
    if as_json:
        print_json({"tokens": [token.to_dict() for token in found]})
        return
    if not found:
        out().print("no tokens: `underpass token create` makes one; the operator's is in the state folder")
        return
    rows = table("id", "tenant", "scopes", "created (UTC)", "expires (UTC)", "state")
    for token in found:
        shown = token.to_dict()
        style = "" if token.state == "valid" else "dim"
        rows.add_row(
            text(token.id, "bold"),
            text(token.tenant or "(all)"),
            ", ".join(token.scopes),
            str(shown["created"])[:16].replace("T", " "),
            str(shown["expires"] or "never")[:16].replace("T", " "),
            text(token.state, style),
        )
    out().print(rows)


@command.command(epilog=examples("underpass token revoke 5d3c1f0a"))
@click.argument("id")
@config_option
@json_option
def revoke(*, id: str, config: Path | None, as_json: bool) -> None:  # noqa: A002 - the argument's name in the help
    """Revoke the token ID, which `list` shows."""
    token = _store(config).revoke(id)
    if as_json:
        print_json(token.to_dict())
    else:
        out().print(text(f"token {token.id} is revoked"))


def _scopes(written: str) -> list[Scope]:
    names = [name.strip() for name in written.split(",") if name.strip()]
    unknown = [name for name in names if name not in SCOPES]
    if unknown:
        raise ValidationFailed(
            f"there is no scope {unknown[0]!r:.40}", hint=f"there are: {', '.join(SCOPES)}"
        )
    return [scope for scope in SCOPES if scope in names]


def _seconds(written: str | None) -> float | None:
    if written is None:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})([mhd])", written)
    if match is None:
        raise ValidationFailed(f"{written!r:.40} is no time", hint="such as 30m, 12h or 30d")
    return float(int(match[1]) * _UNITS[match[2]])


def _store(config: Path | None) -> TokenStore:
    return TokenStore(state_dir(config or find_config(Path.cwd()), Path.cwd()))
