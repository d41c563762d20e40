"""`underpass skills` with real servers: what they offer, and what runs on them become."""

import sys
from pathlib import Path

import pytest
from tests.cli.command_line import Finished, at_terminal, in_process, write_config
from tests.servers.catalogs import HOSTILE
from tests.skills.mcp.servers import CODE, draft, library

ROOT = Path(__file__).parents[2]
CHANGED = CODE.replace("Counts words.", "Counts all words.")


def own(cwd: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(cwd / "data"), "UNDERPASS_SKILLS_USER_FOLDER": ""}


def skills(cwd: Path, *arguments: str) -> Finished:
    return in_process("skills", *arguments, cwd=cwd, env=own(cwd))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose server ``peer`` offers the skill ``count-words``."""
    library(tmp_path / "peer").save(draft(), "project", "default")
    write_config(
        tmp_path,
        peer={
            "command": sys.executable,
            "args": ["-m", "tests.skills.mcp.peer", str(tmp_path / "peer")],
            "env": {"PYTHONPATH": str(ROOT)},
        },
    )
    return tmp_path


@pytest.mark.requirement("R46", "R47")
def test_what_a_server_offers_is_listed_taken_and_shown_as_changed_later(project: Path) -> None:
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
    library(project / "peer").save(draft(code=CHANGED), "project", "default")
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
