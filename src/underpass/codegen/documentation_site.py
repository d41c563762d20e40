"""Documentation of many tools as linked pages of Markdown.

``index.md`` leads to a page for each server, category and capability, and these lead to a page for each
tool. Where a page is depends on the names of servers and tools alone, in every language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from underpass.catalog.definition import Finding, Listing, ToolDefinition
from underpass.codegen.calls import Language
from underpass.codegen.documentation import TITLES, ToolPath, document, first_sentence
from underpass.codegen.facts import ToolFacts
from underpass.codegen.header import MARKDOWN_HEADER
from underpass.codegen.markdown import code, inert_line
from underpass.codegen.names import Kind, identifiers
from underpass.codegen.observed import Observations, unobserved
from underpass.codegen.text import clean_line
from underpass.codegen.usable import usable_tools

_SUMMARY = 160
_INDEX: Final = "index"
_RESERVED = re.compile(r"con|prn|aux|nul|(?:com|lpt)\d", re.IGNORECASE)
_KINDS: Final[Mapping[Language, tuple[Kind, Kind]]] = {
    "python": ("server", "tool"),
    "typescript": ("namespace", "function"),
}


@dataclass(frozen=True, slots=True)
class _Page:
    """One tool of the site: where its page is, and what is known of it."""

    tool: ToolDefinition
    folder: str
    name: str
    facts: ToolFacts

    @property
    def address(self) -> str:
        """The page's address, relative to the site."""
        return quote(f"{self.folder}/{self.name}.md")


