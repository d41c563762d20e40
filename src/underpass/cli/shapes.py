"""`underpass shapes`."""

from __future__ import annotations

from pathlib import Path

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, table, text
from underpass.cli.terms import counted
from underpass.codegen.names import identifiers
from underpass.config import find_config, state_dir
from underpass.errors import ConfigError, ServerNotFound, ToolNotFound
from underpass.shapes.outline import outline, summary
from underpass.shapes.schema import to_schema
from underpass.shapes.store import FILE_NAME, ShapeStore, StoredShape


@click.group(
    epilog=examples(
        "underpass shapes list", "underpass shapes show github.list_issues", "underpass shapes forget github"
    )
)
def command() -> None:
    """Show and forget what results of tools looked like.

    Most servers do not say what their tools return. So each call teaches: the types and keys of its
    result are kept, never its values, and stand in signatures and documentation as "observed N times".

    Each command has --json.
    """


@command.command(name="list", epilog=examples("underpass shapes list", "underpass shapes list --json"))
@click.argument("server", required=False)
@config_option
@json_option
def list_(*, server: str | None, config: Path | None, as_json: bool) -> None:
    """List the tools whose results are known, of all servers or of SERVER."""
    found = _read(_store(config))
    if server is not None:
        name = _server(server, found)
        found = [stored for stored in found if stored.key.server == name]
    if as_json:
        print_json({"shapes": [_facts(stored) for stored in found]})
        return
    if not found:
        out().print("nothing observed yet: call tools with `underpass run`")
        return
    rows = table("tool", "results", ">observed")
    for stored in found:
        name = f"{stored.key.server}.{stored.key.tool}"
        rows.add_row(text(name, "bold"), text(summary(stored.shape)), f"{stored.shape.count:,}")
    out().print(rows)


@command.command(epilog=examples("underpass shapes show github.list_issues"))
@click.argument("tool", metavar="SERVER.TOOL")
@config_option
@json_option
def show(*, tool: str, config: Path | None, as_json: bool) -> None:
    """Show all that is kept of the results of SERVER.TOOL.

    "3 of 5" behind a key means that three of the five objects had it. --json gives a JSON Schema.
    """
    found = _read(_store(config))
    server, name = _tool(tool, found)
    [stored] = [each for each in found if each.key[:2] == (server, name)]
    if as_json:
        print_json({**_facts(stored), "schema": to_schema(stored.shape)})
        return
    count = stored.shape.count
    out().print(text(f"{server}.{name}, observed {count:,} time{'' if count == 1 else 's'}", "bold"))
    for line in outline(stored.shape):
        out().print(text(line), soft_wrap=True)


@command.command(
    epilog=examples("underpass shapes forget github", "underpass shapes forget github.list_issues")
)
@click.argument("name", metavar="SERVER[.TOOL]")
@config_option
@json_option
def forget(*, name: str, config: Path | None, as_json: bool) -> None:
    """Forget what results looked like, of one tool or of all tools of a server."""
    store = _store(config)
    found = _read(store)
    try:
        server, tool = _server(name, found), None
    except ServerNotFound:
        server, tool = _tool(name, found)
    try:
        forgotten = store.forget(server, tool)
    except OSError as error:
        raise _unusable(error) from error
    if as_json:
        print_json({"server": server, "tool": tool, "forgotten": forgotten})
    else:
        out().print(text(f"{name}: {counted(forgotten, 'tool')} forgotten"))


def _store(config: Path | None) -> ShapeStore:
    path = config or find_config(Path.cwd())
    return ShapeStore(state_dir(path, Path.cwd()) / FILE_NAME)


def _read(store: ShapeStore) -> list[StoredShape]:
    try:
        return store.all()
    except OSError as error:
        raise _unusable(error) from error


def _unusable(error: OSError) -> ConfigError:
    return ConfigError(
        f"the observed shapes cannot be read or written: {error}",
        hint=f"check the state folder, or remove {FILE_NAME} from it",
    )


def _facts(stored: StoredShape) -> dict[str, object]:
    server, tool, digest = stored.key
    return {"server": server, "tool": tool, "definition": digest, "observed": stored.shape.count}


def _server(name: str, found: list[StoredShape]) -> str:
    """Return the server of a configured name or of a module's name."""
    servers = sorted({stored.key.server for stored in found})
    modules = {module: server for server, module in identifiers(servers, "server").items()}
    if name in servers or name in modules:
        return name if name in servers else modules[name]
    raise ServerNotFound.named(name, servers)


def _tool(name: str, found: list[StoredShape]) -> tuple[str, str]:
    """Return the server and the tool that ``server.tool`` names, both as configured or as generated."""
    server = ""
    for place in (place for place, letter in enumerate(name) if letter == "."):
        try:
            server = _server(name[:place], found)
        except ServerNotFound:
            continue
        tools = [stored.key.tool for stored in found if stored.key.server == server]
        functions = {function: tool for tool, function in identifiers(tools, "tool").items()}
        wanted = name[place + 1 :]
        if wanted in tools or wanted in functions:
            return server, wanted if wanted in tools else functions[wanted]
    if server:
        known = [stored.key.tool for stored in found if stored.key.server == server]
        raise ToolNotFound.named(server, name.removeprefix(f"{server}."), known)
    raise ServerNotFound.named(name.partition(".")[0], {stored.key.server for stored in found})
