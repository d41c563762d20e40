"""Three libraries, their trust, their versions, and what a disk and other people can do to them."""

import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from tests.skills.library.drafts import PYTHON, draft, library

from underpass.errors import (
    SkillError,
    SkillInvalid,
    SkillNotFound,
    SkillNotSaved,
    SkillRefused,
    ValidationFailed,
)
from underpass.skills.library import disk
from underpass.skills.library.own import own_folder, user_library
from underpass.skills.skill import SCOPES

CHANGED = PYTHON.replace("found = ", "found = 0 or ")
OTHER_SIGNATURE = PYTHON.replace("detailed", "whole")


@pytest.mark.requirement("R46", "R47")
def test_a_nearer_library_hides_a_farther_one_and_says_so(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    for scope in SCOPES:
        shelf.save(draft(description=f"of the {scope}"), scope, "ada")
    entry = shelf.entries("ada")[0]
    assert (entry.scope, entry.shadows, entry.description) == ("agent", ("project", "user"), "of the agent")
    assert shelf.find("count-words", "ada").draft.description == "of the agent"
    assert shelf.find("count-words", "bob").draft.description == "of the project"
    assert shelf.entries("bob")[0].shadows == ("user",)


@pytest.mark.requirement("R46")
def test_an_unknown_skill_is_not_found_with_the_nearest_names(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    with pytest.raises(SkillNotFound, match="no skill") as caught:
        shelf.find("nothing", "ada")
    assert "none yet" in caught.value.hint
    shelf.save(draft(), "user", "ada")
    with pytest.raises(SkillNotFound) as caught:
        shelf.find("count_word", "ada")
    assert "'count-words'" in caught.value.hint
    with pytest.raises(SkillNotFound):
        shelf.versions("other", "ada")
    with pytest.raises(SkillNotFound):
        shelf.set_status("other", "user", "ada", "active")


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "", ".", "..", "a" * 10_000, "\0", ".versions"])
def test_names_lead_nowhere_outside(tmp_path: Path, name: str) -> None:
    shelf = library(tmp_path)
    with pytest.raises(SkillNotFound):
        shelf.find(name, "ada")
    with pytest.raises(SkillNotFound):
        shelf.look(name, "ada")
    with pytest.raises(SkillNotFound):
        shelf.set_status(name, "user", "ada", "archived")
    with pytest.raises(ValidationFailed):
        shelf.find("count-words", name if name != ".versions" else "../ada")


