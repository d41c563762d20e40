"""`underpass skills`."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, progress, text
from underpass.cli.running import ALONE, configuration, run_async
from underpass.cli.skill_library import skill_library
from underpass.cli.skills_offers import (
    is_agreed,
    listing_facts,
    look,
    offered_facts,
    show_listing,
    show_looked,
)
from underpass.cli.skills_view import (
    entry_facts,
    history,
    show_entries,
    show_skill,
    skill_facts,
)
from underpass.cli.terms import counted
from underpass.config import find_config
from underpass.errors import SkillError
from underpass.skills.format.functions import function_of
from underpass.skills.library.exchange import export_skill, import_skill
from underpass.skills.skill import SCOPES, Scope, Skill

if TYPE_CHECKING:
    from underpass.skills.library.library import SkillLibrary

    # It brings the sandbox along.
    from underpass.skills.skills import Skills
    from underpass.skills.usage import SkillUsage

_Value = TypeVar("_Value")

agent_option = click.option(
    "--agent", default="default", show_default=True, help="As which agent sees them; each has its own."
)
_scope_help = "Whose library: the agent's, the project's, or yours in all projects."
version_option = click.option("--version", help="An older version; by default the newest.")


def scope_option(default: Scope | None) -> Callable[[Any], Any]:
    """The option that names a library."""
    return click.option(
        "--scope", type=click.Choice(SCOPES), default=default, show_default=True, help=_scope_help
    )


@click.group(
    epilog=examples(
        "underpass skills list",
        "underpass skills search 'count words'",
        "underpass skills run count-words --arg text='two words'",
        "underpass skills save RUN --name count-words",
    )
)
def command() -> None:
    """Find, run and keep skills: programs that worked, saved as functions for everyone.

    A program imports a skill with `from skills import NAME`. Each command has --json.
    """


@command.command(
    name="list",
    short_help="List all skills.",
    epilog=examples("underpass skills list", "underpass skills list --offered --json"),
)
@click.option("--offered", is_flag=True, help="Start the servers, and list what they offer, too.")
@agent_option
@config_option
@json_option
def list_(*, offered: bool, agent: str, config: Path | None, as_json: bool) -> None:
    """List all skills with where they are, how often they were used, and why some cannot be used.

    What servers offer is `offered`, `approved` as it is, or `changed` since it was approved.
    """
    library, usage = _open(config)
    entries, figures = library.entries(agent), usage.all()
    listing = None
    if offered:
        listing = _with_skills(config, lambda skills: skills.offers.list(), "Asking the servers…")
    if as_json:
        shown = {"skills": [entry_facts(each, figures.get(each.digest)) for each in entries]}
        print_json(shown if listing is None else {**shown, **listing_facts(listing)})
        return
    if entries:
        show_entries(entries, figures)
    else:
        out().print("there are no skills yet: `underpass skills save RUN --name NAME` makes one of a run")
    if listing is not None:
        out().print()
        show_listing(listing)


@command.command(
    short_help="Find the skills that fit a query.", epilog=examples("underpass skills search 'count words'")
)
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 50), default=10, show_default=True)
@agent_option
@config_option
@json_option
def search(*, query: str, limit: int, agent: str, config: Path | None, as_json: bool) -> None:
    """Find the skills that fit QUERY best, the best first."""
    found = _with_skills(config, lambda skills: skills.search(query, agent, limit=limit), "Searching…")
    if as_json:
        print_json({"query": query, "skills": [hit.to_dict() for hit in found]})
        return
    if not found:
        out().print("no skill fits: `underpass skills list` shows all")
    for hit in found:
        out().print(text(hit.name, "bold"), text(hit.summary), soft_wrap=True)
        out().print(text(f"  {hit.entry.signature}", "dim"), soft_wrap=True)


@command.command(
    short_help="Show one skill.",
    epilog=examples("underpass skills show count-words", "underpass skills show count-words --code"),
)
@click.argument("name")
@click.option("--code", is_flag=True, help="With its code.")
@version_option
@scope_option(None)
@agent_option
@config_option
@json_option
def show(
    *,
    name: str,
    code: bool,
    version: str | None,
    scope: Scope | None,
    agent: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show one skill: how it is called, what it calls, where it is, and how it was used."""
    library, usage = _open(config)
    _show(library, usage, library.look(name, agent, version, scope=scope), agent, code=code, as_json=as_json)


