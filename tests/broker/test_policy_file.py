"""``[policy]`` of ``underpass.toml``: what is read, what is refused, and what is written."""

from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.broker.policies import settings_of

from underpass import Underpass
from underpass.broker.policy.decision import Decision
from underpass.broker.policy.remember import remember
from underpass.config import load_settings
from underpass.errors import ConfigError

pytestmark = pytest.mark.requirement("R14")

RULE = '[[policy.rules]]\ntool = "x"\ndecision = "ask"\n'
ALWAYS = Decision(
    "ask", "rule 1", "…", setting='[[policy.rules]]\nserver = "s"\ntool = "x"\ndecision = "allow"'
)


def test_rules_are_read_as_they_are_written(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        '[policy]\ntrusted = ["git", "files"]\nunknown = "ask"\n' + RULE
        + '[[policy.rules]]\nserver = ["a", "b*"]\narguments = {n = {max = 5}}\ndecision = "allow"\n'
        'rate = " 10 / hour"\ncalls_per_run = 3\nbytes_per_run = 4\nflow = "allow"\nreason = "so"\n',
    )  # fmt: skip
    assert (settings.policy.trusted, settings.policy.unknown) == (("git", "files"), "ask")
    first, second = settings.policy.rules
    assert (first.decision, second.decision, second.flow, second.reason) == ("ask", "allow", "allow", "so")
    assert second.rate is not None
    assert (second.rate.calls, second.rate.seconds) == (10, 3600)
    assert (second.calls_per_run, second.bytes_per_run) == (3, 4)


def test_a_variable_names_trusted_servers(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={"UNDERPASS_POLICY_TRUSTED": "git, files,"})
    assert settings.policy.trusted == ("git", "files")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ('decisio = "ask"', "there is no setting 'policy.rules[2].decisio'", "policy.rules[2].decision"),
        ('decision = "aks"', 'policy.rules[2].decision must be "allow" or "ask" or "deny"', "mean ask?"),
        ('server = "x"', "policy.rules[2] has no decision", 'decision = "ask"'),
        ("decision = 1", "policy.rules[2].decision must be", ""),
        ('annotation = "readonly"', "policy.rules[2].annotation must be", "mean read_only?"),
        ("server = []", "policy.rules[2].server must be a text, or a list of texts, but is []", ""),
        ("tool = [1]", "policy.rules[2].tool must be a text, or a list of texts", ""),
        ("reason = 1", "policy.rules[2].reason must be a text", ""),
        ('rate = "10/minute"', 'policy.rules[2].rate must be such as "10/min"', "/s, /min, /hour, /day"),
        ('rate = "0/s"', "policy.rules[2].rate", ""),
        ("rate = 5", "policy.rules[2].rate", ""),
        ("calls_per_run = 0", "policy.rules[2].calls_per_run must be a whole number above 0", ""),
        ("bytes_per_run = true", "policy.rules[2].bytes_per_run must be a whole number above 0", ""),
        ('flow = "deny"', 'policy.rules[2].flow must be "allow"', ""),
        ("arguments = 1", "policy.rules[2].arguments must be a table", 'path = "/tmp/*"'),
        ("arguments = {a = []}", "policy.rules[2].arguments.a must be a value, or a list of values", ""),
        ("arguments = {a = {}}", "policy.rules[2].arguments.a must be a text, a number", ""),
        ("arguments = {a = 2020-01-01}", "policy.rules[2].arguments.a must be a text, a number", ""),
        ("arguments = {a = {most = 1}}", "policy.rules[2].arguments.a.most is no condition", "min and max"),
        ('arguments = {a = {max = "1"}}', "policy.rules[2].arguments.a.max must be a number", ""),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_named_with_its_line(
    tmp_path: Path, line: str, message: str, hint: str
) -> None:
    rest = "" if line.startswith(("decis", 'server = "x"')) else 'decision = "ask"\n'
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, f"# rules\n{RULE}\n[[policy.rules]]\n{line}\n{rest}")
    expected = 6 if "no decision" in message else 7
    path = str(tmp_path / "underpass.toml")
    assert caught.value.message.startswith(f"{path}: line {expected}: {message}")
    assert hint in caught.value.hint
    assert (caught.value.data["path"], caught.value.data["line"]) == (path, expected)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[policy]\n\ntrusted = 1", 3, "policy.trusted must be a list of texts, but is 1"),
        ('[policy]\nunknown = "no"', 2, "policy.unknown must be 'allow' or 'ask' or 'deny'"),
        ("[policy]\nrules = 1", 2, "policy.rules must be a list of tables"),
        ("[policy]\nrules = [1]", 2, "policy.rules[1] must be a table"),
        ('[policy]\ntrust = ["a"]', 2, "there is no setting 'policy.trust'"),
        ('[[policy.rules]]\ndecision = "deny"\nrate = "1/s"', 3, "policy.rules[1].rate limits calls that"),
    ],
)
def test_a_mistake_in_the_section_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(tmp_path, text)
    assert f": line {line}: {message}" in caught.value.message


