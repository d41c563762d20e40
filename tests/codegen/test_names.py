"""Identifiers: predictable from a name, distinct within a group, and stable whatever else is listed."""

import keyword
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underpass.codegen.names import (
    Kind,
    function_identifier,
    identifiers,
    namespace_identifier,
    parameter_identifier,
    server_identifier,
    tool_identifier,
)

pytestmark = pytest.mark.requirement("R03", "R08")

KINDS: tuple[Kind, ...] = ("server", "tool", "parameter", "namespace", "function")


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("git_log", "git_log"),
        ("searchIssues", "search_issues"),
        ("GetHTTPResponse", "get_http_response"),
        ("getUserByID", "get_user_by_id"),
        ("listUserIDs", "list_user_ids"),
        ("list-files", "list_files"),
        ("a.b/c d", "a_b_c_d"),
        ("class", "class_"),
        ("list", "list_"),
        ("call_tool", "call_tool_"),
        ("match", "match"),
        ("__init__", "init"),
        ("_private", "private"),
        ("3d-print", "tool_3d_print"),
        ("名前", "名前"),
        ("Straße", "straße"),
        ("🎉party", "party"),
        ("ﬁle", "file"),
        ("", "tool_e3b0c442"),
    ],
)
def test_a_tool_is_named_in_snake_case(name: str, identifier: str) -> None:
    assert tool_identifier(name) == identifier


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("my-server", "my_server"),
        ("GitHub", "GitHub"),
        ("@scope/package", "scope_package"),
        ("_runtime", "runtime"),
        ("import", "import_"),
        ("TYPE_CHECKING", "TYPE_CHECKING_"),
        ("360", "server_360"),
    ],
)
def test_a_server_keeps_its_name_as_far_as_it_can(name: str, identifier: str) -> None:
    assert server_identifier(name) == identifier


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("repoPath", "repoPath"),
        ("_meta", "_meta"),
        ("auth-method", "auth_method"),
        ("from", "from_"),
        ("call_tool", "call_tool_"),
        ("__proto__", "proto"),
        ("2fa", "_2fa"),
        ("ﬁ", "fi"),
    ],
)
def test_a_parameter_that_is_an_identifier_keeps_its_name(name: str, identifier: str) -> None:
    assert parameter_identifier(name) == identifier


@pytest.mark.requirement("R02")
@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("search_issues", "searchIssues"),
        ("searchIssues", "searchIssues"),
        ("API_get_URL", "apiGetUrl"),
        ("git-log.2", "gitLog2"),
        ("new", "new_"),
        ("then", "then_"),
        ("to_string", "toString_"),
        ("call_tool", "callTool_"),
        ("3d-print", "tool3dPrint"),
        ("名前", "名前"),
        ("", "toolE3b0c442"),
    ],
)
def test_a_tool_is_named_in_camel_case_in_typescript(name: str, identifier: str) -> None:
    assert function_identifier(name) == identifier


@pytest.mark.requirement("R02")
@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("terraphim", "terraphim"),
        ("my-server", "myServer"),
        ("my_server", "myServer"),
        ("GitHub", "GitHub"),
        ("@scope/package", "scopePackage"),
        ("default", "default_"),
        ("ToolError", "ToolError_"),
        ("360", "server360"),
    ],
)
def test_a_server_is_a_namespace_in_typescript(name: str, identifier: str) -> None:
    assert namespace_identifier(name) == identifier


@pytest.mark.requirement("R02")
def test_names_that_camel_case_makes_one_are_kept_apart() -> None:
    names = identifiers(["get_user", "getUser", "GET-USER", "get.user"], "function")

    assert names["getUser"] == "getUser"
    assert names["get_user"].startswith("getUser_")
    assert len({identifier.casefold() for identifier in names.values()}) == 4


def test_of_names_that_would_be_one_the_exact_one_keeps_it() -> None:
    names = identifiers(["get-user", "getUser", "get_user", "get.user"], "tool")

    assert names["get_user"] == "get_user"
    assert len(set(names.values())) == 4
    assert all(identifier.startswith("get_user") for identifier in names.values())


def test_without_an_exact_one_no_name_gets_the_shared_identifier() -> None:
    assert "a_b" not in identifiers(["a-b", "a.b"], "tool").values()


def test_a_made_up_identifier_never_takes_another_names_own() -> None:
    made = identifiers(["a-b", "a.b"], "tool")["a-b"]

    names = identifiers(["a-b", "a.b", made], "tool")

    assert names[made] == made
    assert names["a-b"] != made


def test_servers_that_differ_by_case_get_directories_that_differ_by_more() -> None:
    names = identifiers(["GitHub", "github", "GITHUB"], "server")

    assert names["github"] == "github"
    assert len({identifier.casefold() for identifier in names.values()}) == 3


def test_a_name_of_any_length_gives_a_usable_file_name() -> None:
    names = identifiers(["x" * 5000, "x" * 5001, "名" * 300], "tool")

    assert len(set(names.values())) == 3
    assert all(len(identifier.encode()) < 200 for identifier in names.values())


@given(st.lists(st.text(max_size=12), unique=True, max_size=12), st.sampled_from(KINDS), st.randoms())
def test_identifiers_are_valid_distinct_and_independent_of_order(
    names: list[str], kind: Kind, random: object
) -> None:
    given_names = identifiers(names, kind)
    shuffled = list(names)
    getattr(random, "shuffle")(shuffled)  # noqa: B009 - hypothesis hands out its own Random

    assert identifiers(shuffled, kind) == given_names
    for identifier in given_names.values():
        assert identifier.isidentifier()
        assert kind in {"namespace", "function"} or not keyword.iskeyword(identifier)
        assert unicodedata.normalize("NFKC", identifier) == identifier
        assert kind == "parameter" or not identifier.startswith("_")
    folded = {value if kind == "parameter" else value.casefold() for value in given_names.values()}
    assert len(folded) == len(names)


@given(st.lists(st.sampled_from(["a-b", "a_b", "A-B", "aB", "a.b", "a_b_", "a b", "A_B"]), unique=True))
def test_adding_a_tool_never_gives_its_neighbours_name_to_another(names: list[str]) -> None:
    before = identifiers(names, "tool")
    after = identifiers([*names, "a/b"], "tool")

    for name, identifier in before.items():
        others = {other for other, its in after.items() if its == identifier and other != name}
        assert not others
