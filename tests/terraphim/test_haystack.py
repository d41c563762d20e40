import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory

import pytest

from terraphim.documents import Document
from terraphim.errors import FolderUnreadable
from terraphim.haystack import MarkdownFolder, describe, document_id

pytestmark = pytest.mark.requirement("R50")


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(path.name + ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def titles(documents: tuple[Document, ...]) -> list[str]:
    return [document.title for document in documents]


def test_each_markdown_file_is_a_document(tmp_path: Path) -> None:
    write(tmp_path, Tokio="An async runtime.\ntags:: #rust, async", deep__er__Serde="JSON")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    (tmp_path / "Upper.MARKDOWN").write_text("x")
    write(tmp_path, **{".hidden": "x", ".git__config": "x"})
    put = MarkdownFolder(tmp_path, location="notes").refresh().put
    assert titles(put) == ["Tokio", "Upper", "Serde"]
    assert put[0] == Document(
        id="ripgrep_notes_tokio_md",
        url=str(tmp_path / "Tokio.md"),
        title="Tokio",
        body="An async runtime.\ntags:: #rust, async",
        tags=("rust", "async"),
    )
    assert put[2].id == "ripgrep_notes_deep_er_serde_md"


def test_an_id_is_the_path_in_lower_case_letters_and_digits() -> None:
    assert document_id("./docs/src/kg/Bug-Reporting.md") == "ripgrep_docs_src_kg_bug_reporting_md"
    assert document_id("Ü/ß.md") == "ripgrep_md"


def test_files_whose_paths_differ_in_punctuation_have_ids_of_their_own(tmp_path: Path) -> None:
    for name in ("a-b.md", "a_b.md", "a b.md"):
        (tmp_path / name).write_text(name)
    ids = [document.id for document in MarkdownFolder(tmp_path, location="n").refresh().put]
    assert len(set(ids)) == 3
    assert ids[0] == "ripgrep_n_a_b_md"
    again = [document.id for document in MarkdownFolder(tmp_path, location="n").refresh().put]
    assert again == ids


def test_a_changed_file_is_read_again_alone(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="1", c="1")
    folder = MarkdownFolder(tmp_path)
    assert len(folder.refresh().put) == 3
    assert not folder.refresh()
    write(tmp_path, b="22")
    assert [document.body for document in folder.refresh().put] == ["22"]
    (tmp_path / "a.md").unlink()
    write(tmp_path, d="1")
    change = folder.refresh()
    assert titles(change.put) == ["d"]
    assert change.removed == (document_id(f"{tmp_path}/a.md"),)


def test_two_folders_with_the_same_files_give_the_same_documents(tmp_path: Path) -> None:
    names = ["z", "a", "m__n", "m__b"]
    for folder, order in (("one", names), ("two", names[::-1])):
        write(tmp_path / folder, **dict.fromkeys(order, "x"))
    one, two = (MarkdownFolder(tmp_path / name, location="n").refresh().put for name in ("one", "two"))
    assert [document.id for document in one] == [document.id for document in two]


def test_a_file_that_is_no_utf8_is_searched_as_well_as_can_be(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes("café rust".encode("latin-1"))
    (tmp_path / "bom.md").write_bytes(b"\xef\xbb\xbf# Title")
    folder = MarkdownFolder(tmp_path)
    bodies = {document.title: document.body for document in folder.refresh().put}
    assert bodies == {"latin": "caf\N{REPLACEMENT CHARACTER} rust", "bom": "# Title"}
    assert [(skipped.path, skipped.reason) for skipped in folder.skipped] == [
        ("latin.md", "is no UTF-8 at byte 3; what is wrong was replaced")
    ]
    folder.refresh()
    assert len(folder.skipped) == 1
    (tmp_path / "latin.md").write_text("café")
    folder.refresh()
    assert folder.skipped == ()


def test_a_huge_file_is_left_out_and_named(tmp_path: Path) -> None:
    write(tmp_path, small="x", huge="x" * 1001)
    folder = MarkdownFolder(tmp_path, max_file_bytes=1000)
    assert titles(folder.refresh().put) == ["small"]
    assert folder.skipped[0].reason == "is over 1,000 bytes"
    write(tmp_path, huge="x")
    assert titles(folder.refresh().put) == ["huge"]
    write(tmp_path, huge="x" * 1001)
    assert folder.refresh().removed == (document_id(f"{tmp_path}/huge.md"),)


def test_links_that_go_in_circles_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, a="x", sub__b="x")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "self.md").symlink_to(tmp_path / "self.md")
    assert titles(MarkdownFolder(tmp_path).refresh().put) == ["a", "b"]


