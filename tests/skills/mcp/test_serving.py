import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND, Request, Result
from pydantic import ConfigDict
from tests.skills.mcp.servers import draft, library

from underpass.catalog.requests import SKILLS
from underpass.skills.mcp.served import PAGE
from underpass.skills.mcp.serving import serve_skills

pytestmark = [pytest.mark.requirement("R46"), pytest.mark.anyio]


class Anything(Result):
    model_config = ConfigDict(extra="allow")


def server_of(place: Path) -> Server[Any]:
    server = Server[Any]("peer")
    serve_skills(server, library(place))
    return server


def client_of(place: Path, **more: Any) -> Client:
    return Client(server_of(place), extensions=[advertise(SKILLS)], cache=None, **more)


async def ask(client: Client, method: str, **params: Any) -> dict[str, Any]:
    request = Request[dict[str, Any], str](method=method, params=params)
    return (await client.session.send_request(request, Anything)).model_dump(by_alias=True, exclude_none=True)


async def content_of(client: Client, uri: str) -> bytes:
    [part] = (await client.read_resource(uri)).contents
    found = part.model_dump()
    return found["text"].encode() if found.get("text") is not None else base64.b64decode(found["blob"])


async def test_the_active_skills_of_project_and_user_are_offered_with_all_their_files(tmp_path: Path) -> None:
    skills = library(tmp_path)
    skills.save(draft(), "project", "default")
    skills.save(draft("from-the-user"), "user", "default")
    skills.save(draft("of-an-agent"), "agent", "default")
    skills.save(draft("in-review"), "project", "default", status="review")
    skills.save(draft("archived"), "project", "default", status="archived")
    async with client_of(tmp_path) as client:
        assert (client.server_capabilities.extensions or {})[SKILLS] == {"directoryRead": True}
        assert client.server_capabilities.resources is not None
        listed = await ask(client, "skills/list")
        assert [entry["frontmatter"]["name"] for entry in listed["skills"]] == [
            "count-words",
            "from-the-user",
        ]
        assert (listed["resultType"], listed["cacheScope"]) == ("complete", "private")
        assert isinstance(listed["ttlMs"], int)
        entry = listed["skills"][0]
        assert entry["uri"] == "skill://count-words/SKILL.md"
        paths = [each["uri"].removeprefix("skill://count-words/") for each in entry["resources"]]
        assert paths == ["SKILL.md", "assets/cases.json", "scripts/count_words.py"]
        for each in entry["resources"]:
            content = await content_of(client, each["uri"])
            assert each["size"] == len(content)
            assert each["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert (await ask(client, "skills/get", uri=entry["uri"]))["skill"] == entry


async def test_a_client_of_an_older_revision_reads_skills_as_ordinary_resources(tmp_path: Path) -> None:
    library(tmp_path).save(draft(), "project", "default")
    async with client_of(tmp_path, mode="legacy") as client:
        [resource] = (await client.list_resources()).resources
        assert (resource.name, resource.mime_type) == ("count-words", "text/markdown")
        assert (await content_of(client, str(resource.uri))).startswith(b"---\nname: count-words\n")
        for method in ("skills/list", "skills/get", "resources/directory/read"):
            with pytest.raises(MCPError) as caught:
                await ask(client, method, uri=str(resource.uri))
            assert caught.value.code == METHOD_NOT_FOUND


async def test_folders_of_a_skill_can_be_listed(tmp_path: Path) -> None:
    library(tmp_path).save(draft(), "project", "default")
    async with client_of(tmp_path) as client:
        top = await ask(client, "resources/directory/read", uri="skill://count-words")
        assert [(each["name"], each["mimeType"]) for each in top["resources"]] == [
            ("SKILL.md", "text/markdown"),
            ("assets", "inode/directory"),
            ("scripts", "inode/directory"),
        ]
        inner = await ask(client, "resources/directory/read", uri="skill://count-words/scripts")
        assert [each["uri"] for each in inner["resources"]] == ["skill://count-words/scripts/count_words.py"]


@pytest.mark.parametrize(
    "uri",
    [
        "skill://nobody/SKILL.md",
        "skill://count-words",
        "skill://count-words/../../secret",
        "skill://count-words/scripts/../SKILL.md",
        "skill://count-words/%2e%2e/secret",
        "skill://../secret/SKILL.md",
        "skill:///etc/passwd",
        "file:///etc/passwd",
        "file:/etc/passwd",
        "skill://count-words/SKILL.md?x=1",
    ],
)
async def test_no_uri_leads_out_of_a_skill(tmp_path: Path, uri: str) -> None:
    (tmp_path / "secret").write_text("secret")
    library(tmp_path).save(draft(), "project", "default")
    async with client_of(tmp_path) as client:
        for method in ("resources/read", "skills/get"):
            with pytest.raises(MCPError) as caught:
                await ask(client, method, uri=uri)
            assert caught.value.code == INVALID_PARAMS


async def test_a_folder_that_is_no_skill_is_no_directory_resource(tmp_path: Path) -> None:
    library(tmp_path).save(draft(), "project", "default")
    async with client_of(tmp_path) as client:
        for uri in ("skill://count-words/SKILL.md", "skill://nobody", "skill://", "skill://count-words/"):
            with pytest.raises(MCPError):
                await ask(client, "resources/directory/read", uri=uri)


async def test_what_was_changed_or_replaced_by_a_link_after_approval_is_not_offered(tmp_path: Path) -> None:
    skill = library(tmp_path).save(draft(), "project", "default")
    script = skill.folder / "scripts" / "count_words.py"
    async with client_of(tmp_path) as client:
        assert len((await ask(client, "skills/list"))["skills"]) == 1
        script.write_text(script.read_text() + "\n# more\n")
        with pytest.raises(MCPError):
            await ask(client, "skills/get", uri="skill://count-words/SKILL.md")
        with pytest.raises(MCPError):
            await content_of(client, "skill://count-words/scripts/count_words.py")
        secret = tmp_path / "secret"
        secret.write_text("secret")
        script.unlink()
        script.symlink_to(secret)
        with pytest.raises(MCPError):
            await content_of(client, "skill://count-words/scripts/count_words.py")


async def test_pages_give_every_skill_once_and_a_made_up_cursor_is_refused(tmp_path: Path) -> None:
    skills = library(tmp_path)
    names = [f"skill-{number:03}" for number in range(PAGE + 5)]
    for name in names:
        skills.save(draft(name), "project", "default")
    async with client_of(tmp_path) as client:
        found: list[str] = []
        params: dict[str, Any] = {}
        while True:
            page = await ask(client, "skills/list", **params)
            found += [entry["frontmatter"]["name"] for entry in page["skills"]]
            if "nextCursor" not in page:
                break
            params = {"cursor": page["nextCursor"]}
        assert found == names
        with pytest.raises(MCPError):
            await ask(client, "skills/list", cursor="../x")