@pytest.mark.requirement("R48")
def test_versions_say_what_has_changed_and_old_ones_stay_loadable(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    first = shelf.save(draft(), "project", "ada")
    steps = [
        (draft(pitfalls="none"), "1.0.1"),
        (draft(pitfalls="none", code=CHANGED), "1.1.0"),
        (draft(pitfalls="none", code=OTHER_SIGNATURE), "2.0.0"),
    ]
    for made, version in steps:
        assert shelf.save(made, "project", "ada").version == version
    assert shelf.versions("count_words", "ada") == ["2.0.0", "1.1.0", "1.0.1", "1.0.0"]
    old = shelf.find("count-words", "ada", "1.0.0")
    assert (old.draft, old.digest, old.created) == (first.draft, first.digest, first.created)
    assert shelf.find("count-words", "ada").version == "2.0.0"
    with pytest.raises(SkillNotFound, match="no version") as caught:
        shelf.find("count-words", "ada", "3.0.0")
    assert "2.0.0, 1.1.0" in caught.value.hint
    with pytest.raises(SkillNotFound):
        shelf.find("count-words", "ada", "../../x")


def test_saving_the_same_again_changes_nothing(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    first = shelf.save(draft(), "project", "ada")
    assert shelf.save(draft(provenance={"origin": "promoted"}), "project", "ada") == first


def test_a_version_that_is_named_has_to_be_above_the_others(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    assert shelf.save(draft(), "user", "ada", version="2.5.0").version == "2.5.0"
    for version, why in (("2.5.0", "not above"), ("1.0.0", "not above"), ("two", "no version")):
        with pytest.raises(SkillInvalid, match=why):
            shelf.save(draft(code=CHANGED), "user", "ada", version=version)


@pytest.mark.requirement("R47")
def test_what_waits_for_review_is_imported_by_nobody_until_it_is_approved(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    waiting = shelf.save(draft(), "project", "ada", status="review")
    with pytest.raises(SkillRefused, match="approval") as caught:
        shelf.find("count-words", "ada")
    assert caught.value.data["digest"] == waiting.digest
    assert [each.problem is None for each in shelf.entries("ada")] == [False]
    assert [each.name for each in shelf.waiting("ada")] == ["count-words"]
    approved = shelf.set_status("count-words", "project", "ada", "active")
    assert approved.status == "active"
    assert shelf.find("count-words", "ada") == approved
    assert shelf.waiting("ada") == []


def test_a_new_version_that_waits_leaves_the_old_one_in_use(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    shelf.save(draft(), "project", "ada")
    shelf.save(draft(code=CHANGED), "project", "ada", status="review")
    assert shelf.find("count-words", "ada").version == "1.0.0"
    assert [each.version for each in shelf.waiting("ada")] == ["1.1.0"]
    assert shelf.look("count-words", "ada", waiting=True).version == "1.1.0"
    assert shelf.look("count-words", "ada").version == "1.0.0"
    shelf.set_status("count-words", "project", "ada", "active")
    assert shelf.find("count-words", "ada").version == "1.1.0"
    assert shelf.find("count-words", "ada", "1.0.0").draft.code == PYTHON


def test_the_archive_hides_nothing_and_gives_back(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    shelf.save(draft(description="user"), "user", "ada")
    saved = shelf.save(draft(), "project", "ada")
    shelf.set_status("count-words", "project", "ada", "archived")
    assert shelf.find("count-words", "ada").scope == "user"
    shelf.set_status("count-words", "user", "ada", "archived")
    with pytest.raises(SkillRefused, match="archive"):
        shelf.find("count-words", "ada")
    assert shelf.entries("ada")[0].status == "archived"
    assert shelf.set_status("count-words", "project", "ada", "active").digest == saved.digest
    assert shelf.find("count-words", "ada").draft == saved.draft


@pytest.mark.requirement("R47")
def test_skills_that_came_with_a_repository_are_data_until_they_are_approved(tmp_path: Path) -> None:
    library(tmp_path, own=tmp_path / "author").save(draft(), "project", "ada")
    shelf = library(tmp_path)
    with pytest.raises(SkillRefused, match="nobody has approved") as caught:
        shelf.find("count-words", "ada")
    assert "underpass skills review" in caught.value.hint
    assert shelf.entries("ada")[0].status == "review"
    shelf.set_status("count-words", "project", "ada", "active")
    assert shelf.find("count-words", "ada").status == "active"
    script = shelf.find("count-words", "ada").folder / "scripts" / "count_words.py"
    script.write_text(CHANGED)
    with pytest.raises(SkillRefused):
        shelf.find("count-words", "ada")


def test_a_change_that_keeps_length_and_time_revokes_an_approval(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    script = shelf.save(draft(), "project", "ada").folder / "scripts" / "count_words.py"
    before = script.stat()
    shelf.find("count-words", "ada")
    script.write_text(PYTHON.replace('"words"', '"sdrow"'))
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(SkillRefused):
        shelf.find("count-words", "ada")


def test_a_folder_that_is_trusted_is_trusted_with_what_comes_later(tmp_path: Path) -> None:
    author, shelf = library(tmp_path, own=tmp_path / "author"), library(tmp_path)
    author.save(draft(), "project", "ada")
    folder = shelf.folder("project", "ada")
    shelf.trust.trust(folder)
    author.save(draft(code=CHANGED), "project", "ada")
    assert shelf.find("count-words", "ada").version == "1.1.0"
    assert shelf.entries("ada")[0].problem is None
    shelf.trust.distrust(folder)
    with pytest.raises(SkillRefused):
        shelf.find("count-words", "ada")


def test_a_repository_cannot_bring_its_own_approvals_or_a_user_s_library(tmp_path: Path) -> None:
    author = library(
        tmp_path, own=tmp_path / "project" / ".underpass", setting=str(tmp_path / "project/evil")
    )
    author.save(draft(), "user", "ada")
    shutil.copytree(
        tmp_path / "project" / "evil" / "count-words", tmp_path / "project" / "skills" / "count-words"
    )
    shelf = library(tmp_path, setting=str(tmp_path / "project/evil"))
    with pytest.raises(SkillRefused):
        shelf.find("count-words", "ada")
    assert [each.status for each in shelf.entries("ada")] == ["review"]


def test_what_is_dropped_into_the_user_s_own_library_is_the_user_s(tmp_path: Path) -> None:
    saved = library(tmp_path, own=tmp_path / "author").save(draft(), "user", "ada")
    shelf = library(tmp_path)
    shutil.copytree(saved.folder, shelf.folder("user", "ada") / "count-words")
    assert shelf.find("count-words", "ada").scope == "user"


def test_an_agent_s_library_is_its_own_alone_and_needs_no_approval(tmp_path: Path) -> None:
    saved = library(tmp_path).save(draft(), "agent", "ada")
    (saved.folder / "scripts" / "count_words.py").write_text(CHANGED)
    shelf = library(tmp_path)
    assert shelf.find("count-words", "ada").draft.code == CHANGED
    with pytest.raises(SkillNotFound):
        shelf.find("count-words", "bob")


def test_an_agent_cannot_make_the_host_read_or_write_through_links(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    shelf.save(draft(), "project", "ada")
    shelf.save(draft(), "agent", "ada")
    mine = shelf.folder("agent", "ada")
    shutil.rmtree(mine)
    mine.symlink_to(shelf.folder("project", "ada"))
    before = {path: path.stat().st_mtime_ns for path in shelf.folder("project", "ada").rglob("*")}
    with pytest.raises(SkillNotSaved):
        shelf.save(draft(code=CHANGED), "agent", "ada")
    with pytest.raises(SkillInvalid):
        shelf.find("count-words", "ada")
    assert before == {path: path.stat().st_mtime_ns for path in shelf.folder("project", "ada").rglob("*")}


def test_a_damaged_skill_hides_only_itself_and_is_kept_when_it_is_saved_anew(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    damaged = shelf.save(draft(), "project", "ada").folder
    shelf.save(draft(name="other"), "project", "ada")
    (damaged / "SKILL.md").unlink()
    (shelf.folder("project", "ada") / "Not_A_Skill").mkdir()
    (shelf.folder("project", "ada") / "README.md").touch()
    found = library(tmp_path).entries("ada")
    assert {each.name: each.problem is None for each in found} == {"count-words": False, "other": True}
    with pytest.raises(SkillInvalid, match="half-written"):
        shelf.find("count-words", "ada")
    with pytest.raises(SkillInvalid):
        shelf.look("count-words", "ada")
    with pytest.raises(SkillInvalid):
        shelf.set_status("count-words", "project", "ada", "active")
    assert shelf.save(draft(), "project", "ada").version == "1.0.0"
    assert list(shelf.folder("project", "ada").glob(".damaged-count-words-*/scripts/count_words.py"))


def _save_many(folder: Path, number: int) -> None:
    shelf = library(folder)
    for each in range(5):
        shelf.save(draft(code=f"{PYTHON}\n\nX = {number * 100 + each}\n"), "project", "ada")


@pytest.mark.requirement("R47")
def test_two_processes_that_save_one_name_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_save_many, args=(tmp_path, number)) for number in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    shelf = library(tmp_path)
    versions = shelf.versions("count-words", "ada")
    assert len(versions) == 10
    ends = {shelf.find("count-words", "ada", each).draft.code.splitlines()[-1] for each in versions}
    assert len(ends) == 10


def _die_while_saving(folder: Path, step: int) -> None:
    real, count = os.fsync, 0

    def dying(descriptor: int) -> None:
        nonlocal count
        real(descriptor)
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = dying
    library(folder).save(draft(code=CHANGED), "project", "ada")


def test_a_process_that_is_killed_at_any_step_leaves_the_old_or_the_new_skill(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    died = 0
    for step in range(1, 20):
        folder = tmp_path / str(step)
        library(folder).save(draft(), "project", "ada")
        worker = context.Process(target=_die_while_saving, args=(folder, step))
        worker.start()
        worker.join()
        died += worker.exitcode == -signal.SIGKILL
        shelf = library(folder)
        assert [each.problem for each in shelf.entries("ada")] == [None]
        assert shelf.find("count-words", "ada").version in {"1.0.0", "1.1.0"}
        assert shelf.find("count-words", "ada", "1.0.0").draft.code == PYTHON
        assert shelf.save(draft(pitfalls="new"), "project", "ada").draft.pitfalls == "new"
        left = [path for path in shelf.folder("project", "ada").rglob(".*-*") if path.name != ".versions"]
        assert left == []
    assert died > 8


def _never(_parent: int, _new: str, _name: str) -> bool:
    return False


def test_where_folders_cannot_change_places_a_save_still_takes_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_exchanged", _never)
    shelf = library(tmp_path)
    folder = shelf.save(draft(), "project", "ada").folder
    assert shelf.save(draft(code=CHANGED), "project", "ada").version == "1.1.0"
    # Killed between the two steps.
    folder.rename(folder.with_name(".old-count-words"))
    shelf.save(draft(name="other"), "project", "ada")
    assert shelf.find("count-words", "ada").version == "1.1.0"


@pytest.mark.parametrize("blocked", ["skills", "own"])
def test_a_disk_that_takes_nothing_is_said_with_what_to_do(tmp_path: Path, blocked: str) -> None:
    shelf = library(tmp_path)
    place = {"skills": shelf.folder("project", "ada"), "own": tmp_path / "own"}[blocked]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    with pytest.raises(SkillNotSaved) as caught:
        shelf.save(draft(), "project", "ada")
    assert str(shelf.folder("project", "ada")) in caught.value.hint
    assert shelf.entries("ada") == []


def test_a_save_that_the_disk_refuses_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(), "project", "ada")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SkillNotSaved, match="No space left"):
        shelf.save(draft(code=CHANGED), "project", "ada")
    assert shelf.find("count-words", "ada") == saved


def test_a_listing_sees_what_others_change(tmp_path: Path) -> None:
    mine, other = library(tmp_path), library(tmp_path)
    mine.save(draft(), "project", "ada")
    assert len(mine.entries("ada")) == len(other.entries("ada")) == 1
    other.save(draft(name="second"), "project", "ada")
    other.save(draft(description="better"), "project", "ada")
    assert {each.name: each.description for each in mine.entries("ada")}["count-words"] == "better"
    assert len(mine.entries("ada")) == 2
    script = mine.folder("project", "ada") / "second" / "SKILL.md"
    script.write_text("gone")
    assert [each.problem is None for each in mine.entries("ada")] == [True, False]
    shutil.rmtree(mine.folder("project", "ada"))
    assert mine.entries("ada") == []


@pytest.mark.requirement("R46")
def test_a_listing_of_many_reads_them_once_for_all_processes(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(), "user", "ada").folder
    text = (saved / "SKILL.md").read_text()
    for number in range(150):
        folder = saved.with_name(f"skill-{number}")
        shutil.copytree(saved, folder)
        (folder / "scripts" / "count_words.py").rename(folder / "scripts" / f"skill_{number}.py")
        (folder / "SKILL.md").write_text(text.replace("name: count-words", f"name: skill-{number}"))
    found = library(tmp_path).entries("ada")
    assert [each.problem for each in found] == [None] * 151
    kept = next((tmp_path / "own" / "underpass" / "skill-listings").iterdir())
    assert list(library(tmp_path).entries("ada")) == list(found)
    kept.write_bytes(kept.read_bytes()[:-5])
    assert list(library(tmp_path).entries("ada")) == list(found)


def test_the_user_s_own_folder_is_where_the_standard_says() -> None:
    assert own_folder({"XDG_DATA_HOME": "/data"}) == Path("/data/underpass")
    assert own_folder({"XDG_DATA_HOME": "relative"}) == Path.home() / ".local" / "share" / "underpass"
    environ = {"XDG_DATA_HOME": "/data", "UNDERPASS_SKILLS_USER_FOLDER": "/mine"}
    assert user_library("", environ) == (Path("/data/underpass/skills"), True)
    assert user_library("/mine", environ) == (Path("/mine"), True)
    assert user_library("/theirs", environ) == (Path("/theirs"), False)


def test_every_refusal_is_of_one_tree() -> None:
    assert all(
        issubclass(each, SkillError) for each in (SkillInvalid, SkillNotFound, SkillNotSaved, SkillRefused)
    )


def test_an_approval_that_cannot_be_read_approves_nothing(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    shelf.save(draft(), "project", "ada")
    path = library(tmp_path).trust.path
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.mkdir()
    other = library(tmp_path)
    assert other.entries("ada")[0].problem
    with pytest.raises(SkillRefused):
        other.find("count-words", "ada")
    assert replace(other.entries("ada")[0], problem=None).status == "review"
