"""What `underpass serve` does once everything is imported."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
from mcp.server import Server

from underpass import Underpass
from underpass.cli.options import warn_if_unsandboxed
from underpass.cli.running import configuration
from underpass.cli.terms import counted
from underpass.sandbox import deno_binary
from underpass.server.asking import Rounds
from underpass.server.door import Call
from underpass.server.facade import Acting, facade
from underpass.server.opening import Opening
from underpass.server.results import Context, ResultResources
from underpass.server.skill_tools import Keeping
from underpass.server.stdio import protocol_streams
from underpass.server.tenancy.agents import TenantAgents
from underpass.server.tenancy.desk import RunDesk
from underpass.server.tenancy.names import TenantNames
from underpass.server.tenancy.notes import Notes
from underpass.server.tenancy.view import TenantView
from underpass.skills.mcp.serving import serve_skills
from underpass.workspace.kept import KeptResults


async def over_stdio(opening: Opening, config: Path | None, *, sandbox: str | None, as_json: bool) -> None:
    """Serve over standard input and output until the input ends."""
    async with (
        Underpass.open(configuration(config), sandbox=sandbox) as up,
        Rounds(up.settings.policy.wait_seconds) as rounds,
        AsyncExitStack() as stack,
    ):
        warn_if_unsandboxed(up.settings.sandbox.tier)
        up.warm_up()
        settings = up.settings.service
        # Whoever serves this folder over HTTP sees these runs as well, and can end them.
        desk = RunDesk(
            Notes(up.state, up.journal.presence), most=settings.max_runs, grace=settings.grace_seconds
        )
        agents = TenantAgents(TenantView(up, desk, None))
        await stack.enter_async_context(desk)
        server = _facade(up, rounds, acting=lambda _context: (agents, None), skills=lambda _context: agents)
        if as_json:
            _announce({"serving": list(up.catalog.names), "transport": "stdio"}, err=True)
        elif sys.stderr.isatty():
            click.echo(
                f"serving {counted(len(up.catalog.names), 'server')} over stdio; Ctrl-C ends it", err=True
            )
        async with protocol_streams(opening) as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())


async def over_http(
    config: Path | None, where: str, token_file: Path | None, *, sandbox: str | None, as_json: bool
) -> None:
    """Serve over HTTP until a signal ends it."""
    async with (
        Underpass.open(configuration(config), sandbox=sandbox) as up,
        Rounds(up.settings.policy.wait_seconds) as rounds,
    ):
        warn_if_unsandboxed(up.settings.sandbox.tier)
        up.warm_up()
        await _listen(up, rounds, where, token_file, as_json=as_json)


async def _listen(
    up: Underpass, rounds: Rounds, where: str, token_file: Path | None, *, as_json: bool
) -> None:
    # Whoever serves over stdio need not wait for the import of a web server.
    from underpass.server.api.service import ApiService
    from underpass.server.http import HttpService
    from underpass.server.http_acting import acting_for, names_for, skills_for
    from underpass.server.http_address import Address
    from underpass.server.http_log import configure
    from underpass.server.http_notice import noticed
    from underpass.server.http_token import find_token

    address = Address.parse(where)
    token = find_token(up.state, file=token_file)
    log = configure(up.settings.service.log)
    api = ApiService(up)
    service = HttpService(
        _facade(
            up,
            rounds,
            call=up.call_tool,
            acting=acting_for(api.view),
            skills=skills_for(api.view),
            names=names_for,
        ),
        token=token.secret,
        names=address.names(),
        max_argument_bytes=up.settings.calls.max_argument_bytes,
        api=api,
        settings=up.settings.service,
    )
    with address.listen() as listening:
        url = address.url(listening)
        if not address.is_local():
            _warn(f"{where} can be reached from other machines, and the token travels unencrypted")
        if token.others_read:
            _warn(f"other users of this machine can read {token.place}: chmod 600 it")
        names = up.catalog.names
        if as_json:
            _announce(
                {"serving": list(names), "transport": "http", "url": url, "token": token.place}, err=False
            )
        else:
            serving = f"serving {counted(len(names), 'server')} at {url}"
            click.echo(f"{serving}; the token is in {token.place}; Ctrl-C ends it")
        try:
            with noticed(up.state, url.removesuffix("/mcp")):
                await service.serve(listening)
        finally:
            log.close()


def _facade(
    up: Underpass,
    rounds: Rounds,
    *,
    call: Call | None = None,
    acting: Acting | None = None,
    skills: Keeping,
    names: Callable[[Context], TenantNames] | None = None,
) -> Server[Any]:
    def told(context: Context, what: str, text: str) -> None:
        # A search does not say for which of a client's agents it is.
        tenant = "" if names is None else names(context).prefix
        up.metering.prompt(f"{tenant}default", what, text)

    server = facade(
        up,
        {name: chosen.packages for name, chosen in up.settings.sandbox.environments.items()},
        call=call,
        directory=up.directory,
        settings=up.settings.discovery,
        typescript=deno_binary.is_installed(),
        cache=up.settings.cache.is_used,
        rounds=rounds,
        acting=acting,
        told=told,
        skills=skills if up.settings.skills.tools else None,
    )
    ResultResources(KeptResults(up.state.parent / "workspace"), names).offer(server)
    serve_skills(server, up.skills.library)
    return server


def _announce(message: dict[str, Any], *, err: bool) -> None:
    click.echo(json.dumps(message), err=err)


def _warn(text: str) -> None:
    click.secho(f"warning: {text}", fg="yellow", err=True, color=None if sys.stderr.isatty() else False)
