import pytest

from underpass.discovery.words import terms

pytestmark = pytest.mark.requirement("R21")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git_log", ["git", "log"]),
        ("listRepos", ["list", "repo", "listrepo"]),
        ("HTTPServer2", ["http", "server", "2", "httpserver2"]),
        ("GitHub", ["git", "hub", "github"]),
        ("Search the issues of a repository", ["search", "issu", "repository"]),
        ("北京 weather", ["北", "京", "weather"]),
        ("", []),
        ("of the", []),
    ],
)
def test_a_text_falls_into_the_parts_of_its_words(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    "group",
    [
        ["commit", "commits", "committed", "committing"],
        ["query", "queries"],
        ["search", "searches", "searching", "searched"],
        ["create", "creates", "creating", "created"],
        ["file", "files"],
        ["delete", "deleted", "deleting"],
        ["address", "addresses"],
    ],
)
def test_inflected_words_are_one_term(group: list[str]) -> None:
    assert len({terms(word)[0] for word in group}) == 1


@pytest.mark.parametrize(("one", "other"), [("status", "state"), ("thing", "the"), ("red", "r")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert terms(one) != terms(other)
