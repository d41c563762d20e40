"""Knowledge graphs from folders of Markdown."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from terraphim.builder import FolderWarning, KnowledgeGraphFolder
from terraphim.errors import FolderUnreadable

pytestmark = pytest.mark.requirement("R50")


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _names(folder: KnowledgeGraphFolder) -> dict[str, tuple[int, str]]:
    return {term: (concept.id, concept.value) for term, concept in folder.thesaurus.terms.items()}


def test_a_file_with_synonyms_is_a_concept(tmp_path: Path) -> None:
    _write(
        tmp_path, Rust="# Rust!\nsynonyms:: Crab,  rust-lang ,,\n", plain="# nothing here", go="synonyms::"
    )
    folder = KnowledgeGraphFolder(tmp_path, name="languages")
    assert folder.thesaurus.name == "languages"
    assert _names(folder) == {
        "rust": (2, "rust"),
        "crab": (2, "rust"),
        "rust-lang": (2, "rust"),
        "go": (1, "go"),
    }
    assert folder.thesaurus.terms["crab"].display_value == "Rust!"
    assert folder.thesaurus.terms["go"].display_value is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("  \tsynonyms:: a1", True),
        ("synonyms::a1", True),
        ("synonyms:: a1\r", True),
        ("- synonyms:: a1", False),
        ("Synonyms:: a1", False),
        ("synonyms : a1", False),
        ("[synonyms::] a1", False),
        ("my synonyms:: a1", False),
    ],
)
def test_only_a_line_that_begins_with_the_word_counts(tmp_path: Path, line: str, *, found: bool) -> None:
    _write(tmp_path, x=f"text\n{line}\n")
    assert ("a1" in KnowledgeGraphFolder(tmp_path).thesaurus.terms) is found


def test_a_heading_is_the_first_one_outside_of_code(tmp_path: Path) -> None:
    _write(
        tmp_path,
        a="```\n# comment\n```\n## The Heading ##\n# second\nsynonyms:: a1",
        b="\ufeff# Marked\nsynonyms:: b1",
        c="#no heading\nsynonyms:: c1",
        d="# d\nsynonyms:: d1",
    )
    terms = KnowledgeGraphFolder(tmp_path).thesaurus.terms
    shown = {name: terms[name].display_value for name in "abcd"}
    assert shown == {"a": "The Heading", "b": "Marked", "c": None, "d": None}


def test_numbers_and_owners_do_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    for number, order in enumerate((["b", "a", "sub__c"], ["sub__c", "b", "a"])):
        for name in order:
            _write(tmp_path / str(number), **{name: f"synonyms:: shared, of {name}"})
    first, second = (KnowledgeGraphFolder(tmp_path / number) for number in "01")
    assert _names(first) == _names(second)
    assert _names(first)["shared"] == (3, "c")


def test_a_changed_file_is_read_alone(tmp_path: Path) -> None:
    _write(tmp_path, a="synonyms:: a1", b="synonyms:: b1", c="synonyms:: c1")
    folder = KnowledgeGraphFolder(tmp_path)
    before = folder.thesaurus
    assert folder.refresh().thesaurus_changed is False
    assert folder.thesaurus is before
    _write(tmp_path, b="synonyms:: b1, b22", d="synonyms:: d1")
    (tmp_path / "c.md").unlink()
    change = folder.refresh()
    assert (change.added, change.changed, change.removed) == (("d.md",), ("b.md",), ("c.md",))
    assert change.thesaurus_changed
    assert _names(folder) == _names(KnowledgeGraphFolder(tmp_path))


def test_a_changed_text_beside_the_synonyms_leaves_the_thesaurus(tmp_path: Path) -> None:
    _write(tmp_path, a="synonyms:: a1")
    folder = KnowledgeGraphFolder(tmp_path)
    before = folder.thesaurus
    _write(tmp_path, a="synonyms:: a1\n\nand more")
    assert folder.refresh().changed == ("a.md",)
    assert folder.thesaurus is before


def test_a_snapshot_spares_reading_what_has_not_changed(tmp_path: Path) -> None:
    _write(tmp_path, a="# A!\nsynonyms:: a1", b="no concept")
    (tmp_path / "c.md").write_bytes(b"synonyms:: \xff")
    first = KnowledgeGraphFolder(tmp_path)
    snapshot = json.loads(json.dumps(first.snapshot()))
    status = (tmp_path / "a.md").stat()
    (tmp_path / "a.md").write_text("# A?\nsynonyms:: a2")
    os.utime(tmp_path / "a.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    again = KnowledgeGraphFolder(tmp_path, snapshot=snapshot)
    assert _names(again) == _names(first)
    assert again.warnings == first.warnings
    useless_ones: list[object] = [{}, "text", [["a.md", 1]], [["a.md", *"12345", None]]]
    for useless in useless_ones:
        assert "a2" in KnowledgeGraphFolder(tmp_path, snapshot=useless).thesaurus.terms


def test_invalid_utf8_costs_its_lines_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"# \xff\nsynonyms:: \xfe\nsynonyms:: good\n\xff text\n")
    folder = KnowledgeGraphFolder(tmp_path)
    assert set(folder.thesaurus.terms) == {"x", "good"}
    reason = "It is not valid UTF-8; what these lines say was left out: 1, 2."
    assert folder.warnings == (FolderWarning("x.md", reason),)


def test_hidden_files_links_other_files_and_logseqs_backups_do_not_count(tmp_path: Path) -> None:
    _write(
        tmp_path, pages__a="synonyms:: a1", logseq__bak__a="synonyms:: old", notes__logseq__b="synonyms:: b1"
    )
    (tmp_path / "logseq" / "config.edn").write_text("{}")
    (tmp_path / ".hidden.md").write_text("synonyms:: h1")
    (tmp_path / "text.txt").write_text("synonyms:: t1")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.md").symlink_to(tmp_path / "pages" / "a.md")
    assert set(KnowledgeGraphFolder(tmp_path).thesaurus.terms) == {"a", "a1", "b", "b1"}


@pytest.mark.parametrize("name", ["none", "file.md"])
def test_a_folder_that_is_none_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.md").write_text("synonyms:: a1")
    with pytest.raises(FolderUnreadable) as refused:
        KnowledgeGraphFolder(tmp_path / name)
    assert refused.value.data["folder"] == str(tmp_path / name)


@contextmanager
def _as_nobody(folder: Path) -> Generator[None]:
    """Permissions hold for an ordinary user only."""
    if os.geteuid() != 0:
        yield
        return
    for parent in (folder, *folder.parents[:-2]):
        parent.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    _write(tmp_path, a="synonyms:: a1", secret="synonyms:: s1", locked__b="synonyms:: b1")
    (tmp_path / "secret.md").chmod(0)
    (tmp_path / "locked").chmod(0)
    with _as_nobody(tmp_path):
        folder = KnowledgeGraphFolder(tmp_path)
        assert set(folder.thesaurus.terms) == {"a", "a1"}
        assert folder.warnings == (
            FolderWarning("locked/", "The folder cannot be listed: Permission denied."),
            FolderWarning("secret.md", "It cannot be read: Permission denied."),
        )
        with pytest.raises(FolderUnreadable, match="Permission denied"):
            KnowledgeGraphFolder(tmp_path / "locked")
    (tmp_path / "locked").chmod(0o755)
