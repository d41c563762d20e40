"""`underpass login` and `underpass logout`."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import anyio
import anyio.lowlevel
import click

from underpass.catalog.secret_store import SecretStore
from underpass.catalog.servers_file import load_servers
from underpass.catalog.spec import ServerSpec
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import err, out, print_json, text
from underpass.cli.running import configuration, run_async
from underpass.config import state_dir
from underpass.errors import ConfigError, ServerNotFound

_STDIN = 0
_LINE_BYTES = 16 * 1024


@click.command(epilog=examples("underpass login tickets", "underpass login tickets --no-browser"))
@click.argument("name")
@click.option("--no-browser", is_flag=True, help="Print the address, and open nothing.")
@config_option
@json_option
def command(*, name: str, no_browser: bool, config: Path | None, as_json: bool) -> None:
    """Log in to the HTTP server NAME with OAuth: in the browser, once.

    The login is kept, encrypted, in the state folder, and renewed as long as the server allows. Where the
    browser runs on another machine, paste the address of the page that it ends on: it will say that it
    cannot be reached.
    """
    # Imports the SDK: not for those who only ask for help.
    from underpass.catalog.oauth_login import log_in

    spec, secrets = _server(name, config)

    async def show(url: str) -> None:
        opens = not no_browser and _has_browser()
        where = "to log in, a browser opens; if it does not, open" if opens else "to log in, open"
        err().print(text(f"{where}:"), soft_wrap=True)
        err().print(text(url), soft_wrap=True)
        err().print(text("if it ends on a page that cannot be reached, paste the address of that page here"))
        if opens:
            # Some browsers return when they are closed: nobody waits for this thread.
            Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        await anyio.lowlevel.checkpoint()

    login = run_async(lambda: log_in(spec, secrets, show=show, pasted=_lines(_STDIN)))
    until = None if login.expires_at is None else datetime.fromtimestamp(login.expires_at, UTC)
    if as_json:
        print_json({
            "server": name,
            "issuer": login.issuer,
            "scope": login.scope,
            "expires_at": None if until is None else until.isoformat(timespec="seconds"),
            "renewable": login.refresh_token is not None,
        })  # fmt: skip
        return
    out().print(text(f"logged in to {name} at {login.issuer}"), soft_wrap=True)
    if login.refresh_token is None and until is not None:
        ends = until.isoformat(" ", "minutes")
        err().print(text(f"it ends at {ends}: {login.issuer} gave no way to renew it"), soft_wrap=True)


@click.command(epilog=examples("underpass logout tickets"))
@click.argument("name")
@config_option
@json_option
def logout(*, name: str, config: Path | None, as_json: bool) -> None:
    """Forget the login to the server NAME, and tell its authorization server where it takes that."""
    from underpass.catalog.oauth_login import log_out

    spec, secrets = _server(name, config)
    done = run_async(lambda: log_out(spec, secrets))
    if done is None:
        raise ConfigError(f"there is no login to {name}", hint=f"`underpass login {name}` makes one")
    if as_json:
        print_json({"server": name, "revoked": done})
        return
    out().print(text(f"the login to {name} is forgotten"), soft_wrap=True)
    if not done:
        what = "its authorization server was not told: the login is valid there until it ends by itself"
        err().print(text(what), soft_wrap=True)


def _server(name: str, config: Path | None) -> tuple[ServerSpec, SecretStore]:
    found = configuration(config)
    servers = load_servers(found or {})
    if name not in servers:
        raise ServerNotFound.named(name, servers)
    spec = servers[name]
    assert isinstance(spec, ServerSpec)
    return spec, SecretStore(state_dir(found, Path.cwd()))


def _has_browser() -> bool:
    """Whether there is a window to open; a text browser would take the terminal."""
    return sys.platform != "linux" or any(
        os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )


async def _lines(descriptor: int) -> AsyncGenerator[str]:
    """Yield the lines of standard input; a thread that reads them could not be ended."""
    rest = b""
    while True:
        try:
            await anyio.wait_readable(descriptor)
        except OSError:  # a file, or nothing: there is nobody to wait for
            return
        chunk = os.read(descriptor, _LINE_BYTES)
        *lines, rest = (rest[-_LINE_BYTES:] + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
            if line.strip():
                err().print(text("that is not the address of the page that this login ends on", "yellow"))
        if not chunk:
            return
