"""`underpass resume`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from underpass import Underpass
from underpass.cli.asking import terminal_ask
from underpass.cli.options import config_option, examples, json_option, sandbox_option, warn_if_unsandboxed
from underpass.cli.output import print_json, progress
from underpass.cli.run import show
from underpass.cli.running import ALONE, configuration, run_async
from underpass.execution.result import RunResult


@click.command(
    epilog=examples(
        "underpass resume 1m849mh2v0r5pnvf2",
        "underpass resume 1m849mh2v0r5pnvf2 --call-again 7",
        """underpass resume 1m849mh2v0r5pnvf2 --assume-done '7={"number": 12}'""",
    )
)
@click.argument("run")
@click.option(
    "--call-again",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="NUMBER",
    help="The unknown call of this number has not happened: make it.",
)
@click.option(
    "--assume-done",
    multiple=True,
    metavar="NUMBER=VALUE",
    help="The unknown call of this number has happened: give the code this value (JSON).",
)
@sandbox_option
@config_option
@json_option
def command(
    *,
    run: str,
    call_again: tuple[int, ...],
    assume_done: tuple[str, ...],
    sandbox: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Continue RUN, whose process was killed, whose sandbox crashed, or that was interrupted.

    Its code runs again from the start, and calls that were finished are answered from the journal. A call
    that was under way and could do harm twice is unknown: this says which, and you decide. Exit status 1
    when the run fails, or a decision is missing.
    """
    values = dict(map(_decision, assume_done))
    path = configuration(config)

    async def resume() -> RunResult:
        async with Underpass.open(path, sandbox=sandbox, settings=ALONE) as up:
            warn_if_unsandboxed(up.settings.sandbox.tier)
            return await up.resume(run, call_again=call_again, assume_done=values, ask=terminal_ask(status))

    with progress("Resuming…") as status:
        result = run_async(resume)
    if as_json:
        print_json(result.to_dict())
    else:
        show(result)
    if not result.ok:
        raise click.exceptions.Exit(1)


def _decision(given: str) -> tuple[int, Any]:
    number, _, value = given.partition("=")
    try:
        return int(number), json.loads(value)
    except ValueError as error:
        raise click.UsageError(f"--assume-done takes NUMBER=VALUE, and VALUE is JSON: {given!r}") from error
