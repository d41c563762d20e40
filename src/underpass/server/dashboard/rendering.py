"""Makes pages from templates. Everything in them is escaped unless it is marked as HTML here."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from underpass.server.dashboard.highlighting import highlighted
from underpass.server.dashboard.static_files import address

_TEMPLATES: Final = Path(__file__).with_name("templates")
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
NONE: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"
_SHOWN: Final = 20_000
"""Characters of a value that a page has; the API has the rest."""

NAVIGATION: Final = (
    ("/dashboard", "Overview"),
    ("/dashboard/runs", "Runs"),
    ("/dashboard/approvals", "Approvals"),
    ("/dashboard/servers", "Tools and servers"),
    ("/dashboard/skills", "Skills"),
    ("/dashboard/workspaces", "Workspaces"),
    ("/dashboard/audit", "Audit"),
    ("/dashboard/settings", "Settings"),
)


def render(template: str, **data: Any) -> str:
    """Return a page."""
    return _environment().get_template(template).render(**data)


def number(value: float | None) -> str:
    """Return a number with its thousands apart, a dash for none."""
    return NONE if value is None else f"{value:,.0f}".replace("-", MINUS)


def brief(value: float | None) -> str:
    """Return a number in few characters: 12.3k."""
    if value is None:
        return NONE
    sign, rest = (MINUS if value < 0 else ""), abs(value)
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if rest >= 10 * size or (rest >= size and unit == "M"):
            return f"{sign}{rest / size:.1f}{unit}"
    return f"{sign}{rest:,.0f}"


def share(value: float | None) -> str:
    """Return a share as a percentage."""
    if value is None:
        return NONE
    shown = f"{value:.1%}" if abs(value) < 10 else f"{value:.0%}"
    return shown.replace("-", MINUS).replace(".0%", "%")


def milliseconds(value: float | None) -> str:
    """Return a time as people say it."""
    if value is None:
        return NONE
    if value >= 60_000:
        return f"{value / 60_000:.1f} min"
    return (
        f"{value / 1_000:.2f} s"
        if value >= 1_000
        else f"{value:.0f} ms"
        if value >= 10
        else f"{value:.1f} ms"
    )


def size(value: int | None) -> str:
    """Return a number of bytes as people say it."""
    if value is None:
        return NONE
    rest, unit = float(value), 0
    while rest >= 1_000 and unit < len(_UNITS) - 1:
        rest, unit = rest / 1_000, unit + 1
    return f"{rest:.0f} {_UNITS[unit]}" if unit == 0 else f"{rest:.1f} {_UNITS[unit]}"


def moment(value: str) -> str:
    """Return a time of the API, as it is shown: in UTC, to the second."""
    try:
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return value


def pretty(value: Any) -> str:
    """Return a value as indented JSON, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return cut(text)


def pretty_json(text: str) -> str:
    """Return JSON indented, or as it is where it was cut."""
    try:
        return pretty(json.loads(text))
    except ValueError:
        return cut(text)


def cut(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\n… {len(text) - _SHOWN:,} characters more"


def named(text: str) -> str:
    """Return a name that an element can have, of any text."""
    return "x" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


@cache
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    chosen = (number, brief, share, milliseconds, size, moment, pretty, pretty_json, cut, named, highlighted)
    filters: dict[str, Any] = {each.__name__: each for each in chosen}
    names: dict[str, Any] = {"static": address, "navigation": NAVIGATION}
    found.filters.update(filters)
    found.globals.update(names)
    return found
