from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.command_line import underpass, write_config

pytestmark = pytest.mark.requirement("R14")

RULES = """\
# Ours.
[policy]
trusted = ["git"]

[[policy.rules]]
server = "git"
tool = "git_add"
arguments = {files = "secrets/*"}
decision = "deny"
reason = "secrets stay out"

[[policy.rules]]
tool = ["git_add", "git_commit"]
decision = "ask"
rate = "10/min"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policy")
    write_config(folder, "git")
    (folder / "underpass.toml").write_text(RULES)
    return folder


def test_check_says_what_is_decided_by_which_rule_and_what_would_allow_it(folder: Path) -> None:
    shown = underpass("policy", "check", "git.git_add", cwd=folder)
    assert shown.status == 0
    assert shown.stdout.splitlines() == [
        "git.git_add: ask",
        "  rule 2, line 12 of underpass.toml",
        '  limits: rate = "10/min"',
        '  other arguments: rule 1 (deny) if arguments = {"files" = "secrets/*"}',
        "  to allow it, write in underpass.toml, above rule 2:",
        "    [[policy.rules]]",
        '    server = "git"',
        '    tool = "git_add"',
        '    decision = "allow"',
        '    rate = "10/min"',
    ]
    denied = underpass(
        "policy",
        "check",
        "git.git_add",
        "--arguments",
        '{"files": ["a", "./secrets/b"]}',
        "--json",
        cwd=folder,
    ).json
    assert (denied["decision"], denied["rule"], denied["line"]) == ("deny", "rule 1", 5)
    assert denied["reason"] == "secrets stay out"
    assert denied["setting"].startswith("[[policy.rules]]\n")


def test_check_knows_the_default_and_requests_for_resources(folder: Path) -> None:
    shown = underpass("policy", "check", "git.git_reset", cwd=folder).stdout
    assert "git.git_reset: ask\n  default: destructive: its server says that it is destructive\n" in shown
    assert "below all rules:" in shown
    status = underpass("policy", "check", "git.git_status", "--agent", "a", cwd=folder).stdout
    assert status == "git.git_status: allow\n  default: read-only: it only reads\n"
    assert (
        underpass("policy", "check", "git.resources/read", "--json", cwd=folder).json["decision"] == "allow"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("git.git_ad",), 2, "did you mean 'git_add'"),
        (("git.git_add", "--arguments", "["), 2, "--arguments is no JSON"),
        (("git.git_add", "--arguments", "[]"), 2, "--arguments must be a JSON object"),
    ],
)
def test_check_says_what_is_wrong_with_its_arguments(
    folder: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    done = underpass("policy", "check", *arguments, cwd=folder)
    assert message in done.stderr
    assert done.status in {1, status}


def test_list_shows_the_rules_and_what_holds_without_them(folder: Path, tmp_path: Path) -> None:
    shown = underpass("policy", "list", cwd=folder).stdout
    assert "secrets stay out" in shown
    assert "by the word of trusted servers (git)" in shown
    assert "everything else is allowed" in shown
    listed = underpass("policy", "list", "--json", cwd=folder).json
    assert listed["rules"][1] == {
        "rule": 2, "line": 12, "tool": ["git_add", "git_commit"], "decision": "ask", "rate": "10/min",
    }  # fmt: skip
    assert (listed["trusted"], listed["unknown"]) == (["git"], "allow")
    assert "There are no rules." in underpass("policy", "list", cwd=tmp_path).stdout


def test_list_names_servers_that_are_none(tmp_path: Path) -> None:
    write_config(tmp_path, "git")
    (tmp_path / "underpass.toml").write_text(
        '[policy]\ntrusted = ["gti"]\n[[policy.rules]]\nserver = ["g*", "gut"]\ndecision = "deny"\n'
    )
    warnings = [
        "trusted: no server is named gti; did you mean git?",
        "rule 1: no server is named gut; did you mean git?",
    ]
    assert underpass("policy", "list", cwd=tmp_path).stdout.splitlines()[-2:] == warnings
    assert underpass("policy", "list", "--json", cwd=tmp_path).json["warnings"] == warnings


def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "underpass.toml").write_text('[[policy.rules]]\nserver = "git"\ndecision = "alow"\n')
    done = underpass("policy", "list", cwd=tmp_path)
    assert done.status == 2
    assert "underpass.toml: line 3: policy.rules[1].decision must be" in done.stderr
    assert "did you mean allow?" in done.stderr
