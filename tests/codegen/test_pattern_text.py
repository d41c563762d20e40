"""Texts that fit a regular expression, for examples of calls."""

import re

import pytest

from underpass.codegen.pattern_text import matching_text

pytestmark = pytest.mark.requirement("R22")


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{4}-\d{2}$", r"[a-z]{2,}[-_]x+?", r"(?:ab|cd)*e?f", r"(one|two)\.txt$", r"[^a1]+", r"\w\s\S\D\W",
        r"\bword\b", r"[\d.]+\/[\]x]", r".{3}", r"^$", r"a{2}+", r"#[0-9A-F]{6}", r"[]a]{1}", r"[a-]x",
    ],
)  # fmt: skip
def test_the_text_matches(pattern: str) -> None:
    text = matching_text(pattern)

    assert text is not None
    # What is possessive here, older expressions do not know.
    assert re.search(pattern, text)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?=a)b", r"(?P<n>a)", r"(a)\1", r"\p{L}", "*a", "(a", "a)", "[a", "a{,3}", "a{x}", "a{", "\\",
        r"[^ -~]", "a{999}", "(((((a{99}){99}){99}){99}){99})", "(" * 5000, "a" * 201,
    ],
)  # fmt: skip
def test_what_is_beyond_the_reader_gives_no_text(pattern: str) -> None:
    assert matching_text(pattern) is None
