"""`underpass policy`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import click

from underpass.broker.policy.book import RuleBook
from underpass.broker.policy.glob import Glob
from underpass.broker.policy.rule import Rule
from underpass.broker.policy.ruling import Plan, Ruling, Rulings
from underpass.broker.policy.setting import written
from underpass.broker.resources import request_definition
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, progress, table, text
from underpass.cli.running import configuration, open_catalog, run_async
from underpass.config import SETTINGS_NAME, PolicySettings, find_config, load_settings
from underpass.discovery.directory import ToolDirectory
from underpass.errors import ToolNotFound, did_you_mean
from underpass.toml_lines import line_of

_STYLES = {"allow": "green", "ask": "yellow", "deny": "red"}
_WORDS = {"allow": "allowed", "ask": "asked about", "deny": "denied"}


@click.group(epilog=examples("underpass policy check git.git_reset", "underpass policy list"))
def command() -> None:
    """Show what underpass.toml says about calls. Each command has --json."""


@command.command(
    epilog=examples(
        "underpass policy check git.git_reset",
        """underpass policy check files.write_file --arguments '{"path": "/tmp/a"}' --agent intern""",
    )
)
@click.argument("name", metavar="SERVER.TOOL")
@click.option("--arguments", default="{}", help="The call's arguments, as a JSON object.")
@click.option("--agent", default="default", show_default=True, help="Who makes the call.")
@config_option
@json_option
def check(*, name: str, arguments: str, agent: str, config: Path | None, as_json: bool) -> None:
    """Show what would be decided about a call of SERVER.TOOL, and why. Nothing is called.

    What a run has read before can speak against a call as well, and limits count only in runs.
    """
    given = _object(arguments)
    path = configuration(config)
    folder = path.absolute().parent if path else Path.cwd()
    settings = load_settings(folder).policy
    with progress("Asking the server for its tools…"):
        plan = run_async(lambda: _plan(path, settings, name, agent))
    ruling = plan.ruling(given)
    passed = plan.rulings[: plan.rulings.index(ruling)]
    if as_json:
        print_json(
            {
                "server": plan.tool.server,
                "tool": plan.tool.name,
                "decision": ruling.decision.effect,
                "rule": ruling.decision.rule,
                "reason": ruling.decision.reason,
                "line": _line(folder, ruling),
                "setting": ruling.decision.setting,
                "other_arguments": [each.decision.rule for each in passed],
            }
        )
    else:
        _show(plan, ruling, passed, folder)


@command.command(name="list", epilog=examples("underpass policy list", "underpass policy list --json"))
@config_option
@json_option
def list_(*, config: Path | None, as_json: bool) -> None:
    """List the rules in their order, and what holds where none fits."""
    path = config or find_config(Path.cwd())
    folder = path.absolute().parent if path else Path.cwd()
    settings = load_settings(folder).policy
    strangers = list(_strangers(settings, open_catalog(path).names))
    if as_json:
        print_json(
            {
                "rules": [
                    {"rule": number, "line": _line_of(folder, number), **_values(rule)}
                    for number, rule in enumerate(settings.rules, 1)
                ],
                "trusted": list(settings.trusted),
                "unknown": settings.unknown,
                "warnings": strangers,
            }
        )
        return
    if settings.rules:
        rows = table("rule", "line", "decision", "calls", "limits", "reason")
        for number, rule in enumerate(settings.rules, 1):
            line = _line_of(folder, number)
            rows.add_row(
                str(number),
                "" if line is None else str(line),
                text(rule.decision, _STYLES[rule.decision]),
                text(
                    _shown(rule, ("server", "tool", "category", "annotation", "agent", "arguments")) or "all"
                ),
                text(_shown(rule, ("rate", "calls_per_run", "bytes_per_run", "flow"))),
                text(rule.reason),
            )
        out().print(rows)
        out().print()
    trusted = ", ".join(settings.trusted) or "no server"
    out().print(text("Where no rule fits:" if settings.rules else "There are no rules."))
    out().print("  what a server calls destructive is asked about, and denied where nobody can be asked")
    out().print(
        text(f"  what only reads is allowed, by the word of trusted servers ({trusted})"), soft_wrap=True
    )
    out().print(text(f"  everything else is {_WORDS[settings.unknown]}"))
    for stranger in strangers:
        out().print(text(stranger, "yellow"), soft_wrap=True)


async def _plan(config: Path | None, settings: PolicySettings, name: str, agent: str) -> Plan:
    async with open_catalog(config) as catalog:
        directory = ToolDirectory(catalog)
        rulings = Rulings(settings, RuleBook(settings.rules), directory.category)
        try:
            return await rulings.plan(await directory.tool(name), agent, request=False)
        except ToolNotFound as error:
            server = error.data["server"]
            found = (
                request_definition(server, name[len(name) - len(error.data["tool"]) :]) if server else None
            )
            if found is None:
                raise
            return await rulings.plan(found[0], agent, request=True)


def _strangers(settings: PolicySettings, servers: Sequence[str]) -> Iterator[str]:
    """Say which names of servers are of none: a rule with a slip in it is about nothing."""
    named = [("trusted", Glob(name)) for name in settings.trusted]
    for number, rule in enumerate(settings.rules, 1):
        named += [(f"rule {number}", glob) for glob in rule.server]
    for where, glob in named:
        if not any(glob.matches(server) for server in servers):
            close = did_you_mean(glob.text, servers)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            yield f"{where}: no server is named {glob.text}{hint}"


def _object(arguments: str) -> Mapping[str, Any]:
    try:
        value = json.loads(arguments)
    except ValueError as error:
        raise click.UsageError(f"--arguments is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise click.UsageError("--arguments must be a JSON object")
    return cast("dict[str, Any]", value)


def _show(plan: Plan, ruling: Ruling, passed: tuple[Ruling, ...], folder: Path) -> None:
    decision = ruling.decision
    line = text(f"{plan.tool.server}.{plan.tool.name}: ", "bold")
    line.append_text(text(decision.effect, _STYLES[decision.effect]))
    out().print(line, soft_wrap=True)
    at = _line(folder, ruling)
    place = decision.rule if at is None else f"{decision.rule}, line {at} of {SETTINGS_NAME}"
    why = f": {decision.reason}" if ruling.rule is None or ruling.rule.reason else ""
    out().print(text(f"  {place}{why}"), soft_wrap=True)
    if ruling.rule is not None and (
        limits := _shown(ruling.rule, ("rate", "calls_per_run", "bytes_per_run"))
    ):
        out().print(text(f"  limits: {limits}"), soft_wrap=True)
    for other in passed:
        if other.rule is not None:
            says = f"{other.decision.rule} ({other.decision.effect})"
            out().print(
                text(f"  other arguments: {says} if {_shown(other.rule, ('arguments',))}", "dim"),
                soft_wrap=True,
            )
    if decision.setting:
        place = f"above {decision.rule}" if ruling.rule is not None else "below all rules"
        out().print(text(f"  to allow it, write in {SETTINGS_NAME}, {place}:", "dim"))
        for part in decision.setting.splitlines():
            out().print(text(f"    {part}"), soft_wrap=True)


def _shown(rule: Rule, keys: tuple[str, ...]) -> str:
    values = written(rule)
    return ", ".join(f"{key} = {values[key]}" for key in keys if key in values)


def _values(rule: Rule) -> dict[str, Any]:
    return tomllib.loads("\n".join(f"{key} = {value}" for key, value in written(rule).items()))


def _line(folder: Path, ruling: Ruling) -> int | None:
    return None if ruling.entry is None else _line_of(folder, ruling.entry.id)


def _line_of(folder: Path, number: int) -> int | None:
    path = folder / SETTINGS_NAME
    return line_of(path.read_text(encoding="utf-8"), f"policy.rules[{number}]") if path.is_file() else None