@command.command(
    short_help="Call a skill in a sandbox.",
    epilog=examples(
        "underpass skills run count-words --arg text='two words'",
        'underpass skills run count-words --args \'{"text": "two words"}\' --json',
    ),
)
@click.argument("name")
@click.option(
    "--arg",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument: JSON, or a text where it is none.",
)
@click.option("--args", "document", metavar="JSON", help="All arguments as one JSON object.")
@version_option
@agent_option
@config_option
@json_option
def run(
    *, name: str, given: Sequence[str], document: str | None, version: str | None, agent: str,
    config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Call a skill in a sandbox, and print what it returns. Exit status 1 when it fails."""
    from underpass.cli.asking import terminal_ask
    from underpass.cli.run import show as show_run

    library, _ = _open(config)
    skill = library.find(name, agent, version)
    arguments = {**_object(document), **_arguments(skill, given)}
    result = _with_skills(
        config,
        lambda skills: skills.run(name, arguments, agent, version=version, ask=terminal_ask(None)),
        "Running…",
    )
    if as_json:
        print_json(result.to_dict())
    else:
        show_run(result)
    if not result.ok:
        raise click.exceptions.Exit(1)


@command.command(
    short_help="Make a skill of a run that succeeded.",
    epilog=examples("underpass skills save 8c1f02… --name count-words"),
)
@click.argument("run_id", metavar="RUN")
@click.option("--name", required=True, help="Lowercase letters, digits and hyphens.")
@click.option("--description", help="What it does and when to use it; by default of its tools.")
@scope_option("project")
@agent_option
@config_option
@json_option
def save(
    *,
    run_id: str,
    name: str,
    description: str | None,
    scope: Scope,
    agent: str,
    config: Path | None,
    as_json: bool,
) -> None:
    """Make a skill of a run that succeeded; `underpass runs` lists them."""
    skill = _with_skills(
        config,
        lambda skills: skills.save_run(run_id, name, description=description, scope=scope, agent=agent),
        "Saving…",
    )
    _changed(skill, "saved", as_json=as_json)


@command.command(
    short_help="Run recorded cases again.",
    epilog=examples("underpass skills verify", "underpass skills verify count-words"),
)
@click.argument("name", required=False)
@agent_option
@config_option
@json_option
def verify(*, name: str | None, agent: str, config: Path | None, as_json: bool) -> None:
    """Run recorded cases again, of one skill or of all, with the recorded answers of the tools.

    Exit status 1 when a skill cannot be used.
    """
    found = _with_skills(config, lambda skills: skills.verify(name, agent), "Running the cases…")
    if as_json:
        rows = [
            {
                "name": each.name,
                "version": each.version,
                "ok": each.ok,
                "cases": len(each.results),
                "failed": [result.detail for result in each.results if not result.passed],
                "problem": each.problem,
            }
            for each in found
        ]
        print_json({"skills": rows})
    elif not found:
        out().print(text("there is no skill to verify", "dim"))
    for each in () if as_json else found:
        passed = sum(result.passed for result in each.results)
        line = text("ok    " if each.ok else "failed", "green" if each.ok else "red")
        line.append_text(text(f"  {each.name} {each.version}", "bold"))
        line.append_text(text(f"  {passed} of {counted(len(each.results), 'case')} passed"))
        out().print(line, soft_wrap=True)
        for why in (each.problem, *(result.detail for result in each.results)):
            if why:
                out().print(text(f"        {why}", "dim"), soft_wrap=True)
    if not all(each.ok for each in found):
        raise click.exceptions.Exit(1)


@command.command(
    short_help="List and answer what waits for approval.",
    epilog=examples(
        "underpass skills review",
        "underpass skills review count-words",
        "underpass skills review count-words --approve",
    ),
)
@click.argument("name", required=False)
@click.option("--approve", "answer", flag_value="active", help="Let it be used, exactly as it is.")
@click.option("--refuse", "answer", flag_value="archived", help="Put it into the archive.")
@agent_option
@config_option
@json_option
def review(*, name: str | None, answer: str | None, agent: str, config: Path | None, as_json: bool) -> None:
    """List what waits for approval; with NAME, show it and answer. At a terminal you are asked."""
    library, usage = _open(config)
    waiting = library.waiting(agent)
    if name is None:
        if answer:
            raise click.UsageError("name the skill that you mean")
        if as_json:
            print_json({"skills": [entry_facts(entry) for entry in waiting]})
        elif waiting:
            show_entries(waiting, {})
        else:
            out().print("nothing waits for approval")
        return
    wanted = name.replace("_", "-")
    entry = next((each for each in waiting if each.name == wanted), None)
    if entry is None:
        raise SkillError(
            f"no skill {name!r:.80} waits for approval", hint="`underpass skills review` lists them"
        )
    skill = library.look(name, agent, scope=entry.scope, waiting=True)
    if answer is None:
        _show(library, usage, skill, agent, code=True, as_json=as_json)
        if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return
        answer = "active" if click.confirm("\nLet it be used?", default=False) else None
        if answer is None:
            return
    status = "active" if answer == "active" else "archived"
    _changed(
        library.set_status(name, entry.scope, agent, status),
        "approved" if status == "active" else "refused, and put into the archive",
        as_json=as_json,
    )


@command.command(
    epilog=examples("underpass skills archive count-words", "underpass skills archive count-words --restore")
)
@click.argument("name")
@click.option("--restore", is_flag=True, help="Bring it back.")
@scope_option(None)
@agent_option
@config_option
@json_option
def archive(
    *, name: str, restore: bool, scope: Scope | None, agent: str, config: Path | None, as_json: bool
) -> None:
    """Take a skill out of use, and keep it."""
    library, _ = _open(config)
    scope = scope or library.look(name, agent).scope
    skill = library.set_status(name, scope, agent, "active" if restore else "archived")
    _changed(skill, "brought back" if restore else "put into the archive", as_json=as_json)


@command.command(
    short_help="Trust a whole library.",
    epilog=examples("underpass skills trust project", "underpass skills trust project --undo"),
)
@click.argument("scope", type=click.Choice(["project", "user"]))
@click.option("--undo", is_flag=True, help="Trust it no longer; what was approved one by one stays so.")
@agent_option
@config_option
@json_option
def trust(*, scope: Scope, undo: bool, agent: str, config: Path | None, as_json: bool) -> None:
    """Trust a whole library: what is in it now, and whatever comes into it later.

    It is written down in your own folder, and never in the repository.
    """
    library, _ = _open(config)
    folder = library.folder(scope, agent)
    try:
        (library.trust.distrust if undo else library.trust.trust)(folder)
    except OSError as error:
        raise SkillError(
            f"{library.trust.path} cannot be written: {error}", hint="XDG_DATA_HOME names your own folder"
        ) from error
    if as_json:
        print_json({"folder": str(folder), "trusted": not undo, "kept_in": str(library.trust.path)})
    else:
        out().print(text(f"{folder} is {'no longer ' if undo else ''}trusted as a whole"), soft_wrap=True)


@command.command(
    name="export",
    short_help="Copy skills into a folder.",
    epilog=examples("underpass skills export shared", "underpass skills export shared count-words --usage"),
)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--usage", "with_usage", is_flag=True, help="With the history of their use.")
@agent_option
@config_option
@json_option
def export(
    *, folder: Path, names: Sequence[str], with_usage: bool, agent: str, config: Path | None, as_json: bool
) -> None:
    """Copy skills into DIR, a folder for each, as the open Agent Skills standard has them."""
    library, usage = _open(config)
    names = names or [entry.name for entry in library.entries(agent) if entry.problem is None]
    written: list[Path] = []
    for name in names:
        skill = library.find(name, agent)
        shown = history(usage.of(skill.name, skill.digest)) if with_usage else None
        written.append(export_skill(skill, folder, shown))
    if as_json:
        print_json({"folders": [str(path) for path in written]})
    else:
        out().print(text(f"{counted(len(written), 'skill')} copied to {folder}"), soft_wrap=True)


@command.command(
    name="import",
    short_help="Take somebody's skill, from a folder or a server.",
    epilog=examples(
        "underpass skills import downloads/count-words",
        "underpass skills import count-words --from peer",
        "underpass skills import count-words --from peer --yes --json",
    ),
)
@click.argument("source", metavar="DIR|NAME")
@click.option("--from", "server", metavar="SERVER", help="Take the skill NAME, or of a URI, that it offers.")
@click.option("--yes", is_flag=True, help="With --from: take it as it is now, and do not ask.")
@scope_option("project")
@agent_option
@config_option
@json_option
def import_(
    *, source: str, server: str | None, yes: bool, scope: Scope, agent: str,
    config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Take somebody's skill, from its folder DIR or from a server. It is data until you approve it.

    One in a folder is copied, and waits for `underpass skills review`. What a server offers is shown with
    its digest first; you are asked at a terminal, and exactly that is taken, or nothing.
    """
    if server is not None:
        _take(source, server, scope, agent, config, yes=yes, as_json=as_json)
        return
    if yes:
        raise click.UsageError("--yes goes with --from: what is in a folder waits for a review")
    folder = Path(source)
    if not folder.is_dir():
        raise click.BadParameter(f"{source!r} is no folder; --from SERVER takes what a server offers")
    library, _ = _open(config)
    skill, left = import_skill(library, folder, scope, agent)
    if as_json:
        print_json({**skill_facts(skill), "not_taken": list(left)})
        return
    if skill.status == "active":
        out().print(text(f"{skill.name} {skill.version} is the same as the one in use"))
        return
    out().print(
        text(f"{skill.name} {skill.version} waits for approval: `underpass skills review {skill.name}`")
    )
    if left:
        out().print(text(f"not taken: {', '.join(left[:10])}", "dim"), soft_wrap=True)


def _take(
    name: str, server: str, scope: Scope, agent: str, config: Path | None, *, yes: bool, as_json: bool
) -> None:
    """Show what a server offers, and take it where a person agrees."""
    looked = _with_skills(config, lambda skills: look(skills, server, name), "Asking the server…")
    offer = looked.offered.offer
    if not as_json:
        show_looked(looked)
    agreed = yes or (not as_json and is_agreed(looked))
    skill = None
    if agreed:
        # The digest of what was shown: should the server offer another by now, nothing is saved.
        skill = _with_skills(
            config,
            lambda skills: skills.offers.approve(server, offer.uri, offer.digest, scope=scope, agent=agent),
            "Taking it…",
        )
    if as_json:
        facts = {**offered_facts(looked.offered), "content": dict(looked.content)}
        print_json({"offer": facts, "skill": None if skill is None else skill_facts(skill)})
    elif skill is not None:
        _changed(skill, f"taken from {server}", as_json=False)
    else:
        out().print("\nnothing was taken; with --yes it is taken without a question")


def _show(
    library: SkillLibrary, usage: SkillUsage, skill: Skill, agent: str, *, code: bool, as_json: bool
) -> None:
    entries = [*library.entries(agent), *library.waiting(agent)]
    entry = next((each for each in entries if (each.digest, each.scope) == (skill.digest, skill.scope)), None)
    try:
        versions = library.versions(skill.name, agent)
    except SkillError:
        versions = ()
    figures = usage.of(skill.name, skill.digest)
    if not as_json:
        show_skill(skill, entry, versions, figures, code=code)
        return
    draft = skill.draft
    function = function_of(draft.code, draft.entrypoint, draft.language)
    facts = {
        **skill_facts(skill),
        "description": draft.description,
        "language": draft.language,
        "entrypoint": draft.entrypoint,
        "signature": function.signature,
        "problem": entry.problem if entry else None,
        "hides": list(entry.shadows) if entry else [],
        "tools": dict(draft.tools),
        "cases": len(draft.cases),
        "tags": list(draft.tags),
        "author": draft.author,
        "provenance": dict(draft.provenance),
        "created": skill.created,
        "versions": list(versions),
        "usage": figures.to_dict(),
        "examples": draft.examples,
        "pitfalls": draft.pitfalls,
    }
    print_json({**facts, "code": draft.code} if code else facts)


def _changed(skill: Skill, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(skill_facts(skill))
    else:
        out().print(text(f"{skill.name} {skill.version} was {what} ({skill.folder})"), soft_wrap=True)


def _open(config: Path | None) -> tuple[SkillLibrary, SkillUsage]:
    """Return the libraries and the figures of the configuration in use; no server is asked."""
    return skill_library(config or find_config(Path.cwd()))


def _with_skills(config: Path | None, use: Callable[[Skills], Awaitable[_Value]], what: str) -> _Value:
    from underpass import Underpass

    path = configuration(config)

    async def work() -> _Value:
        async with Underpass.open(path, settings=ALONE) as up:
            return await use(up.skills)

    with progress(what):
        return run_async(work)


def _arguments(skill: Skill, given: Sequence[str]) -> dict[str, Any]:
    """Return values by name: texts where the function takes texts, JSON elsewhere."""
    draft = skill.draft
    function = function_of(draft.code, draft.entrypoint, draft.language)
    types = {each.name: each.type for each in function.arguments}
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.BadParameter(f"{each!r} is no NAME=VALUE", param_hint="--arg")
        found[name] = value if types.get(name) in {"str", "string"} else _json_or_text(value)
    return found


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _object(document: str | None) -> dict[str, Any]:
    found: object = _json_or_text(document or "{}")
    if not isinstance(found, dict):
        raise click.BadParameter("it has to be a JSON object", param_hint="--args")
    return cast("dict[str, Any]", found)
