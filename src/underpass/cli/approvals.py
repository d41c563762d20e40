"""`underpass approvals`."""

from __future__ import annotations

from pathlib import Path

import click

from underpass.broker.approvals import Answer
from underpass.broker.approvals.waiting import OpenQuestion, OpenQuestions
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, table, text
from underpass.config import find_config, state_dir

_SHOWN = 200


@click.group(epilog=examples("underpass approvals list", "underpass approvals allow 5d3c1f0a --run"))
def command() -> None:
    """Answer, from any terminal, what runs ask about their calls. Each command has --json."""


@command.command(name="list", epilog=examples("underpass approvals list", "underpass approvals list --json"))
@config_option
@json_option
def list_(*, config: Path | None, as_json: bool) -> None:
    """List the questions that wait for an answer, the oldest first.

    A run stands still for those that are waiting. The process of the others has died: an answer is kept for
    `underpass resume`.
    """
    found = _questions(config).list()
    if as_json:
        print_json({"questions": [each.to_dict() for each in found]})
        return
    if not found:
        out().print("no question waits for an answer")
        return
    rows = table("id", "run", "tool", "arguments", "reason", "state")
    for each in found:
        question = each.kept.question
        rows.add_row(
            text(question.id, "bold"),
            text(question.run),
            text(f"{question.server}.{question.tool}"),
            text(question.arguments[:_SHOWN]),
            text(question.reason),
            _state(each),
        )
    out().print(rows)


@command.command(
    epilog=examples("underpass approvals allow 5d3c1f0a", "underpass approvals allow 5d3c1f0a --always")
)
@click.argument("id")
@click.option("--run", "for_run", is_flag=True, help="Allow the tool for the rest of the run.")
@click.option("--always", is_flag=True, help="Write a rule into underpass.toml that allows it.")
@config_option
@json_option
def allow(*, id: str, for_run: bool, always: bool, config: Path | None, as_json: bool) -> None:  # noqa: A002 - the argument's name in the help
    """Allow the call that question ID is about: this one only, unless an option says more."""
    if for_run and always:
        raise click.UsageError("give --run or --always, not both")
    _answer(id, "run" if for_run else "always" if always else "once", config, as_json=as_json)


@command.command(epilog=examples("underpass approvals refuse 5d3c1f0a"))
@click.argument("id")
@config_option
@json_option
def refuse(*, id: str, config: Path | None, as_json: bool) -> None:  # noqa: A002 - as above
    """Refuse the call that question ID is about: the program gets the error PermissionDenied."""
    _answer(id, "refuse", config, as_json=as_json)


def _answer(question: str, answer: Answer, config: Path | None, *, as_json: bool) -> None:
    found = _questions(config).answer(question, answer)
    if as_json:
        print_json({**found.to_dict(), "answer": answer})
    elif found.state == "waiting":
        out().print(text(f"answered: {answer}"))
    else:
        out().print(text(f"kept: {answer}; `underpass resume {found.kept.question.run}` makes use of it"))


def _state(each: OpenQuestion) -> str:
    return each.state if each.kept.answer is None else f"{each.kept.answer}, {each.state}"


def _questions(config: Path | None) -> OpenQuestions:
    return OpenQuestions(state_dir(config or find_config(Path.cwd()), Path.cwd()))
