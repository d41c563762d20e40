"""`underpass results`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, plain, print_json, table, text
from underpass.config import find_config, state_dir
from underpass.errors import ValidationFailed
from underpass.workspace.kept import KeptResult, KeptResults

_LISTED: Final = 50
_SHOWN: Final = 10_000
"""Characters of a result that a terminal gets whole."""
_IN_JSON: Final = 65_536
"""Bytes of a result that --json gives whole."""
_SHAPE_TOKENS: Final = 1_500


@click.group(epilog=examples("underpass results list", "underpass results show results/1m84….json"))
def command() -> None:
    """Look at values that were too large for an answer: each is kept whole, with a handle.

    Each command has --json.
    """


@command.command(name="list", epilog=examples("underpass results list", "underpass results list --agent a"))
@click.option("--agent", help="Whose results; by default every agent's.")
@config_option
@json_option
def list_(*, agent: str | None, config: Path | None, as_json: bool) -> None:
    """List what is kept, the newest first."""
    kept = _open(config)
    agents = kept.agents() if agent is None else [agent]
    found = sorted(
        (each for name in agents for each in kept.list(name)), key=lambda each: each.modified, reverse=True
    )
    if as_json:
        print_json({"results": [each.to_dict() for each in found]})
        return
    if not found:
        out().print("no results are kept: a value that is too large for an answer is")
        return
    rows = table("handle", "agent", "made (UTC)", ">bytes")
    for each in found[:_LISTED]:
        when = f"{each.modified:%Y-%m-%d %H:%M:%S}"
        rows.add_row(text(each.handle, "bold"), text(each.agent), when, f"{each.bytes:,}")
    out().print(rows)
    if len(found) > _LISTED:
        out().print(text(f"… and {len(found) - _LISTED:,} more; --json lists all", "dim"))


@command.command(
    epilog=examples("underpass results show HANDLE", "underpass results show HANDLE --out rows.json")
)
@click.argument("handle")
@click.option("--agent", default="default", show_default=True, help="Whose result.")
@click.option("--out", "target", type=click.Path(dir_okay=False, path_type=Path), help="Write it whole here.")
@config_option
@json_option
def show(*, handle: str, agent: str, target: Path | None, config: Path | None, as_json: bool) -> None:
    """Show a result: whole where it is small, its shape where it is large."""
    found, content = _open(config).read(agent, handle)
    if target is not None:
        try:
            target.write_bytes(content)
        except OSError as error:
            raise ValidationFailed(f"{target} cannot be written: {error.strerror}") from error
        if as_json:
            print_json({**found.to_dict(), "path": str(target)})
        else:
            out().print(text(f"{target}: {found.bytes:,} bytes"))
        return
    value = _value(found, content)
    if as_json:
        print_json({**found.to_dict(), **_in_json(value, content)})
        return
    if value is None:
        out().print(text(f"{found.handle}: {found.bytes:,} bytes, {found.mime_type}; --out FILE writes them"))
        return
    whole = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    if len(whole) <= _SHOWN:
        click.echo(plain(whole).encode("utf-8", "backslashreplace"))
        return
    click.echo(plain(json.dumps(_shape(value), indent=2, ensure_ascii=False)).encode("utf-8", "replace"))
    out().print(text(f"the shape of {found.bytes:,} bytes; --out FILE writes them whole", "dim"))


def _open(config: Path | None) -> KeptResults:
    path = config or find_config(Path.cwd())
    if path is not None and not path.is_file():
        raise ValidationFailed(f"there is no configuration file {path}", hint="`underpass init` writes one")
    return KeptResults(state_dir(path, Path.cwd()).parent / "workspace")


def _value(found: KeptResult, content: bytes) -> Any:
    """The value of a result, or its text; None where it is neither."""
    try:
        return json.loads(content) if found.mime_type == "application/json" else content.decode()
    except UnicodeDecodeError:
        return None
    except (ValueError, RecursionError):
        return content.decode("utf-8", "replace")


def _in_json(value: Any, content: bytes) -> dict[str, Any]:
    if value is None or len(content) <= _IN_JSON:
        return {"value": value}
    return {"truncated": True, "shape": _shape(value)}


def _shape(value: Any) -> Any:
    from underpass.execution.shape import shape_of
    from underpass.metrics import tokens

    return shape_of(value, _SHAPE_TOKENS, tokens.count)
