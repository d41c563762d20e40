"""The command line's entry points, and what every command's failure looks like."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from io import TextIOWrapper
from typing import NoReturn, cast

import click

from underpass.cli.lazy import LazyGroup
from underpass.errors import ConfigError, UnderpassError

FAILED, USAGE, INTERRUPTED = 1, 2, 130

COMMANDS = {
    "init": ("underpass.cli.init", "Find existing MCP configurations and write .mcp.json."),
    "install": ("underpass.cli.install", "Make a coding agent use Underpass."),
    "add": ("underpass.cli.add", "Add a server to the configuration."),
    "tools": ("underpass.cli.tools", "List servers and their tools, or search them."),
    "trust": ("underpass.cli.trust", "Show how tools changed since they were trusted, and accept it."),
    "secret": ("underpass.cli.secret", "Keep the secrets that configurations name as keyring://NAME."),
    "login": ("underpass.cli.login", "Log in to an HTTP server with OAuth, in the browser."),
    "logout": ("underpass.cli.logout", "Forget the login to a server."),
    "docs": ("underpass.cli.docs", "Show a tool's documentation, or write that of all tools."),
    "generate": ("underpass.cli.generate", "Write the tools as an importable, typed package."),
    "shapes": ("underpass.cli.shapes", "Show and forget what results of tools looked like."),
    "agent": ("underpass.cli.agent", "Let a model carry out a command with the tools."),
    "run": ("underpass.cli.run", "Run a program in the sandbox."),
    "resume": ("underpass.cli.resume", "Continue a run that died, without repeating its calls."),
    "runs": ("underpass.cli.runs", "Show what runs did."),
    "approvals": ("underpass.cli.approvals", "Answer what runs ask about their calls."),
    "policy": ("underpass.cli.policy", "Show what is decided about calls, and why."),
    "stats": ("underpass.cli.stats", "Show what runs cost and saved, and what would save more."),
    "audit": ("underpass.cli.audit", "Show and verify the record of runs, decisions and calls."),
    "privacy": ("underpass.cli.privacy", "Show what tokens stand for, and forget it."),
    "skills": ("underpass.cli.skills", "Find, run and keep programs that worked as functions for everyone."),
    "workspace": ("underpass.cli.workspace", "Keep, compare and restore agents' files."),
    "results": ("underpass.cli.results", "Show values that were too large for an answer."),
    "cache": ("underpass.cli.cache", "Show and forget the results that are kept of calls and runs."),
    "env": ("underpass.cli.env", "Build and remove the packages that programs can import."),
    "serve": ("underpass.cli.serve", "Serve the tools as one MCP server over stdio or HTTP."),
    "token": ("underpass.cli.token", "Make and revoke the tokens of tenants of the HTTP service."),
    "dashboard": ("underpass.cli.dashboard", "Open the dashboard of a running service in a browser."),
    "sessions": ("underpass.cli.sessions", "List the sessions whose variables are kept now."),
    "doctor": ("underpass.cli.doctor", "Check that everything works, and say how to mend what does not."),
    "bench": ("underpass.cli.bench", "Measure what tasks cost in tokens, beside other ways."),
    "demo": ("underpass.cli.demo", "Run programs against three real servers and show what it saves."),
}
"""Name → where the command is, and its summary: `--help` must not import them."""


@click.group(cls=LazyGroup, commands_table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
@click.version_option(package_name="underpass", message="%(package)s %(version)s")
def cli(*, debug: bool) -> None:
    """Let a model's code use your MCP servers: only the answer reaches its context.

    \b
    Example:
      $ underpass add git -- uvx mcp-server-git --repository .
      $ underpass run -c 'from mcp_servers import git; await git.git_status(repo_path=".")'
    """
    click.get_current_context().obj = {"debug": debug}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that ``arguments`` (default: those of the process) name, and exit.

    The status is 0, 1 when a run or a check failed, 2 for a mistake in the call or in a
    configuration, 130 after SIGINT.
    """
    _exit(cli, "underpass", sys.argv[1:] if arguments is None else arguments)


def codegen() -> None:
    """`mcp-codegen`: the same as `underpass generate`, under its own name."""
    generate = copy(cli.get_command(click.Context(cli), "generate"))
    assert generate is not None
    generate.context_settings = cli.context_settings
    generate.epilog = (generate.epilog or "").replace("underpass generate", "mcp-codegen")
    _exit(generate, "mcp-codegen", sys.argv[1:])


def _exit(command: click.Command, name: str, arguments: Sequence[str]) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a locale without these characters must not be an error
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_status(command, name, list(arguments)))


def _status(command: click.Command, name: str, arguments: list[str]) -> int:
    try:
        # Without its standalone mode click returns the status of a command that asks to exit.
        status = command.main(arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if "--debug" in arguments:
            raise
        return _show(error)
    return status or 0


def _show(error: Exception) -> int:
    while isinstance(error, ExceptionGroup):  # a task group wraps what one of its tasks raised
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    if isinstance(error, UnderpassError):
        from underpass.cli.output import show_error

        show_error(error)
        return USAGE if isinstance(error, ConfigError) else FAILED
    click.echo(f"error: {type(error).__name__}: {error}", err=True)
    click.echo("hint: this is a defect of Underpass; `underpass --debug …` shows where", err=True)
    return FAILED