@pytest.mark.anyio
async def test_nothing_starts_with_a_policy_that_has_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "underpass.toml").write_text('[[policy.rules]]\ndecision = "maybe"\n')
    with pytest.raises(ConfigError, match=r"line 2: policy\.rules\[1\]\.decision"):
        async with Underpass.open():
            pass


def test_rules_of_a_program_have_no_line() -> None:
    with pytest.raises(ConfigError, match=r"^policy\.rules\[1\] has no decision") as caught:
        load_settings(Path("/nowhere"), environ={}, arguments={"policy.rules": [{}]})
    assert "line" not in caught.value.data


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_rule_is_put_above_the_one_that_asks_and_the_rest_stays(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "underpass.toml"
    text = '# top\n[run]\ntimeout = 5 # s\n\n# first\n[[policy.rules]]\ntool = "y"\ndecision = "deny"\n\n'
    text += f"# second,\n# of two lines\n{RULE}\n[calls]\nmax_calls = 7\n"
    path.write_bytes(text.replace("\n", newline).encode())
    path.chmod(0o640)
    second = load_settings(tmp_path, environ={}).policy.rules[1]
    remember(path, ALWAYS, second)
    after = path.read_bytes().decode()
    assert after.count(newline) == after.count("\n")
    rules = tomllib.loads(after)["policy"]["rules"]
    assert [(rule["tool"], rule["decision"]) for rule in rules] == [
        ("y", "deny"),
        ("x", "allow"),
        ("x", "ask"),
    ]
    assert after.index("# first") < after.index('server = "s"') < after.index("# second,")
    assert after.index("# second,") + len(f"# second,{newline}") == after.index("# of two lines")
    assert path.stat().st_mode & 0o777 == 0o640
    remember(path, ALWAYS, second)
    assert path.read_bytes().decode() == after, "it is there already"


def test_the_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    remember(tmp_path / "underpass.toml", ALWAYS)
    assert [rule.decision for rule in load_settings(tmp_path, environ={}).policy.rules] == ["allow"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[policy", "the rule was not written"),
        ('[policy]\nrules = [{tool = "x", decision = "ask"}]\n', "a [[policy.rules]] of their own"),
        ('[[policy.rules]]\ntool = "z"\ndecision = "ask"\n', "is not there any more"),
        ('[run]\nx = """\n[[policy.rules]]\n"""\n' + RULE, "a [[policy.rules]] of their own"),
        ("[policy]\nrules = 5\n", "must be a list of tables"),
    ],
)
def test_a_file_in_which_the_rule_has_no_place_stays_as_it_is(tmp_path: Path, text: str, why: str) -> None:
    [asking] = settings_of(tmp_path, RULE).policy.rules
    path = tmp_path / "underpass.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        remember(path, ALWAYS, asking)
    assert why in caught.value.message
    assert path.read_text() == text


def test_a_decision_without_a_setting_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no rule to write"):
        remember(tmp_path / "underpass.toml", replace(ALWAYS, setting=""))
    assert not (tmp_path / "underpass.toml").exists()


def test_no_rule_is_lost_when_many_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "underpass.toml"
    decisions = [
        replace(ALWAYS, setting=ALWAYS.setting.replace('"x"', f'"x{number}"')) for number in range(20)
    ]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(remember, [path] * len(decisions), decisions))
    rules = load_settings(tmp_path, environ={}).policy.rules
    assert sorted(rule.tool[0].text for rule in rules) == sorted(f"x{number}" for number in range(20))
