"""`underpass run`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.text import Text

from underpass import Underpass
from underpass.cli.asking import terminal_ask
from underpass.cli.options import config_option, examples, json_option, sandbox_option, warn_if_unsandboxed
from underpass.cli.output import err, highlighted, out, plain, print_json, progress
from underpass.cli.running import ALONE, configuration, run_async
from underpass.cli.terms import counted, milliseconds
from underpass.errors import ConfigError
from underpass.execution.result import RunResult

_TYPESCRIPT = (".ts", ".mts", ".js", ".mjs")


@click.command(
    epilog=examples(
        "underpass run program.py",
        "underpass run -c 'from mcp_servers import git; await git.git_status(repo_path=\".\")'",
        "cat program.py | underpass run - --json",
        "underpass run --environment data program.py",
        "underpass run program.ts",
    )
)
@click.argument("file", required=False)
@click.option("-c", "code", help="The program itself.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds until the run is ended; 30 unless underpass.toml says otherwise.",
)
@click.option("--agent", default="default", show_default=True, help="Whose workspace to use.")
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    help="The bound of value, printed output and error together; 2000 by default.",
)
@click.option("--environment", help="The packages it can import: an environment of underpass.toml.")
@click.option(
    "--language",
    type=click.Choice(["python", "typescript"]),
    help="By default what the file's name ends with says: .ts and .js are TypeScript, all else Python.",
)
@click.option("--no-check", is_flag=True, help="Run it even if its types say that it would fail.")
@click.option(
    "--rollback-on-error", is_flag=True, help="When it fails, make the agent's files what they were before."
)
@click.option(
    "--cache", is_flag=True, help="Take the result of an equal run, if nothing it rests on has changed."
)
@sandbox_option
@config_option
@json_option
def command(
    *,
    file: str | None,
    code: str | None,
    timeout: float | None,
    agent: str,
    max_tokens: int | None,
    environment: str | None,
    language: str | None,
    no_check: bool,
    rollback_on_error: bool,
    cache: bool,
    sandbox: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Run a program that can import the configured servers; FILE is a path, or - for stdin.

    The value of its last expression, or of a top-level return, is the answer. Exit status 1 when the
    run fails. At a terminal, you are asked about calls of which the policy says so.
    """
    if (file is None) == (code is None):
        raise click.UsageError("give either a FILE (or - for stdin), or -c CODE")
    source = code if code is not None else _read(str(file))
    filename = Path(file).name if file not in (None, "-") else None
    if language is None:
        language = "typescript" if filename is not None and filename.endswith(_TYPESCRIPT) else "python"
    path = configuration(config)

    async def run() -> RunResult:
        async with Underpass.open(path, sandbox=sandbox, settings=ALONE) as up:
            warn_if_unsandboxed(up.settings.sandbox.tier)
            return await up.run(
                source,
                agent=agent,
                timeout=timeout,
                max_tokens=max_tokens,
                filename=filename,
                language=language,
                environment=environment,
                check=False if no_check else None,
                rollback_on_error=rollback_on_error,
                cache=True if cache else None,
                ask=terminal_ask(status),
            )

    with progress("Running…") as status:
        result = run_async(run)
    if as_json:
        print_json(result.to_dict())
    else:
        show(result)
    if not result.ok:
        raise click.exceptions.Exit(1)


def show(result: RunResult) -> None:
    """Print a run: its output and its value on stdout, the rest on stderr."""
    if result.stdout:
        click.echo(plain(result.stdout), nl=not result.stdout.endswith("\n"))
    if result.stderr:
        err().print(Text(plain(result.stderr).rstrip("\n"), style="dim"), soft_wrap=True)
    if result.ok and result.value is not None:
        _show_value(json.dumps(result.value, indent=2, ensure_ascii=False))
    if result.error is not None:
        error = result.error
        if error.traceback:
            err().print(Text(plain(error.traceback).rstrip("\n"), style="dim"), soft_wrap=True)
        err().print(Text.assemble((f"{error.type}: ", "bold red"), plain(error.message)), soft_wrap=True)
        if error.hint:
            err().print(Text.assemble(("hint: ", "bold"), plain(error.hint)), soft_wrap=True)
    if result.truncated and result.handle:
        err().print(Text(f"the whole value: {result.handle}", style="yellow"), soft_wrap=True)
    err().print(Text(footer(result), style="dim"), soft_wrap=True)


def _show_value(shown: str) -> None:
    console = out()
    if console.is_terminal:
        console.print(highlighted(shown, "json"))
    else:
        click.echo(shown.encode("utf-8", "backslashreplace"))


def footer(result: RunResult) -> str:
    """Return the line under a run: calls, time, tokens, sandbox."""
    calls = len(result.tool_calls)
    saved = result.tokens.saved
    if not calls:
        tokens = f"{result.tokens.context:,} tokens"  # no call, so nothing to compare with
    else:
        tokens = f"{saved:,} tokens saved" if saved >= 0 else f"{-saved:,} tokens more than direct calls"
    if result.cached:
        return f"the result of an equal run before: nothing ran, and nothing was called · {tokens}"
    isolation = "not isolated" if result.sandbox == "none" else f"sandbox {result.sandbox}"
    return (
        f"{counted(calls, 'tool call')} · {milliseconds(result.duration.total)} · "
        f"{tokens} · {isolation} · {_checked(result)}"
    )


def _checked(result: RunResult) -> str:
    if isinstance(result.checked, str):
        return f"not checked: {result.checked.removeprefix('skipped: ')}"
    return "checked" if result.checked else "not checked"


def _read(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}", path=file) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text: {error.reason}", path=file) from error