class DocumentationSite:
    """The pages for the tools of many servers.

    Parameters:
        servers: the tools of each server by the server's configured name.
        languages: of signatures and examples; the first gives names and types of parameters as well.
        observed: finds what earlier results looked like, for tools that declare none.
    """

    def __init__(
        self,
        servers: Mapping[str, Listing | Sequence[ToolDefinition]],
        languages: Sequence[Language] = ("python",),
        *,
        observed: Observations = unobserved,
    ) -> None:
        self._languages = languages
        self._observed = observed
        self._tools: dict[str, dict[str, ToolDefinition]] = {}
        findings: list[Finding] = []
        for server in sorted(servers):
            listing = servers[server]
            tools = listing.tools if isinstance(listing, Listing) else listing
            usable, left_out = usable_tools(server, tools)
            self._tools[server] = {name: usable[name] for name in sorted(usable)}
            findings += left_out
        self.findings = tuple(findings)
        """The tools that have no page, and why."""
        self._packages: dict[Language, dict[str, str]] = {
            language: identifiers(self._tools, _KINDS[language][0]) for language in languages
        }
        self.folders = folders(self._tools)
        """The folder of each server's pages, by its configured name."""

    @property
    def tools(self) -> Iterator[ToolDefinition]:
        """All tools that have a page."""
        return (tool for tools in self._tools.values() for tool in tools.values())

    def files(self, facts: Callable[[ToolDefinition], ToolFacts]) -> dict[str, str]:
        """Return the text of every page by its path; the same definitions give the same bytes.

        Parameters:
            facts: category, capabilities and related tools of each.
        """
        pages: dict[str, _Page] = {}
        for server, tools in self._tools.items():
            names = _stems(identifiers(tools, "tool"))
            for name, tool in tools.items():
                pages[tool.id] = _Page(tool, self.folders[server], names[name], facts(tool))
        return {path: f"{MARKDOWN_HEADER}\n\n{text}" for path, text in self._files(pages)}

    def _files(self, pages: Mapping[str, _Page]) -> Iterator[tuple[str, str]]:
        paths = {language: self._paths(language) for language in self._languages}
        first, *others = self._languages
        name = paths[first]
        by_group: dict[tuple[str, str], list[_Page]] = {}
        for page in pages.values():
            by_group.setdefault(("category", page.facts.category or "other"), []).append(page)
            for capability in page.facts.capabilities:
                by_group.setdefault(("capability", capability), []).append(page)
            yield (
                f"{page.folder}/{page.name}.md",
                document(
                    page.tool,
                    first,
                    detail="full",
                    facts=page.facts,
                    path=name,
                    also={language: paths[language] for language in others},
                    link=partial(_link, pages),
                    observed=self._observed(page.tool),
                ),
            )
        for server, tools in self._tools.items():
            shown = [pages[tool.id] for tool in tools.values()]
            yield f"{self.folders[server]}/{_INDEX}.md", self._server(server, shown, name)
        for (kind, group), members in by_group.items():
            lines = [_line(page, name, "") for page in members]
            heading = f"# {kind.capitalize()}: {group}"
            yield (
                f"{kind}-{group}.md",
                _page(heading, _up(""), f"{_count(len(members), 'tool')}.", "\n".join(lines)),
            )
        yield f"{_INDEX}.md", self._index(pages, by_group)

    def _paths(self, language: Language) -> ToolPath:
        kind = _KINDS[language][1]
        packages = self._packages[language]
        functions = {server: identifiers(tools, kind) for server, tools in self._tools.items()}
        return lambda tool: f"{packages[tool.server]}.{functions[tool.server][tool.name]}"

    def _server(self, server: str, pages: Sequence[_Page], name: ToolPath) -> str:
        return _page(
            f"# {inert_line(server, 100)}",
            _up("../"),
            "\n".join(self._imports(server)),
            "## Tools",
            "\n".join(_line(page, name, "../") for page in pages) or "None.",
        )

    def _imports(self, server: str) -> Iterator[str]:
        for language, packages in self._packages.items():
            yield f"- {TITLES[language]}: {code(_import(language, packages[server]))}"

    def _index(self, pages: Mapping[str, _Page], by_group: Mapping[tuple[str, str], Sequence[_Page]]) -> str:
        servers = [
            f"- [{code(clean_line(server, 100))}]({address}/{_INDEX}.md): {_count(len(tools), 'tool')}"
            for server, tools in self._tools.items()
            for address in [quote(self.folders[server])]
        ]
        groups = {
            kind: [
                f"- [{group}]({quote(f'{kind}-{group}')}.md): {_count(len(members), 'tool')}"
                for (known, group), members in sorted(
                    by_group.items(), key=lambda item: (-len(item[1]), item[0])
                )
                if known == kind
            ]
            for kind in ("category", "capability")
        }
        return _page(
            "# Tools",
            f"{_count(len(pages), 'tool')} of {_count(len(servers), 'server')}.",
            "## Servers",
            "\n".join(servers) or "None.",
            "## Categories",
            "\n".join(groups["category"]) or "None.",
            "## Capabilities",
            "\n".join(groups["capability"]) or "None.",
        )


def folders(servers: Iterable[str]) -> dict[str, str]:
    """Return the folder of each server's pages, by its configured name."""
    return _stems(identifiers(servers, "server"))


def _stems(names: Mapping[str, str]) -> dict[str, str]:
    """Return names that files can have everywhere. No identifier ends so otherwise, but a keyword."""
    return {
        original: f"{name}_" if name.casefold() == _INDEX or _RESERVED.fullmatch(name) else name
        for original, name in names.items()
    }


def _import(language: Language, package: str) -> str:
    if language == "python":
        return f"from mcp_servers import {package}"
    return f'import {{ {package} }} from "mcp-servers";'


def _link(pages: Mapping[str, _Page], tool: ToolDefinition) -> str:
    return f"../{pages[tool.id].address}"


def _line(page: _Page, name: ToolPath, up: str) -> str:
    said = page.tool.description or page.tool.title or ""
    summary = inert_line(first_sentence(said), _SUMMARY)
    return f"- [{code(name(page.tool))}]({up}{page.address}){': ' if summary else ''}{summary}"


def _up(up: str) -> str:
    return f"[All servers, categories and capabilities]({up}{_INDEX}.md)"


def _page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
