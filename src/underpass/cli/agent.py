"""`underpass agent`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from underpass import Underpass
from underpass.agent import MODES, AgentOutcome, CodeAgent, Mode
from underpass.cli.agent_view import AgentView
from underpass.cli.asking import terminal_ask
from underpass.cli.options import config_option, examples, json_option, sandbox_option, warn_if_unsandboxed
from underpass.cli.output import err, out, plain, print_json, progress, text
from underpass.cli.running import ALONE, configuration, run_async


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
@click.option("--agent", default="default", show_default=True, help="Whose workspace and settings to use.")
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
    `underpass secret set OPENAI_API_KEY`. At a terminal, you see what it does, and are asked about calls of
    which the policy says so. Exit status 1 when there is no answer.
    """
    path = configuration(config)
    with progress("Asking the model…") as status:
        view = AgentView(status, show_code=show_code)

        async def run() -> AgentOutcome:
            async with Underpass.open(path, sandbox=sandbox, settings=ALONE) as up:
                warn_if_unsandboxed(up.settings.sandbox.tier)
                worker = CodeAgent(
                    up,
                    model,
                    mode=cast("Mode", mode),
                    base_url=base_url,
                    agent=agent,
                    max_turns=max_turns,
                    on_event=view.show,
                    ask=terminal_ask(status),
                )
                return await worker.run(command_)

        try:
            outcome = run_async(run)
        except BaseException:
            view.say_what_happened()
            raise
    if as_json:
        print_json(outcome.to_dict())
    else:
        _show(outcome)
    if not outcome.ok:
        raise click.exceptions.Exit(1)


def _show(outcome: AgentOutcome) -> None:
    if outcome.ok:
        out().print(text(plain(outcome.answer)), soft_wrap=True)
    else:
        err().print(text(f"no answer: {outcome.answer}", "red"), soft_wrap=True)
    used = outcome.tokens
    parts = [
        outcome.mode,
        _counted(outcome.turns, "turn"),
        _counted(len(outcome.runs), "program"),
        f"{used.input:,} tokens read, {used.output:,} written"
        + ("" if used.counted_by == "provider" else f" ({used.counted_by})"),
        *([] if outcome.cost is None else [f"${outcome.cost:.4f}"]),
    ]
    err().print(text(" · ".join(parts), "dim"), soft_wrap=True)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