def test_a_folder_that_is_not_there_or_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FolderUnreadable, match="No such file"):
        MarkdownFolder(tmp_path / "nowhere").refresh()
    write(tmp_path, a="x")
    with pytest.raises(FolderUnreadable, match="Not a directory"):
        MarkdownFolder(tmp_path / "a.md").refresh()


LOOK_TWICE = """
import os, sys
from pathlib import Path
from terraphim.errors import FolderUnreadable
from terraphim.haystack import MarkdownFolder
if os.geteuid() == 0:  # root may read everything; nobody may not read the library
    "".encode("utf-8-sig")
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
folder = MarkdownFolder(Path(sys.argv[1]))
print([document.title for document in folder.refresh().put])
print([(skipped.path, skipped.reason) for skipped in folder.skipped])
print("again", flush=True)
input()
print([document.title for document in folder.refresh().put])
try:
    MarkdownFolder(Path(sys.argv[1]) / "closed").refresh()
except FolderUnreadable as error:
    print(error.message.rpartition(": ")[2])
"""
"""Looks at a folder, waits, and looks again."""


def test_what_may_not_be_read_is_named_and_the_rest_is_searched() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        write(folder, a="x", closed="x", sub__b="x", closed__c="x")
        for closed in ("closed.md", "sub", "closed"):
            (folder / closed).chmod(0)
        try:
            with subprocess.Popen(
                [sys.executable, "-c", LOOK_TWICE, name], stdin=PIPE, stdout=PIPE, text=True
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                first = [process.stdout.readline() for _ in range(3)]
                for opened, mode in (("closed.md", 0o644), ("sub", 0o755)):
                    (folder / opened).chmod(mode)
                then = process.communicate("\n", timeout=30)[0]
        finally:
            for opened in ("sub", "closed"):
                (folder / opened).chmod(0o755)
    denied = "Permission denied"
    unlisted = f"cannot be listed: {denied}"
    assert first == [
        "['a']\n",
        f"[('closed', '{unlisted}'), ('closed.md', 'cannot be read: {denied}'), ('sub', '{unlisted}')]\n",
        "again\n",
    ]
    assert then == "['closed', 'b']\nPermission denied\n"


def test_a_name_that_is_no_text_is_shown_as_well_as_can_be(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("x")
    (document,) = MarkdownFolder(tmp_path).refresh().put
    assert document.title == "caf\N{REPLACEMENT CHARACTER}"
    document.url.encode()


def test_a_pattern_and_tags_narrow_the_documents(tmp_path: Path) -> None:
    write(tmp_path, a="#rust #test", b="#Rust", sub__c="#rust #TEST")
    assert titles(MarkdownFolder(tmp_path, tags=["#rust", "#test"]).refresh().put) == ["a", "c"]
    assert titles(MarkdownFolder(tmp_path, glob="sub/*").refresh().put) == ["c"]
    assert titles(MarkdownFolder(tmp_path, glob="*.md").refresh().put) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "query", "line"),
    [
        ("one\n\ntwo Rust three\nfour", "rust", "one"),
        ("1\n2\n3\n4\n  rust here  \n6", "RUST", "2"),
        ("rust", "rust", "rust"),
        ("\n\n\nfirst\nsecond", "absent", "first"),
        ("async alone\n\n\n\n\n\nasync rust", "async rust", "async rust"),
        ("no match of all\n\n\n\n\n\n\nonly rust", "async rust", "only rust"),
        ("a+b(c", "+b(", "a+b(c"),
        ("", "rust", ""),
        ("text", "", "text"),
        ("x" * 201, "x", "x" * 197 + "..."),
        ("x" * 200, "x", "x" * 200),
    ],
)
def test_a_description_is_the_first_line_that_a_search_shows(body: str, query: str, line: str) -> None:
    assert describe(body, query) == line
