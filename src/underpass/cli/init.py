"""`underpass init`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from underpass.catalog.discover import discover_configs
from underpass.catalog.edit import add_server
from underpass.catalog.servers_file import CONFIG_NAME, read_json, servers_section
from underpass.cli.entries import is_underpass, shown_command
from underpass.cli.options import examples, json_option
from underpass.cli.output import err, out, print_json, text
from underpass.errors import ConfigError


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    program: str
    path: Path
    entry: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "program": self.program,
            "path": str(self.path),
            "command": shown_command(self.entry),
        }


@click.command(epilog=examples("underpass init", "underpass init --yes --json"))
@click.option("--yes", is_flag=True, help="Take every server that is found, without asking.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=CONFIG_NAME,
    show_default=True,
    help="The file to write; servers that it has already are kept.",
)
@json_option
def command(*, yes: bool, output: Path, as_json: bool) -> None:
    """Find the MCP servers that other programs use here, and write .mcp.json.

    Looks at the configurations of Claude Code and Desktop, Cursor, VS Code and Gemini. Shows the exact
    command of every server before anything is written; starts none.
    """
    found, unreadable = _candidates(output)
    for problem in unreadable:
        err().print(text(f"left out: {problem}", "yellow"))
    if yes and not as_json:
        _show(found)
    chosen = found if yes or not found else _ask(found, output, as_json=as_json)
    for candidate in chosen:
        add_server(output, candidate.name, candidate.entry)
    if not output.exists():
        output.write_text(json.dumps({"mcpServers": {}}, indent=2) + "\n")
    if as_json:
        print_json(
            {
                "path": str(output),
                "found": [candidate.to_dict() for candidate in found],
                "written": [candidate.name for candidate in chosen],
                "unreadable": unreadable,
            }
        )
        return
    out().print(text(f"{output}: {len(chosen)} added" if found else f"{output}: no servers found to add"))
    out().print(
        text("next: underpass tools" if chosen else "next: underpass add NAME -- COMMAND ARGS…", "dim")
    )


def _candidates(output: Path) -> tuple[list[_Candidate], list[str]]:
    taken = _names(output)
    found: dict[str, _Candidate] = {}
    unreadable: list[str] = []
    for config in discover_configs(Path.home(), Path.cwd()):
        if config.error:
            unreadable.append(config.error)
        for name, entry in config.servers.items():
            if name not in taken and not is_underpass(entry):
                found.setdefault(name, _Candidate(name, config.program, config.path, entry))
    return list(found.values()), unreadable


def _names(path: Path) -> set[str]:
    content = read_json(path) if path.exists() else {}
    return set(content.get(servers_section(content) or "", {}))


def _ask(found: Sequence[_Candidate], output: Path, *, as_json: bool) -> Sequence[_Candidate]:
    if as_json or not sys.stdin.isatty():
        raise ConfigError(
            f"found {len(found)} servers, but there is no terminal to ask at; nothing was written",
            hint="run `underpass init --yes` to take them all, or `underpass add` for single ones",
            found=[candidate.to_dict() for candidate in found],
        )
    _show(found)
    answer = click.prompt(
        f"Write which to {output}? (all, none, or numbers such as 1,3)", default="all", value_proc=_numbers
    )
    return found if answer is None else [found[number - 1] for number in answer if 0 < number <= len(found)]


def _numbers(answer: str) -> list[int] | None:
    if answer.strip() == "all":
        return None
    if answer.strip() == "none":
        return []
    try:
        return [int(number) for number in answer.replace(",", " ").split()]
    except ValueError:
        raise click.BadParameter("all, none, or numbers such as 1,3") from None


def _show(found: Sequence[_Candidate]) -> None:
    if not found:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "server", "command", "from"):
        table.add_column(heading, overflow="fold")
    for number, candidate in enumerate(found, 1):
        table.add_row(
            str(number),
            text(candidate.name, "bold"),
            text(shown_command(candidate.entry)),
            text(f"{candidate.program}: {candidate.path}", "dim"),
        )
    out().print(table)
