from collections.abc import Mapping

import pytest

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.discovery.directory import ToolDirectory
from underpass.errors import ServerNotFound, ServerUnavailable, ToolNotFound, ValidationFailed

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


async def test_categories_and_capabilities_are_counted_over_all_servers_or_one() -> None:
    directory = ToolDirectory(shelf())
    assert sum((await directory.categories()).values()) == 5
    assert (await directory.capabilities())["read"] == 2
    assert await directory.capabilities("time") == {"get": 1, "read": 1}
    assert sum((await directory.categories("my_git")).values()) == 2


async def test_a_search_can_be_narrowed_to_a_capability() -> None:
    directory = ToolDirectory(shelf())
    [category] = await directory.categories("time")
    hits = await directory.search("time show", capabilities=["read"], category=category)
    assert hits[0].id == "time::getTime"


@pytest.mark.parametrize(
    ("category", "capability", "hint"),
    [("qqqq", "read", "there are"), (None, "reed", "did you mean 'read'")],
)
async def test_an_unknown_category_or_capability_is_answered_with_the_known_ones(
    category: str | None, capability: str, hint: str
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await ToolDirectory(shelf()).search("show", category=category, capabilities=[capability])
    assert hint in caught.value.hint


async def test_the_tools_of_a_server_that_goes_away_are_found_no_longer() -> None:
    source = shelf()
    directory = ToolDirectory(source)
    assert await directory.search("git log") != []
    del source.tools["my-git"]
    assert await directory.search("git log") == []
    source.failing.add("time")
    assert await directory.search("time") == []
