"""`underpass skills`, as a person uses it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.command_line import Finished, in_process, underpass
from tests.skills.library.drafts import typescript_draft

from underpass.config import SkillSettings
from underpass.skills.library.library import SkillLibrary
from underpass.skills.skill import Case, SkillDraft

CODE = '''"""Counts."""


async def count_words(text: str, *, factor: int = 1) -> dict[str, int]:
    """Count the words of a text."""
    return {"words": len(text.split()) * factor}
'''
DRAFT = SkillDraft(
    "count-words", "Counts the words of a text.", "python", CODE, "count_words",
    cases=(Case({"text": "a b"}, (), {"words": 2}),), pitfalls="- An empty text.",
)  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path) -> SkillLibrary:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {}}')
    return SkillLibrary(
        tmp_path / ".underpass", SkillSettings(), environ={"XDG_DATA_HOME": str(tmp_path / "data")}
    )


def skills(cwd: Path, *arguments: str | Path) -> Finished:
    return in_process("skills", *arguments, cwd=cwd, env=own(cwd))


def own(cwd: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(cwd / "data"), "UNDERPASS_SKILLS_USER_FOLDER": ""}


@pytest.mark.requirement("R46")
def test_skills_are_listed_shown_and_run(tmp_path: Path, shelf: SkillLibrary) -> None:
    assert "no skills yet" in underpass("skills", "list", cwd=tmp_path, env=own(tmp_path)).stdout
    assert "no skill to verify" in skills(tmp_path, "verify").stdout
    shelf.save(DRAFT, "project", "default")
    shelf.save(DRAFT, "user", "default")
    ran = skills(tmp_path, "run", "count_words", "--arg", "text=2 3", "--arg", "factor=4", "--json")
    assert (ran.status, ran.json["value"]) == (0, {"words": 8}), ran.stderr
    listed = skills(tmp_path, "list")
    assert "hides user" in listed.stdout
    assert skills(tmp_path, "list", "--json").json["skills"][0]["usage"]["uses"] == 1
    shown = skills(tmp_path, "show", "count-words", "--code").stdout
    assert all(
        each in shown
        for each in (
            "async def count_words(text: str",
            "1 recorded case",
            "hides        the user's",
            "success rate 100%",
            "An empty text",
            "return {",
        )
    )
    facts = skills(tmp_path, "show", "count-words", "--json").json
    assert (facts["hides"], facts["cases"], facts["usage"]["uses"]) == (["user"], 1, 1)


def test_what_fails_says_what_to_do(tmp_path: Path, shelf: SkillLibrary) -> None:
    shelf.save(DRAFT, "project", "default")
    missing = skills(tmp_path, "show", "count-word")
    assert (missing.status, "did you mean 'count-words'" in missing.stderr) == (1, True)
    assert skills(tmp_path, "run", "count-words", "--arg", "text").status == 2
    assert skills(tmp_path, "run", "count-words", "--args", "[1]").status == 2
    assert skills(tmp_path, "run", "count-words").status == 1
    assert skills(tmp_path, "review", "count-words").status == 1
    assert skills(tmp_path, "review", "--approve").status == 2


@pytest.mark.requirement("R47")
def test_somebody_s_skill_is_imported_reviewed_and_approved(tmp_path: Path, shelf: SkillLibrary) -> None:
    shelf.save(DRAFT, "user", "default")
    exported = skills(tmp_path, "export", "out", "--usage", "--json").json["folders"]
    assert exported == ["out/count-words"]
    folder = tmp_path / "out" / "count-words"
    assert "## Usage history\n\n- Total uses: 0" in (folder / "SKILL.md").read_text()
    validator = str(Path(sys.executable).with_name("agentskills"))
    assert subprocess.run([validator, "validate", folder], check=False).returncode == 0
    assert "already" in skills(tmp_path, "export", "out").stderr
    (folder / "LICENSE").write_text("free")
    imported = skills(tmp_path, "import", "out/count-words")
    assert "waits for approval" in imported.stdout
    assert "not taken: LICENSE" in imported.stdout
    assert [each["name"] for each in skills(tmp_path, "review", "--json").json["skills"]] == ["count-words"]
    assert "return {" in skills(tmp_path, "review", "count-words").stdout
    assert "was approved" in skills(tmp_path, "review", "count-words", "--approve").stdout
    assert shelf.find("count-words", "default").scope == "project"
    assert "nothing waits" in skills(tmp_path, "review").stdout
    (folder / "SKILL.md").unlink()
    assert "half-written" in skills(tmp_path, "import", "out/count-words").stderr


def test_a_skill_goes_into_the_archive_and_comes_back(tmp_path: Path, shelf: SkillLibrary) -> None:
    shelf.save(DRAFT, "project", "default")
    assert skills(tmp_path, "archive", "count-words", "--json").json["status"] == "archived"
    assert "it is in the archive" in skills(tmp_path, "list").stdout
    assert "brought back" in skills(tmp_path, "archive", "count-words", "--restore").stdout


def test_a_library_that_came_along_is_trusted_as_a_whole(tmp_path: Path, shelf: SkillLibrary) -> None:
    shelf.save(typescript_draft(), "project", "default")
    shutil.rmtree(tmp_path / "data")
    assert "nobody has approved" in skills(tmp_path, "list").stdout
    kept = skills(tmp_path, "trust", "project", "--json").json["kept_in"]
    assert kept.startswith(str(tmp_path / "data"))
    assert "nobody" not in skills(tmp_path, "list").stdout
    assert "no longer" in skills(tmp_path, "trust", "project", "--undo").stdout


@pytest.mark.requirement("R46", "R48")
def test_skills_are_found_and_their_cases_run_again(tmp_path: Path, shelf: SkillLibrary) -> None:
    shelf.save(DRAFT, "project", "default")
    assert skills(tmp_path, "search", "count words", "--json").json["skills"][0]["name"] == "count-words"
    assert "1 of 1 case passed" in skills(tmp_path, "verify").stdout
    cases = tmp_path / "skills" / "count-words" / "assets" / "cases.json"
    content = json.loads(cases.read_text())
    content["cases"][0]["result"] = {"words": 3}
    cases.write_text(json.dumps(content))
    skills(tmp_path, "review", "count-words", "--approve")
    failed = skills(tmp_path, "verify", "--json")
    assert (failed.status, failed.json["skills"][0]["ok"]) == (1, False)
