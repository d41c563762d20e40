"""`underpass agent`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click

from underpass import Underpass
from underpass.agent import MODES, AgentOutcome, CodeAgent, Mode
from underpass.cli.options import config_option, examples, json_option, sandbox_option, warn_if_unsandboxed
from underpass.cli.output import err, highlighted, out, plain, print_json, text
from underpass.cli.run import footer
from underpass.cli.running import configuration, run_async
from underpass.execution.result import RunResult


@click.command(
    epilog=examples(
        'underpass agent "Who changed the parser most this year?" --model anthropic:claude-sonnet-5',
        'underpass agent "…" --model ollama:qwen3 --base-url http://127.0.0.1:11434 --show-code',
    )
)
@click.argument("command_", metavar="COMMAND")
@click.option("--model", required=True, help="PROVIDER:MODEL: openai:…, anthropic:…, google:…, ollama:…")
@click.option(
    "--mode", type=click.Choice(MODES), default="auto", show_default=True, help="How tools are called."
)
@click.option("--base-url", help="Where the model is served, if not at its provider's own address.")
@click.option("--agent", default="default", show_default=True, help="Whose workspace to use.")
@click.option(
    "--max-turns", type=click.IntRange(min=1), default=16, show_default=True, help="Requests to the model."
)
@click.option("--show-code", is_flag=True, help="Show each program and what came of it.")
@sandbox_option
@config_option
@json_option
def command(
    *,
    command_: str,
    model: str,
    mode: str,
    base_url: str | None,
    agent: str,
    max_turns: int,
    show_code: bool,
    sandbox: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Let a model carry out COMMAND: it writes programs that call the tools, and answers.

    The key is taken from the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_API_KEY), or from
    `underpass secret set OPENAI_API_KEY`. Exit status 1 when there is no answer.
    """
    path = configuration(config)
    shown = _Shown(code=show_code, live=not as_json and sys.stderr.isatty())

    async def run() -> AgentOutcome:
        async with Underpass.open(path, sandbox=sandbox) as up:
            warn_if_unsandboxed(up.settings.sandbox.tier)
            worker = CodeAgent(
                up,
                model,
                mode=cast("Mode", mode),
                base_url=base_url,
                agent=agent,
                max_turns=max_turns,
                on_run=shown.run,
            )
            return await worker.run(command_)

    outcome = run_async(run)
    if as_json:
        print_json(outcome.to_dict())
    else:
        _show(outcome)
    if not outcome.ok:
        raise click.exceptions.Exit(1)


class _Shown:
    """Shows on stderr what the agent does."""

    def __init__(self, *, code: bool, live: bool) -> None:
        self._code = code
        self._live = live

    def run(self, code: str, result: RunResult | None) -> None:
        if result is None:
            if self._code:
                err().print(
                    highlighted(code.rstrip("\n"), "python") if self._live else text(code.rstrip("\n"))
                )
            return
        if not self._code and not self._live:
            return
        if result.error is not None:
            what = f"{result.error.type}: {result.error.message}"
            err().print(text(plain(what)[:500], "red"), soft_wrap=True)
        err().print(text(footer(result), "dim"), soft_wrap=True)


def _show(outcome: AgentOutcome) -> None:
    if outcome.ok:
        out().print(text(plain(outcome.answer)), soft_wrap=True)
    else:
        err().print(text(f"no answer: {outcome.answer}", "red"), soft_wrap=True)
    used = outcome.tokens
    cost = "" if outcome.cost is None else f" · ${outcome.cost:.4f}"
    counted = "" if used.counted_by == "provider" else f" ({used.counted_by})"
    programs = f"{len(outcome.runs)} program{'' if len(outcome.runs) == 1 else 's'}"
    err().print(
        text(
            f"{outcome.mode} · {outcome.turns} turns · {programs} · "
            f"{used.input:,} tokens read, {used.output:,} written{counted}{cost}",
            "dim",
        ),
        soft_wrap=True,
    )
