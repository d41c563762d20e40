"""Documentation of many tools as linked pages."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from tests.codegen.corpus import corpus
from tests.codegen.definitions import of, tool
from tests.codegen.hostile import hostile_tools

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.calls import Language
from underpass.codegen.documentation_site import DocumentationSite
from underpass.codegen.package import write_package
from underpass.discovery import ToolIndex
from underpass.discovery.facts import tool_facts

pytestmark = pytest.mark.requirement("R22")

BOTH: tuple[Language, ...] = ("python", "typescript")
SERVERS = {
    "my-git": [
        tool("git_log", of(count={"type": "integer"}), server="my-git", description="Shows the commit log."),
        tool("git_diff", server="my-git", description="Shows the commit diff."),
    ],
    "wiki": [tool("search", server="wiki", description="Finds pages.")],
}


def pages(
    servers: Mapping[str, Listing | Sequence[ToolDefinition]], languages: Sequence[Language] = ("python",)
) -> dict[str, str]:
    site = DocumentationSite(servers, languages)
    index = ToolIndex.build(site.tools)
    return site.files(lambda known: tool_facts(index, known))


def links(path: str, text: str) -> list[str]:
    """The paths, relative to the site, that a page's links lead to."""
    tokens = [child for block in MarkdownIt("commonmark").parse(text) for child in block.children or ()]
    targets = [unquote(str(token.attrs["href"])) for token in tokens if token.type == "link_open"]
    folder = PurePosixPath(path).parent
    resolved: list[str] = []
    for target in targets:
        parts = [*folder.parts]
        for part in target.split("/"):
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        resolved.append("/".join(parts))
    return resolved


def test_an_index_leads_to_servers_categories_and_capabilities_and_these_to_tools() -> None:
    files = pages(SERVERS)

    assert {"index.md", "my_git/index.md", "my_git/git_log.md", "my_git/git_diff.md", "wiki/search.md"} < {
        *files
    }
    index = files["index.md"]
    assert "3 tools of 2 servers." in index
    assert "- [`my-git`](my_git/index.md): 2 tools\n" in index
    assert "- [read](capability-read.md): 3 tools\n" in index
    assert "category-version-control.md" in index
    assert "- [`my_git.git_log`](my_git/git_log.md): Shows the commit log.\n" in files["capability-read.md"]
    server = files["my_git/index.md"]
    assert "# my-git\n" in server
    assert "- Python: `from mcp_servers import my_git`\n" in server
    assert "- [`my_git.git_diff`](../my_git/git_diff.md): Shows the commit diff.\n" in server
    assert (
        "- [`my_git.git_diff`](../my_git/git_diff.md): Shows the commit diff.\n" in files["my_git/git_log.md"]
    )


def test_a_page_for_both_languages_has_a_call_in_each() -> None:
    page = pages(SERVERS, BOTH)["my_git/git_log.md"]

    assert "```python\ngit_log(*, count: int = ...) -> Any\n```" in page
    assert "## In TypeScript\n\n```typescript\ngitLog({ count?: number }): Promise<unknown>\n```" in page
    assert "const result = await myGit.gitLog({ count: 10 });" in page
    assert page.index("## In TypeScript") < page.index("## See also")
    assert "`myGit.gitLog`" in pages(SERVERS, ["typescript"])["my_git/index.md"]


def test_the_same_definitions_give_the_same_bytes_in_any_order() -> None:
    backwards = {name: SERVERS[name][::-1] for name in reversed(SERVERS)}

    assert list(pages(SERVERS, BOTH).items()) == list(pages(backwards, BOTH).items())


@pytest.mark.requirement("R08")
def test_file_names_are_distinct_and_usable_everywhere_and_every_link_leads_somewhere() -> None:
    names = [
        "index",
        "Index",
        "CON",
        "nul",
        "a/b",
        "../../x",
        "..",
        "名前",
        "Straße",
        "STRASSE",
        "x" * 900,
        "a b",
    ]
    tools = [tool(name, server="s", description="Reads files.") for name in names]
    servers = {
        **dict.fromkeys(("aux", "index", "A", "a", "../up", "名", "[x](y)", "``` <b>"), tools),
        "hostile": list(hostile_tools().values()),
    }
    files = pages(servers)

    assert len({path.casefold() for path in files}) == len(files)
    assert sum(path.endswith("/index.md") for path in files) == len(servers)
    for path, text in files.items():
        parts = path.removesuffix(".md").split("/")
        assert len(parts) <= 2
        for part in parts:
            assert re.fullmatch(r"[\w-]+", part)
            assert len(part.encode()) < 200
            assert not re.fullmatch(r"(?i)con|prn|aux|nul|(com|lpt)\d", part)
        assert {*links(path, text)} <= files.keys(), path


def test_pages_of_tools_that_are_gone_are_removed_and_other_files_are_not(tmp_path: Path) -> None:
    write_package(pages(SERVERS), tmp_path)
    mine = [tmp_path / "notes.md", tmp_path / "my_git" / "notes.md", tmp_path / "wiki" / "plan.md"]
    for file in mine:
        file.write_text("# Mine\n")
    before = {file: file.read_bytes() for file in mine}
    fewer = {"my-git": SERVERS["my-git"][:1]}

    changed = write_package(pages(fewer), tmp_path)
    again = write_package(pages(fewer), tmp_path)

    assert {"my_git/git_diff.md", "wiki/index.md", "wiki/search.md"} <= {*changed.removed}
    assert not (tmp_path / "my_git" / "git_diff.md").exists()
    assert {file: file.read_bytes() for file in mine} == before
    assert (again.written, again.removed) == ((), ())


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_every_tool_of_the_corpus_has_a_page_with_every_section(step: int) -> None:
    servers = {name: corpus()[name] for name in sorted(corpus())[::step]}
    files = pages(servers, BOTH)
    tools = [path for path in files if "/" in path and not path.endswith("/index.md")]

    assert len(tools) == sum(len(listing.tools) for listing in servers.values())
    for path in tools:
        headings = re.findall(r"^## (.+)$", files[path], re.MULTILINE)
        assert headings[:4] == ["Parameters", "Returns", "Example", "In TypeScript"], path
        assert headings[4:] in ([], ["See also"]), path
        assert re.search(r"^Category: [\w-]+", files[path], re.MULTILINE), path
        assert {*links(path, files[path])} <= files.keys(), path
