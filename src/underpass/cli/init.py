"""`underpass init`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
from rich.table import Table

from underpass.catalog.adopt import Candidate, candidates, moved, without_secrets
from underpass.catalog.dialects import servers_section
from underpass.catalog.discover import discover_configs
from underpass.catalog.document import read_document
from underpass.catalog.edit import add_server, write_atomically
from underpass.catalog.secret_store import Place, SecretStore, has_keyring
from underpass.cli.entries import is_underpass, shown_command
from underpass.cli.options import examples, json_option
from underpass.cli.output import err, out, print_json, text
from underpass.cli.terms import counted
from underpass.config import CONFIG_NAME, state_dir
from underpass.errors import ConfigError


@dataclass(frozen=True, slots=True)
class _Secret:
    """A secret that stood openly in an entry; the new entry refers to it by its name."""

    name: str
    server: str
    value: str
    place: Place | None
    """Where it is kept now; None where its owner must set it."""

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "server": self.server, "place": self.place}


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

    Looks at the configurations of Claude Code and Desktop, Cursor, VS Code, Gemini, Codex and Goose.
    Shows the exact command of every server before anything is written; starts none.

    Secrets that stand openly in an entry are not copied: the new entry names them, as keyring://NAME.
    They are kept in the system's keyring where there is one. Elsewhere `underpass secret set NAME` sets
    them.
    """
    configs = discover_configs(Path.home(), Path.cwd())
    found, unusable = candidates(each for each in configs if each.path.resolve() != output.resolve())
    found = [each for each in found if not is_underpass(each.entry)]
    taken = _names(output)
    fresh = [each for each in found if each.name not in taken]
    kept = [each.name for each in found if each.name in taken]
    for problem in unusable:
        err().print(text(f"left out: {problem}", "yellow"), soft_wrap=True)
    if yes and not as_json:
        _show(fresh)
    chosen = fresh if yes or not fresh else _ask(fresh, output, as_json=as_json)
    secrets = _write(chosen, output, ask=not yes and not as_json)
    if as_json:
        print_json(
            {
                "path": str(output),
                "found": [_facts(candidate) for candidate in fresh],
                "written": [candidate.name for candidate in chosen],
                "kept": kept,
                "secrets": [secret.to_dict() for secret in secrets],
                "unreadable": unusable,
            }
        )
        return
    out().print(text(f"{output}: {len(chosen)} added" if fresh else f"{output}: no servers found to add"))
    if kept:
        out().print(text(f"kept as they are there: {', '.join(kept)}", "dim"), soft_wrap=True)
    for secret in secrets:
        done = "is in the system's keyring" if secret.place == "keyring" else "is in the state folder"
        what = done if secret.place else f"is not copied: `underpass secret set {secret.name}` sets it"
        out().print(text(f"secret {secret.name} {what}", "" if secret.place else "yellow"), soft_wrap=True)
    out().print(
        text("next: underpass tools" if chosen else "next: underpass add NAME -- COMMAND ARGS…", "dim")
    )


def _facts(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "program": candidate.program,
        "path": str(candidate.path),
        "command": shown_command(candidate.entry),
        "also": [{"program": program, "path": str(path)} for program, path in candidate.also],
    }


def _names(path: Path) -> set[str]:
    section = servers_section(read_document(path)) if path.exists() else None
    entries = section.entries if section else None
    return set(cast("dict[str, object]", entries)) if isinstance(entries, dict) else set()


def _ask(found: Sequence[Candidate], output: Path, *, as_json: bool) -> Sequence[Candidate]:
    if as_json or not sys.stdin.isatty():
        if not as_json:
            _show(found)
        raise ConfigError(
            f"found {counted(len(found), 'server')}, but there is no terminal to ask at; nothing was written",
            hint="run `underpass init --yes` to take them all, or `underpass add` for single ones",
            found=[_facts(candidate) for candidate in found],
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


def _write(chosen: Sequence[Candidate], output: Path, *, ask: bool) -> list[_Secret]:
    """Write the entries; return the secrets that stood in them."""
    store = SecretStore(state_dir(output, Path.cwd()))
    entries: list[tuple[Candidate, dict[str, Any], dict[str, str]]] = []
    here = Path.cwd()
    for candidate in chosen:
        entry = dict(candidate.entry)
        if output.absolute().parent != here:
            entry = moved(entry, here)
        without, secrets = without_secrets(
            candidate.name, entry, lambda name, value: store.get(name) not in (None, value)
        )
        entries.append((candidate, without, secrets))
    keep = has_keyring() or (ask and any(secrets for *_, secrets in entries) and _agreed(store))
    for candidate, entry, _ in entries:
        add_server(output, candidate.name, entry, inputs=candidate.inputs)
    if not output.exists():
        write_atomically(output, '{\n  "mcpServers": {}\n}\n', mode=0o644)
    return [
        _Secret(name, candidate.name, value, store.set(name, value) if keep else None)
        for candidate, _, secrets in entries
        for name, value in secrets.items()
    ]


def _agreed(store: SecretStore) -> bool:
    return click.confirm(
        "There are secrets in these entries, and no keyring here. Keep them in"
        f" {store.path}, readable by you alone and not encrypted?",
        default=False,
    )


def _show(found: Sequence[Candidate]) -> None:
    if not found:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "server", "command", "from"):
        table.add_column(heading, overflow="fold")
    for number, candidate in enumerate(found, 1):
        places = [(candidate.program, candidate.path), *candidate.also]
        table.add_row(
            str(number),
            text(candidate.name, "bold"),
            text(shown_command(candidate.entry)),
            text("\n".join(f"{program}: {path}" for program, path in places), "dim"),
        )
    out().print(table)
