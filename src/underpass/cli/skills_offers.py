"""How `underpass skills` shows and takes skills that servers offer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import click

from underpass.cli.output import err, highlighted, out, table, text
from underpass.errors import SkillError, SkillNotFound, did_you_mean
from underpass.skills.format.layout import SKILL, script_path
from underpass.skills.mcp.offers import Offered, OfferListing

if TYPE_CHECKING:
    # It brings the sandbox along.
    from underpass.skills.skills import Skills

_STYLES: Final = {"offered": "", "approved": "green", "changed": "yellow"}
_LANGUAGES: Final = {".py": "python", ".ts": "typescript"}


@dataclass(frozen=True, slots=True)
class Looked:
    """An offered skill with the files that a person should see before taking it."""

    offered: Offered
    content: Mapping[str, str]
    """By path: the description and the code."""


async def look(skills: Skills, server: str, name: str) -> Looked:
    """Read what a server offers under a name or a URI.

    Raises:
        SkillNotFound: it offers no such skill.
        SkillError: it offers several of that name, or what it gives is not what its entry says.
        ServerNotFound, ToolError: it could not be asked.
    """
    offered = await _find(skills, server, name)
    offer = offered.offer
    shown = (SKILL, script_path(offer.name, "python"), script_path(offer.name, "typescript"))
    content: dict[str, str] = {}
    for path in (each.path for each in offer.files if each.path in shown):
        content[path] = (await skills.offers.read(offer, path)).decode("utf-8", "replace")
    return Looked(offered, content)


def is_agreed(looked: Looked) -> bool:
    """Ask at the terminal whether to take it; where there is none, nobody has agreed."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return click.confirm(f"\nTake it, as it is ({looked.offered.offer.digest[:12]}…)?", default=False)


def offered_facts(offered: Offered) -> dict[str, Any]:
    """Return what a server offers as a JSON object."""
    offer = offered.offer
    return {
        "server": offer.server,
        "name": offer.name,
        "uri": offer.uri,
        "state": offered.state,
        "digest": offer.digest,
        "description": offer.description,
        "differences": list(offered.differences),
        "files": [{"path": each.path, "size": each.size, "digest": each.digest} for each in offer.files],
    }


def listing_facts(listing: OfferListing) -> dict[str, Any]:
    """Return what all servers offer as a JSON object."""
    return {
        "offered": [offered_facts(each) for each in listing.skills],
        "problems": {server: list(problems) for server, problems in listing.problems.items()},
    }


def show_listing(listing: OfferListing) -> None:
    """Print what servers offer, and on stderr what of it cannot be taken."""
    if not listing.skills:
        out().print("no server offers a skill")
    else:
        shown = table("offered", "server", "state", "what it does")
        for each in listing.skills:
            offer = each.offer
            what = " ".join(offer.description.split())
            state = text(each.state, _STYLES[each.state])
            shown.add_row(text(offer.name, "bold"), text(offer.server), state, text(what[:90]))
        out().print(shown)
    for server, problems in listing.problems.items():
        for problem in problems:
            err().print(text(f"{server}: {problem}", "yellow"), soft_wrap=True)


def show_looked(looked: Looked) -> None:
    """Print an offered skill: whose it is, its digest, its files, its description and its code."""
    console, offered = out(), looked.offered
    offer = offered.offer
    head = text(offer.name, "bold")
    head.append_text(text(f" of server {offer.server}, {offered.state}", "dim"))
    console.print(head, soft_wrap=True)
    for name, value in {"uri": offer.uri, "digest": offer.digest}.items():
        line = text(f"{name:<8}", "dim")
        line.append_text(text(value))
        console.print(line, soft_wrap=True)
    for file in offer.files:
        console.print(text(f"  {file.path}, {file.size:,} bytes"), soft_wrap=True)
    for difference in offered.differences:
        console.print(text(f"since it was approved: {difference}", "yellow"), soft_wrap=True)
    for path, content in looked.content.items():
        console.print(text(f"\n{path}", "bold"))
        console.print(highlighted(content, _LANGUAGES.get(PurePath(path).suffix, "markdown")))


async def _find(skills: Skills, server: str, name: str) -> Offered:
    if "://" in name:
        return await skills.offers.get(server, name)
    name = name.replace("_", "-")
    try:
        # Where most skills are: it spares the whole listing.
        return await skills.offers.get(server, f"skill://{name}/{SKILL}")
    except SkillNotFound:
        listing = await skills.offers.list([server])
    found = [each for each in listing.skills if each.offer.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise SkillError(
            f"server {server!r} offers {len(found)} skills {name!r}",
            hint=f"give one's URI: {', '.join(each.offer.uri for each in found[:10])}",
            skill=name,
        )
    problems = listing.problems.get(server, ())
    if matches := did_you_mean(name[:80], [each.offer.name for each in listing.skills]):
        hint = f"did you mean {' or '.join(map(repr, matches))}?"
    elif problems:
        hint = f"some of what it offers cannot be taken: {problems[0]}"
    else:
        hint = "`underpass skills list --offered` shows what servers offer"
    raise SkillNotFound(f"server {server!r:.80} offers no skill {name!r:.80}", hint=hint, skill=name[:80])
