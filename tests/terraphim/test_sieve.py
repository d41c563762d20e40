import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from terraphim.sieve import files_with

pytestmark = pytest.mark.requirement("R50")

_ALPHABET = "aAbBkKsSiI\u0131\u0130\u017f\u212aß é.*(\\^-\r"


def programs() -> list[str]:
    """Both ways: with ripgrep, where it is installed, and without."""
    return [found for found in (shutil.which("rg"),) if found] + [""]


@pytest.mark.parametrize("program", [pytest.param("rg", id="ripgrep"), pytest.param("", id="reading")])
@pytest.mark.parametrize(
    ("needles", "found"),
    [
        (["rust"], ["b.md", "sub/c.markdown"]),
        (["RUST"], ["b.md", "sub/c.markdown"]),
        (["rust", "nothing"], ["b.md", "sub/c.markdown"]),
        (["a.c"], ["a.md"]),
        (["-x"], ["a.md"]),
        (["caf"], ["latin.md"]),
        (["é"], ["b.md"]),
        (["binary"], ["binary.md"]),
        (["", "a\nb"], []),
        ([], []),
    ],
)
def test_files_that_contain_a_text_are_found(
    tmp_path: Path, program: str, needles: list[str], found: list[str]
) -> None:
    if program and shutil.which(program) is None:
        pytest.skip("no ripgrep here")
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("a.c and -x")
    (tmp_path / "b.md").write_text("Rust and é")
    (tmp_path / "sub" / "c.markdown").write_text("xrustx")
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    (tmp_path / "binary.md").write_bytes(b"\0\0binary")
    (tmp_path / "d.txt").write_text("rust")
    (tmp_path / ".gitignore").write_text("*")
    names = ["a.md", "b.md", "binary.md", "gone.md", "latin.md", "sub/c.markdown"]
    assert files_with(tmp_path, names, needles, program=program) == found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(_ALPHABET, max_size=12), min_size=1, max_size=5),
    needles=st.lists(st.text(_ALPHABET, min_size=1, max_size=3), max_size=3),
)
def test_both_ways_find_the_same(tmp_path: Path, texts: list[str], needles: list[str]) -> None:
    names = [f"{number}.md" for number in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        (tmp_path / name).write_bytes(text.encode())
    answers = [files_with(tmp_path, names, needles, program=program) for program in programs()]
    assert all(answer == answers[0] for answer in answers)


def test_a_ripgrep_that_does_not_work_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("rust")
    broken = tmp_path / "rg"
    broken.write_text("#!/bin/sh\nexit 2\n")
    broken.chmod(0o755)
    for program in (str(broken), str(tmp_path / "nowhere")):
        assert files_with(tmp_path, ["a.md"], ["rust"], program=program) == ["a.md"]


def test_the_ripgrep_of_the_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rg").write_text("#!/bin/sh\ncat > /dev/null\nprintf './b.md\\0'\n")
    (tmp_path / "rg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert files_with(tmp_path, ["a.md", "b.md"], ["rust"]) == ["b.md"]
