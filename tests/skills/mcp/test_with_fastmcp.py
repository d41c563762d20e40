"""Against another implementation of the extension, in an environment of its own."""

import json
import sys
from pathlib import Path

import anyio
import pytest
from tests.patience import LONG
from tests.skills.mcp.servers import CODE, draft, library

from underpass.bench.fastmcp_environment import interpreter
from underpass.catalog.catalog import Catalog
from underpass.config import ServerSettings
from underpass.errors import ServerUnavailable
from underpass.skills.mcp.offers import SkillOffers

pytestmark = [pytest.mark.requirement("R46"), pytest.mark.anyio, pytest.mark.slow]

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def fastmcp() -> str:
    try:
        found = interpreter(install=True)
    except ServerUnavailable as error:
        pytest.skip(f"FastMCP cannot be had here: {error.message}")
    assert found is not None
    return str(found)


async def test_skills_of_a_fastmcp_server_are_listed_approved_and_refused_when_they_change(
    tmp_path: Path, fastmcp: str
) -> None:
    folder = library(tmp_path / "peer").save(draft(), "project", "default").folder
    server = {"command": fastmcp, "args": [str(HERE / "fastmcp_server.py"), str(folder.parent)]}
    own = library(tmp_path / "own")
    async with Catalog({"peer": server}, settings=ServerSettings(start_timeout=LONG)) as catalog:
        offers = SkillOffers(catalog, own, tmp_path / "state")
        listing = await offers.list()
        assert not listing.problems
        [found] = listing.skills
        assert (await offers.get("peer", found.offer.uri)).offer == found.offer
        skill = await offers.approve("peer", found.offer.uri, found.offer.digest)
        assert (skill.name, skill.draft.code) == ("count-words", CODE)
        script = folder / "scripts" / "count_words.py"
        script.write_text(script.read_text() + "# more\n")
        [changed] = (await offers.list()).skills
        assert changed.state == "changed"
        assert [each.split(" has")[0] for each in changed.differences] == ["scripts/count_words.py"]


async def test_a_fastmcp_client_lists_gets_and_verifies_the_skills_that_serve_offers(
    tmp_path: Path, fastmcp: str
) -> None:
    (tmp_path / "servers.json").write_text('{"mcpServers": {}}')
    library(tmp_path).save(draft(), "project", "default")
    given = {
        "command": sys.executable,
        "args": ["-c", "from underpass.cli.main import main; main()", "serve", "--config", "servers.json"],
        "environ": {"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)},
        "cwd": str(tmp_path),
    }
    with anyio.fail_after(LONG):
        done = await anyio.run_process([fastmcp, str(HERE / "fastmcp_client.py"), json.dumps(given)])
    [skill] = json.loads(done.stdout)
    assert skill["frontmatter"]["name"] == "count-words"
    assert skill["same"]
    assert list(skill["files"].values()) == [True, True, True]
