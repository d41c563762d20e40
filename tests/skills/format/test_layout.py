"""A skill's folder is what the open standard says, and holds all that a skill is."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.skills.library.drafts import PYTHON, draft, library, typescript_draft

from underpass.errors import SkillInvalid
from underpass.skills.format.functions import function_of
from underpass.skills.format.secrets import secrets_in
from underpass.skills.skill import SkillDraft

VALIDATOR = str(Path(sys.executable).with_name("agentskills"))


@pytest.mark.requirement("R45")
@pytest.mark.parametrize("made", [draft(), typescript_draft()], ids=["python", "typescript"])
def test_the_reference_validator_accepts_what_is_saved(tmp_path: Path, made: SkillDraft) -> None:
    saved = library(tmp_path).save(made, "project", "default")
    done = subprocess.run(
        [VALIDATOR, "validate", str(saved.folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.requirement("R45")
@pytest.mark.parametrize("made", [draft(), typescript_draft()], ids=["python", "typescript"])
def test_a_skill_is_read_as_it_was_saved(tmp_path: Path, made: SkillDraft) -> None:
    saved = library(tmp_path).save(made, "project", "default")
    found = library(tmp_path).find("count_words", "default")
    assert found == saved
    expected = replace(made, examples=made.examples.replace("## Short", "### Short"))
    assert found.draft == expected


def test_the_plan_s_sections_are_where_the_standard_has_a_place_for_them(tmp_path: Path) -> None:
    saved = library(tmp_path).save(draft(), "project", "default")
    text = (saved.folder / "SKILL.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Signature",
        "## Use",
        "## Examples",
        "## Pitfalls",
    ]
    assert "async def count_words(text: str, *, detailed: bool = False) -> dict[str, int]" in text
    assert {str(path.relative_to(saved.folder)) for path in saved.folder.rglob("*") if path.is_file()} == {
        "SKILL.md",
        "scripts/count_words.py",
        "assets/cases.json",
    }


def test_headings_in_examples_do_not_end_the_section(tmp_path: Path) -> None:
    made = draft(examples="# Pitfalls\n\n## Pitfalls\nnone", pitfalls="real")
    saved = library(tmp_path).save(made, "project", "default")
    assert (saved.draft.examples, saved.draft.pitfalls) == ("### Pitfalls\n\n### Pitfalls\nnone", "real")


def test_the_digest_is_of_every_path_and_byte(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(), "agent", "default")
    elsewhere = library(tmp_path / "other").save(draft(), "agent", "default")
    assert elsewhere.digest == saved.digest
    (saved.folder / "assets" / "more.txt").write_bytes(b"")
    more = shelf.find("count-words", "default")
    assert more.digest != saved.digest
    (saved.folder / "assets" / "more.txt").rename(saved.folder / "assets" / "other.txt")
    assert shelf.find("count-words", "default").digest not in {saved.digest, more.digest}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "Count"}, "name:"),
        ({"name": "a--b"}, "name:"),
        ({"name": "a" * 65}, "name:"),
        ({"name": "../evil"}, "name:"),
        ({"name": "import"}, "cannot be imported"),
        ({"name": "3d-plot"}, "cannot be imported"),
        ({"description": " "}, "description: it is missing"),
        ({"description": "x" * 1_025}, "1,024"),
        ({"description": "a\u202eb"}, "does not see"),
        ({"description": "a\ud800b"}, "half of a character"),
        ({"examples": "see [this](/etc/passwd)"}, "outside"),
        ({"examples": "see file:/etc/passwd"}, "outside"),
        ({"code": "def count_words(): ..."}, "async"),
        ({"code": "async def other(): ..."}, "count_words"),
        ({"code": "async def count_words(:"}, "line 1"),
        ({"code": "(" * 5_000}, ""),
        ({"code": "x = '\0'"}, ""),
        ({"entrypoint": "_hidden"}, "entrypoint"),
        ({"entrypoint": "class"}, "entrypoint"),
        ({"code": PYTHON + "KEY = 'AKIAABCDEFGHIJKLMNOP'"}, "AWS"),
        ({"code": PYTHON + "#" * 300_000}, "bytes"),
        ({"cases": (replace(draft().cases[0], result={1, 2}),)}, "JSON"),
    ],
)
def test_a_draft_that_breaks_the_rules_is_not_saved(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(SkillInvalid) as caught:
        library(tmp_path).save(draft(**changes), "project", "default")
    assert any(problem in each for each in caught.value.data["problems"])
    assert not (tmp_path / "project" / "skills").exists()


@pytest.mark.requirement("R45")
@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("name: count-words\ndescription: x\ngrants: all", "grants"),
        ("name: count-words\ndescription: x\nallowed-tools: Bash(*)", "allowed-tools"),
        ("name: other\ndescription: x", "the folder is"),
        ("name: count-words", "description"),
        ("name: count-words\nname: count-words\ndescription: x", "twice"),
        ("name: [a]\ndescription: x", "lists"),
        ("name: count-words\ndescription: {a: b}", "text"),
        ("name: count-words\ndescription: x\nmetadata: y", "metadata"),
        ("name: count-words\ndescription: x\nmetadata:\n  a:\n    b: c", "deeper"),
        ("name: !!python/object/apply:os.system [ls]\ndescription: x", "tags"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "anchors"),
        ("name: &n count-words\ndescription: *n", "anchors"),
        ("- a\n- b", "keys"),
        ("just text", "keys"),
        ("", "keys"),
        ("a: 'b", "no YAML"),
        ("[" * 20_000, ""),
        ("{" * 20_000, ""),
        ("x: " + "y" * 40_000, "characters"),
        ("name: count-words\ndescription: x\nmetadata:\n  version: '1'", "version"),
        ("name: count-words\ndescription: x\nmetadata:\n  status: trusted", "status"),
        ("name: count-words\ndescription: x\nmetadata:\n  language: perl", "language"),
        ("name: count-words\ndescription: x\nmetadata:\n  created: today", "day"),
        ("name: count-words\ndescription: x\nmetadata:\n  tools: a b\n  lock: c", "lock"),
        ("name: count-words\ndescription: x\nmetadata:\n  entrypoint: 'a b'", "entrypoint"),
    ],
)
def test_a_hostile_head_is_refused_with_its_problem(tmp_path: Path, head: str, problem: str) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(), "agent", "default")
    (saved.folder / "SKILL.md").write_text(f"---\n{head}\n---\nbody\n")
    with pytest.raises(SkillInvalid) as caught:
        shelf.find("count-words", "default")
    assert any(problem in each for each in caught.value.data["problems"])
    assert shelf.entries("default")[0].problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "does not begin"),
        (b"---\nname: count-words", "does not end"),
        (b"---\n\xff\n---\n", "UTF-8"),
        (b"---\n" + b"x" * 200_000, "bytes"),
        ("---\nname: count-words\ndescription: a\U000e0041b\n---\n".encode(), "does not see"),
        (b"---\nname: count-words\ndescription: a\x07b\n---\n", "YAML"),
    ],
)
def test_a_file_that_is_no_skill_file_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(), "agent", "default")
    (saved.folder / "SKILL.md").write_bytes(content)
    with pytest.raises(SkillInvalid) as caught:
        shelf.find("count-words", "default")
    assert any(problem in each for each in caught.value.data["problems"])


@pytest.mark.parametrize(
    "content",
    [b"[", b"[]", b"{}", b'{"format":1,"cases":[1]}', b'{"format":1,"cases":[{"x":1}]}',
     b'{"format":1,"cases":[{"calls":{}}]}', b'{"format":1,"cases":[{"calls":[{"server":1}]}]}',
     b'{"format":1,"cases":[{"arguments":[]}]}', b"[" * 100_000,
     b'{"format":1,"cases":[{"calls":[{"server":"a","tool":"b","error":{"type":1}}]}]}'],
)  # fmt: skip
def test_cases_that_cannot_be_read_are_a_problem(tmp_path: Path, content: bytes) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(), "agent", "default")
    (saved.folder / "assets" / "cases.json").write_bytes(content)
    with pytest.raises(SkillInvalid, match="cases"):
        shelf.find("count-words", "default")


@pytest.mark.requirement("R45")
def test_a_folder_s_links_and_special_and_oversized_files_are_refused(tmp_path: Path) -> None:
    import os

    shelf = library(tmp_path)
    folder = shelf.save(draft(), "agent", "default").folder
    private = tmp_path / "private"
    private.write_text("secret")

    def refused(what: str) -> None:
        with pytest.raises(SkillInvalid, match=what) as caught:
            shelf.find("count-words", "default")
        assert "secret" not in str(caught.value.data)

    (folder / "notes.md").symlink_to(private)
    refused("a link")
    (folder / "notes.md").unlink()
    os.mkfifo(folder / "notes.md")
    refused("no file")
    (folder / "notes.md").unlink()
    with (folder / "big").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    refused("big: it has more")
    (folder / "big").unlink()
    for number in range(3):
        with (folder / f"part{number}").open("wb") as file:
            file.truncate(3 * 1024 * 1024)
    refused("all files together")
    for number in range(3):
        (folder / f"part{number}").unlink()
    for number in range(101):
        (folder / f"{number}.txt").touch()
    refused("more than 100")
    for number in range(101):
        (folder / f"{number}.txt").unlink()
    (folder / "a/b/c/d/e").mkdir(parents=True)
    refused("too deeply")
    shutil.rmtree(folder / "a")
    (folder / "odd\u202ename").touch()
    refused("plain letters")
    (folder / "odd\u202ename").unlink()
    (folder / "scripts" / "count_words.py").unlink()
    refused("count_words.py: it is missing")
    shutil.rmtree(folder)
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    refused("cannot be read")


@pytest.mark.requirement("R45")
def test_a_skill_s_file_is_a_command_that_hands_its_arguments_to_underpass(tmp_path: Path) -> None:
    saved = library(tmp_path).save(draft(), "project", "default")
    script = saved.folder / "scripts" / "count_words.py"
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "underpass").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (bin_ / "underpass").chmod(0o755)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": f"{bin_}:/usr/bin:/bin"}
        command = [sys.executable, str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)

    done = run("--text", "a b; $(c)", "--detailed", "true")
    assert done.stdout == "skills|run|count-words|--arg|text=a b; $(c)|--arg|detailed=true|", done.stderr
    assert "--text" in run().stderr
    assert "Count the words of a text." in run("--help").stdout


def test_nothing_hides_where_the_command_is(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(), "agent", "default")
    assert "argparse" not in saved.draft.code
    script = saved.folder / "scripts" / "count_words.py"
    script.write_text(script.read_text().replace("    import argparse\n", "    import argparse, evil\n"))
    assert "evil" in shelf.find("count-words", "default").draft.code


@pytest.mark.parametrize(
    "code",
    [
        "async def count_words(): ...\n",
        "from __future__ import annotations\nasync def count_words(help: str, a: str = '50%'): ...\n",
        '"""Doc."""\nfrom __future__ import annotations\n\nimport os\nasync def count_words(): ...\n',
        "async def count_words(a, /, b: int = 1, *c, d: int, **e): ...\nif __name__ == '__main__': pass\n",
    ],
)
def test_a_command_is_added_and_taken_away_without_a_trace(tmp_path: Path, code: str) -> None:
    shelf = library(tmp_path)
    saved = shelf.save(draft(code=code), "agent", "default")
    assert saved.draft.code == code
    script = (saved.folder / "scripts" / "count_words.py").read_text()
    compile(script, "script", "exec")
    assert "__main__" in script


def test_a_signature_in_typescript_is_one_line_up_to_the_body() -> None:
    code = (
        "const x = 1;\nexport async function go<T extends { a: string }>(\n"
        "  a: string, b?: (n: number) => void, c = '},{', d: Record<string, number> = {}\n"
        "): Promise<Array<{ a: T }>> {\n  return [];\n}\n"
    )
    found = function_of(code, "go", "typescript")
    assert found.signature.endswith("): Promise<Array<{ a: T }>>")
    assert [(each.name, each.type, each.required) for each in found.parameters] == [
        ("a", "string", True),
        ("b", "(n: number) => void", False),
        ("c", "", False),
        ("d", "Record<string, number>", False),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "export function go() {}",
        "export async function go(",
        "export async function go()",
        "export async function go<T",
    ],
)
def test_code_without_the_function_is_no_skill_in_typescript(tmp_path: Path, code: str) -> None:
    with pytest.raises(SkillInvalid):
        library(tmp_path).save(draft(language="typescript", code=code, entrypoint="go"), "user", "default")


@pytest.mark.parametrize(
    "text",
    ["-----BEGIN RSA PRIVATE KEY-----", "ghp_" + "a" * 36, "sk-proj-abcdefghijklmnop1234", "xoxb-1234567890",
     "postgres://ada:lovelace@db/x", 'password = "correcthorse"', "Bearer " + "a" * 30],
)  # fmt: skip
def test_secrets_are_found_and_ordinary_texts_are_not_taken_for_them(text: str) -> None:
    assert secrets_in(f"x = 1 # {text}")
    assert not secrets_in(
        'f"{user}:{password}@host"; https://example.org/a@b; sk-learn-is-not-a-secret-at-all'
    )
