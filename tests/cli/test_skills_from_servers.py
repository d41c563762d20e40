"""`underpass skills` with real servers: what they offer, and what runs on them become."""

import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.cli.command_line import Finished, at_terminal, in_process, write_config
from tests.servers.catalogs import HOSTILE
from tests.skills.mcp.peer import peer_over_http
from tests.skills.mcp.servers import CODE, draft, library

CHANGED = CODE.replace("Counts words.", "Counts all words.")


def own(cwd: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(cwd / "data"), "UNDERPASS_SKILLS_USER_FOLDER": ""}


def skills(cwd: Path, *arguments: str) -> Finished:
    return in_process("skills", *arguments, cwd=cwd, env=own(cwd))


@pytest.fixture(scope="module")
def offering(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, str]]:
    """The folder of a library, and where a server offers what is in it."""
    folder = tmp_path_factory.mktemp("peer")
    with peer_over_http(folder) as url:
        yield folder, url


@pytest.fixture
def peer(offering: tuple[Path, str]) -> Path:
    """The folder of what is offered: the skill ``count-words``."""
    folder, _ = offering
    for each in folder.iterdir():
        shutil.rmtree(each)
    library(folder).save(draft(), "project", "default")
    return folder


@pytest.fixture
def project(tmp_path: Path, peer: Path, offering: tuple[Path, str]) -> Path:
    """A project with the server ``peer``."""
    assert peer == offering[0]
    write_config(tmp_path, peer={"url": offering[1]})
    return tmp_path


@pytest.mark.requirement("R46", "R47")
def test_what_a_server_offers_is_listed_taken_and_shown_as_changed_later(project: Path, peer: Path) -> None:
    asking = ("skills", "import", "count_words", "--from", "peer")
    status, looked = at_terminal(*asking, cwd=project, env=own(project), typed="n\n")
    assert status == 0
    for part in (
        "of server peer, offered",
        "scripts/count_words.py, ",
        "Take it, as it is",
        "nothing was taken",
    ):
        assert part in looked
    taken = skills(project, "import", "count-words", "--from", "peer", "--yes", "--json").json
    assert (taken["offer"]["state"], taken["skill"]["scope"]) == ("offered", "project")
    assert taken["offer"]["digest"] in looked, "the approval is for what was shown"
    library(peer).save(draft(code=CHANGED), "project", "default")
    listed = skills(project, "list", "--offered", "--json").json
    assert [(each["name"], each["state"]) for each in listed["offered"]] == [("count-words", "changed")]
    assert "scripts/count_words.py has changed" in str(listed["offered"][0]["differences"])
    assert len(listed["skills"]) == 1


@pytest.mark.slow
def test_what_a_person_agrees_to_is_taken_and_nothing_without_one(project: Path) -> None:
    arguments = ("import", "count-words", "--from", "peer")
    alone = skills(project, *arguments).stdout
    assert "async def count_words" in alone
    assert "nothing was taken" in alone
    status, shown = at_terminal("skills", *arguments, cwd=project, env=own(project), typed="y\n")
    assert (status, "was taken from peer" in shown) == (0, True)
    assert "count-words  peer    approved" in skills(project, "list", "--offered").stdout
    assert skills(project, "run", "count-words", "--arg", "text=a b", "--json").json["value"] == 2


@pytest.mark.slow
def test_what_is_not_offered_is_told(project: Path) -> None:
    assert "did you mean 'count-words'" in skills(project, "import", "count-word", "--from", "peer").stderr
    assert "no server is named 'pear'" in skills(project, "import", "count-words", "--from", "pear").stderr
    assert skills(project, "import", "count-words").status == 2
    assert skills(project, "import", "peer", "--yes").status == 2
    assert "no skills yet" in skills(project, "list", "--offered").stdout
    by_uri = skills(project, "import", "skill://count-words/SKILL.md", "--from", "peer", "--json")
    assert by_uri.json["offer"]["name"] == "count-words"


IN_TYPESCRIPT = """
import { hostile } from "mcp-servers";
const word = "first";
const heard = await hostile.echo({ value: word });
return { heard: heard.value };
"""


@pytest.mark.slow
@pytest.mark.requirement("R45", "R46")
def test_a_skill_in_typescript_is_run_from_a_shell_as_one_in_python(tmp_path: Path) -> None:
    write_config(tmp_path, hostile={"command": sys.executable, "args": [str(HOSTILE)]})
    run = in_process(
        "run", "-c", IN_TYPESCRIPT, "--language", "typescript", "--json", cwd=tmp_path, env=own(tmp_path)
    )
    assert skills(tmp_path, "save", run.json["run"], "--name", "hear-it").status == 0, run.stdout
    asked = [
        skills(tmp_path, "run", "hear-it", *arguments)
        for arguments in (("--arg", "word=12"), ("--args", '{"word": "given"}'), (), ("--arg", "wort=x"))
    ]
    assert [each.status for each in asked] == [0, 0, 0, 1]
    heard = [each.stdout for each in asked[:3]]
    # What the function takes as a text stays one.
    words = ("12", "given", "first")
    assert all(f'"heard": "{word}"' in out for word, out in zip(words, heard, strict=True))
    assert "hearIt has no parameter 'wort'" in asked[3].stderr
    shown = (tmp_path / "skills" / "hear-it" / "SKILL.md").read_text()
    assert "```sh\nunderpass skills run hear-it\n```" in shown
    both = in_process("tools", "hear an echo", "--skills", "--json", cwd=tmp_path, env=own(tmp_path)).json
    assert [each["import"] for each in both if "import" in each] == [
        'import { hearIt } from "skills/hear-it";'
    ]
    assert "hostile::echo" in [each.get("id") for each in both]
    alone = in_process("tools", "--skills", cwd=tmp_path, env=own(tmp_path))
    assert (alone.status, "goes with a QUERY" in alone.stderr) == (2, True)


@pytest.mark.requirement("R46", "R48")
def test_a_run_becomes_a_skill_that_is_run_and_whose_use_is_shown(tmp_path: Path) -> None:
    write_config(tmp_path, hostile={"command": sys.executable, "args": [str(HOSTILE)]})
    code = """
from mcp_runtime import call_tool
word = "{}"
heard = await call_tool("hostile", "echo", {{"value": word}})
{{"heard": heard["value"]}}
"""
    runs = [
        in_process("run", "-c", code.format(word), "--json", cwd=tmp_path, env=own(tmp_path)).json
        for word in ("first", "second")
    ]
    assert [run["value"] for run in runs] == [{"heard": "first"}, {"heard": "second"}]
    saved = skills(tmp_path, "save", runs[0]["run"], "--name", "hear-it", "--json")
    assert (saved.status, saved.json["status"]) == (0, "active"), saved.stderr
    facts = skills(tmp_path, "show", "hear-it", "--json").json
    assert (list(facts["tools"]), facts["cases"]) == (["hostile.echo"], 2)
    assert facts["signature"].startswith("async def hear_it(word: str")
    ran = skills(tmp_path, "run", "hear-it", "--arg", "word=third", "--json")
    assert ran.json["value"] == {"heard": "third"}, ran.stderr
    shown = skills(tmp_path, "show", "hear-it")
    assert "total uses   1" in shown.stdout
    assert "success rate 100%" in shown.stdout
    unknown = skills(tmp_path, "save", "no-such-run", "--name", "other")
    assert (unknown.status, "underpass runs" in unknown.stderr) == (1, True)
