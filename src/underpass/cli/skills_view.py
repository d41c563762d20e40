"""How `underpass skills` shows skills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from underpass.cli.output import highlighted, out, table, text
from underpass.cli.terms import counted, milliseconds
from underpass.skills.search.hit import import_line
from underpass.skills.skill import Skill, SkillEntry
from underpass.skills.usage.figures import Figures


def history(figures: Figures) -> dict[str, str]:
    """Return figures of use in words."""
    if not figures.uses or figures.success is None or figures.average_ms is None:
        return {"Total uses": "0"}
    return {
        "Total uses": f"{figures.uses:,}",
        "Success rate": f"{figures.success:.0%}",
        "Average time": milliseconds(figures.average_ms),
        "Last used": figures.last_used or "",
    }


def entry_facts(entry: SkillEntry, figures: Figures | None = None) -> dict[str, Any]:
    """Return a line of the listing as a JSON object."""
    facts = asdict(entry)
    return facts if figures is None else {**facts, "usage": figures.to_dict()}


def skill_facts(skill: Skill) -> dict[str, Any]:
    """Return what is said of a skill that was changed."""
    return {
        "name": skill.name,
        "version": skill.version,
        "digest": skill.digest,
        "status": skill.status,
        "scope": skill.scope,
        "folder": str(skill.folder),
    }


def show_entries(entries: Sequence[SkillEntry], figures: Mapping[str, Figures]) -> None:
    """Print a listing: what can be used first, then what cannot, with the reason."""
    usable = [entry for entry in entries if entry.problem is None]
    shown = table("skill", "version", "library", ">uses", ">success", "what it does")
    for entry in usable:
        used = figures.get(entry.digest, Figures())
        hides = f" (hides {', '.join(entry.shadows)})" if entry.shadows else ""
        shown.add_row(
            text(entry.name, "bold"),
            entry.version,
            text(f"{entry.scope}{hides}"),
            f"{used.uses:,}",
            "" if used.success is None else f"{used.success:.0%}",
            text(_first(entry.description)),
        )
    if usable:
        out().print(shown)
    others = [entry for entry in entries if entry.problem is not None]
    if others:
        gap = "\n" if usable else ""
        out().print(text(f"{gap}{counted(len(others), 'skill')} that cannot be used:", "dim"))
    for entry in others:
        line = text(f"  {entry.name} {entry.version}".rstrip(), "bold")
        line.append_text(text(f" ({entry.scope}): {entry.problem}", "yellow"))
        out().print(line, soft_wrap=True)


def show_skill(
    skill: Skill, entry: SkillEntry | None, versions: Sequence[str], figures: Figures, *, code: bool
) -> None:
    """Print all of one skill."""
    draft, console = skill.draft, out()
    head = text(skill.name, "bold")
    head.append_text(text(f" {skill.version}, {skill.status}", "dim"))
    console.print(head, soft_wrap=True)
    console.print(text(draft.description), soft_wrap=True)
    if entry is not None and entry.problem:
        console.print(text(f"it cannot be used: {entry.problem}", "yellow"), soft_wrap=True)
    if entry is not None and entry.signature:
        console.print()
        console.print(highlighted(f"{import_line(entry)}\n{entry.signature}", draft.language))
    console.print()
    facts = {
        "tools": ", ".join(draft.tools) or "none",
        "cases": f"{counted(len(draft.cases), 'recorded case')}",
        "tags": ", ".join(draft.tags),
        "author": draft.author,
        "from": ", ".join(f"{name} {value}" for name, value in draft.provenance.items()),
        "created": skill.created,
        "versions": ", ".join(versions),
        "library": f"{skill.scope}, {skill.folder}",
        "hides": ", ".join(f"the {scope}'s" for scope in entry.shadows) if entry else "",
        "digest": skill.digest,
    } | {name.lower(): value for name, value in history(figures).items()}
    for name, value in facts.items():
        if value:
            line = text(f"{name:<13}", "dim")
            line.append_text(text(value))
            console.print(line, soft_wrap=True)
    for name, markdown in (("Examples", draft.examples), ("Pitfalls", draft.pitfalls)):
        if markdown:
            console.print(text(f"\n{name}", "bold"))
            console.print(text(markdown), soft_wrap=True)
    if code:
        console.print(text("\nCode", "bold"))
        console.print(highlighted(draft.code, draft.language))


def _first(description: str) -> str:
    line = " ".join(description.split())
    return line if len(line) <= 90 else f"{line[:88].rstrip()} …"
