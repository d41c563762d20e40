"""`underpass doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.text import Text

from underpass.cli import checks
from underpass.cli.checks import Check
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, progress, text
from underpass.cli.running import run_async
from underpass.config import find_config

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


@click.command(epilog=examples("underpass doctor", "underpass doctor --json"))
@config_option
@json_option
def command(*, config: Path | None, as_json: bool) -> None:
    """Check that everything works; for what does not, say why it matters and how to mend it.

    Exit status 1 when a check fails.
    """
    path = config or find_config(Path.cwd())
    with progress("Checking…"):
        found = _all(path)
    failed = sum(check.status == "failed" for check in found)
    if as_json:
        print_json({"ok": not failed, "checks": [check.to_dict() for check in found]})
    else:
        _show(found, failed)
    if failed:
        raise click.exceptions.Exit(1)


def _all(config: Path | None) -> list[Check]:
    found = [
        checks.python_version(),
        *checks.isolation(config),
        checks.typescript(),
        checks.tokenizer(),
        checks.state_directory(config),
    ]
    configuration = checks.configuration_file(config)
    found += [configuration, *checks.environments(config)]
    if config is not None and configuration.status == "ok":
        broken = checks.lock_file(config)
        found += [broken] if broken else run_async(lambda: checks.servers(config))
    return found


def _show(found: Sequence[Check], failed: int) -> None:
    width = max(len(check.name) for check in found)
    for check in found:
        mark, style = _MARKS[check.status]
        line = text(f"{mark} ", style)
        line.append_text(text(check.name.ljust(width + 2), "bold"))
        line.append_text(text(check.what))
        out().print(line, soft_wrap=True)
        if check.status != "ok":
            out().print(text(f"  {check.why}", "dim"), soft_wrap=True)
            if check.hint:
                out().print(text(f"  → {check.hint}"), soft_wrap=True)
    out().print()
    out().print(_summary(found, failed))


def _summary(found: Sequence[Check], failed: int) -> Text:
    if failed:
        return text(f"{failed} of {len(found)} checks failed", "red")
    if warnings := sum(check.status == "warning" for check in found):
        things = "one thing" if warnings == 1 else f"{warnings} things"
        return text(f"everything needed works; {things} could be better", "yellow")
    return text("everything works", "green")
