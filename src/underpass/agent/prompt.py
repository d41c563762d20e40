"""What a model is told before the command: how to write programs, and for which tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

import jinja2

from underpass.agent.offered import offered
from underpass.agent.worked_example import worked_example
from underpass.catalog.definition import Listing
from underpass.codegen.calls import Language
from underpass.codegen.names import identifiers
from underpass.config import DiscoverySettings
from underpass.discovery.directory import ToolDirectory
from underpass.discovery.hit_texts import HitTexts
from underpass.discovery.known_tools import all_signatures

_TEMPLATES: Final = Path(__file__).parent / "templates"
_FITTING: Final = 12
"""Tools that a search with the command finds, where not all are told of."""
_SERVERS: Final = 12
"""Servers that are named; of more than these, a few names would say nothing."""


class Tools(Protocol):
    """The part of a catalog that says what is connected."""

    @property
    def names(self) -> Sequence[str]:
        """The servers."""
        ...

    def known(self) -> Mapping[str, Listing]:
        """Return the listings that are known, by server."""
        ...


def modules(servers: Sequence[str], language: Language) -> dict[str, str]:
    """Return what programs in a language call the servers."""
    return dict(identifiers(servers, "server" if language == "python" else "namespace"))


def texts(servers: Sequence[str], language: Language) -> HitTexts:
    """Return what writes hits for programs in a language."""
    return HitTexts(language, modules(servers, language))


async def code_prompt(
    tools: Tools, directory: ToolDirectory, command: str, language: Language, settings: DiscoverySettings
) -> str:
    """Return the instructions for a model that writes programs.

    All tools are named where they are few; otherwise those that fit the command, and their neighbours.

    Parameters:
        tools: what is connected.
        directory: where its tools are found.
        command: what the model is asked to do.
        language: what it is to write.
        settings: how many tools are few.
    """
    hits = await directory.search(command, limit=_FITTING)
    listed = all_signatures(modules(tools.names, language), tools.known(), settings, language)
    return _template(f"{language}.md.jinja").render(
        named=listed is not None,
        tools=listed or offered(hits, tools.known(), modules(tools.names, language), language),
        servers=_servers(tools),
        example=worked_example(hits, language),
    )


def direct_prompt(tools: Tools, *, searchable: bool) -> str:
    """Return the instructions for a model that calls the tools itself."""
    return _template("direct.md.jinja").render(searchable=searchable, servers=_servers(tools))


def _servers(tools: Tools) -> str:
    names = sorted(tools.names)
    return f"{len(names)} servers" if len(names) > _SERVERS else ", ".join(names) or "no servers"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701 - the output is read by a model
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
