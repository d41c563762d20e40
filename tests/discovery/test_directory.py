from collections.abc import Mapping

import pytest

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.discovery.directory import ToolDirectory
from underpass.errors import ServerNotFound, ServerUnavailable, ToolNotFound

pytestmark = [pytest.mark.requirement("R21"), pytest.mark.anyio]


class Shelf:
    """Listings without servers; remembers what was asked for."""

    def __init__(self, **tools: list[str]) -> None:
        self.tools = tools
        self.asked: list[str] = []
        self.failing: set[str] = set()
        self._kept: dict[str, Listing] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.tools)

    async def listing(self, server: str) -> Listing:
        self.asked.append(server)
        if server in self.failing:
            raise ServerUnavailable(f"{server} is down")
        definitions = tuple(ToolDefinition(server, name) for name in self.tools[server])
        return self._kept.setdefault(server, Listing(definitions))

    async def listings(self) -> Mapping[str, Listing | ServerUnavailable]:
        found: dict[str, Listing | ServerUnavailable] = {}
        for name in self.names:
            try:
                found[name] = await self.listing(name)
            except ServerUnavailable as error:
                found[name] = error
        return found

    def change(self, server: str, *tools: str) -> None:
        self.tools[server] = list(tools)
        self._kept.pop(server, None)


def shelf() -> Shelf:
    return Shelf(**{"my-git": ["git.log", "git_show"], "time": ["getTime"], "a.b": ["c", "d.e"]})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my-git::git_show", "my-git::git_show"),
        ("my-git.git_show", "my-git::git_show"),
        ("my_git.git_show", "my-git::git_show"),
        ("my-git.git.log", "my-git::git.log"),
        ("my_git.git_log", "my-git::git.log"),
        ("time.get_time", "time::getTime"),
        ("time.getTime", "time::getTime"),
        ("a.b.c", "a.b::c"),
        ("a.b.d.e", "a.b::d.e"),
    ],
)
async def test_a_tool_is_found_by_its_own_name_and_by_the_name_in_generated_code(
    name: str, expected: str
) -> None:
    assert (await ToolDirectory(shelf()).tool(name)).id == expected


async def test_an_unknown_tool_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(ToolNotFound) as caught:
        await ToolDirectory(shelf()).tool("my-git.git_shwo")
    assert "git_show" in caught.value.hint


async def test_an_unknown_server_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(ServerNotFound) as caught:
        await ToolDirectory(shelf()).tool("my-gti.git_show")
    assert "my-git" in caught.value.hint


async def test_a_name_without_a_server_is_answered_with_how_to_write_it() -> None:
    with pytest.raises(ServerNotFound) as caught:
        await ToolDirectory(shelf()).tool("git_show")
    assert "server.tool" in caught.value.hint


async def test_a_search_in_one_server_asks_that_server_alone() -> None:
    source = shelf()
    hits = await ToolDirectory(source).search("show", server="my_git")
    assert [hit.id for hit in hits] == ["my-git::git_show", "my-git::git.log"]
    assert source.asked == ["my-git"]


async def test_a_server_that_is_down_hides_no_other_in_a_search() -> None:
    source = shelf()
    source.failing.add("time")
    directory = ToolDirectory(source)
    assert [hit.id for hit in await directory.search("show")] == ["my-git::git_show"]
    with pytest.raises(ServerUnavailable):
        await directory.search("time", server="time")


async def test_a_search_sees_a_changed_listing() -> None:
    source = shelf()
    directory = ToolDirectory(source)
    assert await directory.search("zebra") == []
    source.change("time", "zebra")
    assert [hit.id for hit in await directory.search("zebra")] == ["time::zebra"]
