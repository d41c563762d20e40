"""The functions of discovery as a library user has them; programs and clients have the same."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.errors import ServerNotFound, ToolNotFound, ValidationFailed
from underpass.metrics import tokens

pytestmark = [pytest.mark.requirement("R21"), pytest.mark.anyio]

DISK = {"read_file": "Reads a file.", "write_file": "Writes a file.", "delete_file": "Deletes a file."}
MAIL = {"send_mail": "Sends a message.", "read_mail": "Reads a message."}


def server(name: str, tools: dict[str, str]) -> InMemoryUpstream:
    async def answer(_arguments: Any) -> ToolOutcome:
        return ToolOutcome()

    upstream = InMemoryUpstream(name)
    for tool, description in tools.items():
        schema = {"type": "object", "properties": {f"option{n}": {"type": "string"} for n in range(30)}}
        upstream.add(ToolDefinition(name, tool, description, input_schema=schema), answer)
    return upstream


@asynccontextmanager
async def opened(home: Path, **more: Any) -> AsyncGenerator[Underpass]:
    servers = {"my-disk": server("my-disk", DISK), "mail": server("mail", MAIL)} | more
    async with Underpass.open(servers, home=home) as up:
        yield up


async def test_one_query_finds_hits_and_several_find_groups_in_which_no_tool_comes_twice(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as up:
        hits = await up.search_tools("read a file", limit=2)
        groups = await up.search_tools(queries=["read a file", "delete a file", "read a file"], limit=3)
    assert hits[0].id == "my-disk::read_file"
    assert [group.query for group in groups] == ["read a file", "delete a file"]
    assert [group.tools[0].name for group in groups] == ["read_file", "delete_file"]
    names = [hit.id for group in groups for hit in group.tools]
    assert len(names) == len(set(names))
    assert "my-disk::delete_file" in groups[0].also


async def test_many_queries_share_a_bound_of_fifty_tools(tmp_path: Path) -> None:
    many = server("many", {f"show_{kind}_{n}": "Shows." for kind in "abcdefghijkl" for n in range(20)})
    async with opened(tmp_path, many=many) as up:
        groups = await up.search_tools(queries=[f"show {kind}" for kind in "abcdefghijkl"], limit=50)
    assert len(groups) == 12
    assert sum(len(group.tools) for group in groups) <= 50


async def test_filters_alone_list_what_they_leave_by_name(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        destructive = await up.search_tools("", capabilities=["destructive"])
        reading = await up.search_tools("", capabilities=["read"], limit=1)
        disk = await up.search_tools("", server="my_disk")
        [category] = await up.list_categories("mail")
        mail = await up.search_tools("", category=category, server="mail")
    assert [hit.id for hit in destructive] == ["my-disk::delete_file"]
    assert [hit.id for hit in reading] == ["mail::read_mail"]
    assert [hit.name for hit in disk] == ["delete_file", "read_file", "write_file"]
    assert [hit.name for hit in mail] == ["read_mail", "send_mail"]


@pytest.mark.requirement("R22", "R24")
async def test_detail_says_how_much_is_told_of_a_tool(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        [brief] = await up.search_tools("read a file", limit=1)
        [full] = await up.search_tools("read a file", limit=1, detail="full")
        [group] = await up.search_tools(queries=["read a file"], limit=1, detail="full")
        documented = await up.get_tool_documentation(["my_disk.readFile"], language="typescript")
        whole = await up.get_tool_documentation(["my-disk::read_file"], detail="full")
    assert "…" in brief.signature()
    assert "option29" in full.signature()
    assert "documentation" not in brief.to_dict()
    assert full.to_dict()["documentation"].startswith("# my_disk.read_file")
    assert "documentation" in group.to_dict("typescript")["tools"][0]
    assert 'from "mcp-servers"' in documented["my_disk.readFile"]
    assert tokens.count(documented["my_disk.readFile"]) <= 600
    assert "`option29`" in whole["my-disk::read_file"]


async def test_servers_are_listed_without_being_asked(tmp_path: Path) -> None:
    off = {"command": "x", "disabled": True}
    async with opened(tmp_path, off=off) as up:
        before = await up.list_servers()
        await up.search_tools("read", server="mail")
        after = await up.list_servers()
    assert [server["name"] for server in before] == ["my-disk", "mail"]
    assert [server["module"] for server in before] == ["my_disk", "mail"]
    assert [server["tools"] for server in before] == [None, None]
    assert [server["tools"] for server in after] == [None, 2]


@pytest.mark.requirement("R16")
async def test_wrong_names_are_errors_with_the_nearest_ones(tmp_path: Path) -> None:
    async with opened(tmp_path) as up:
        with pytest.raises(ServerNotFound) as server_error:
            await up.list_capabilities("mial")
        with pytest.raises(ToolNotFound) as tool_error:
            await up.get_tool_documentation(["mail.sned_mail"])
        with pytest.raises(ValidationFailed) as capability_error:
            await up.search_tools("x", capabilities=["destructiv"])
        with pytest.raises(ValidationFailed) as limit_error:
            await up.search_tools("x", limit=51)
    assert "'mail'" in server_error.value.hint
    assert "'send_mail'" in tool_error.value.hint
    assert "'destructive'" in capability_error.value.hint
    assert "from 1 to 50" in limit_error.value.message


async def test_an_argument_that_there_is_not_is_named_with_the_nearest() -> None:
    from underpass.discovery.request import DocumentationRequest, SearchRequest, server_of

    with pytest.raises(ValidationFailed) as search:
        SearchRequest.read({"querry": "x"})
    with pytest.raises(ValidationFailed) as documentation:
        DocumentationRequest.read({"names": ["a.b"], "xyz": 1})
    with pytest.raises(ValidationFailed) as listing:
        server_of("list_categories", {"servr": "x"})
    assert search.value.hint == "did you mean 'query'?"
    assert documentation.value.hint == "there are: names, detail, language"
    assert listing.value.hint == "did you mean 'server'?"
