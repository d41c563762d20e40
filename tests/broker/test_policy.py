"""What the operator's rules let through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.broker.policies import Governed

from underpass.broker import RunCalls
from underpass.broker.call import Call
from underpass.broker.policy.decision import Decision
from underpass.errors import PermissionDenied, ToolLimitExceeded

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R14")]


async def denied(run: RunCalls, tool: str, **arguments: Any) -> PermissionDenied:
    with pytest.raises(PermissionDenied) as caught:
        await run.call("files", tool, arguments)
    assert (caught.value.data["server"], caught.value.data["tool"]) == ("files", tool)
    return caught.value


async def allowed(run: RunCalls, tool: str, **arguments: Any) -> bool:
    try:
        return await run.call("files", tool, arguments) == arguments
    except PermissionDenied:
        return False


async def over(run: RunCalls, tool: str, **arguments: Any) -> ToolLimitExceeded:
    with pytest.raises(ToolLimitExceeded) as caught:
        await run.call("files", tool, arguments)
    return caught.value


def rules(*texts: str) -> str:
    return "".join(f"[[policy.rules]]\n{text}\n" for text in texts)


async def test_without_rules_only_what_is_called_destructive_needs_a_person(tmp_path: Path) -> None:
    governed = Governed(tmp_path)
    run = governed.run()
    for tool in ("read", "write", "put"):
        assert await allowed(run, tool)
    error = await denied(run, "wipe")
    assert error.data["rule"] == "default: destructive"
    assert error.message == (
        "files.wipe needs a person's permission, and nobody could be asked: "
        "its server says that it is destructive"
    )
    assert governed.trail.decisions == [
        ("read", "allow", "default: unknown", "allowed"),
        ("write", "allow", "default: unknown", "allowed"),
        ("put", "allow", "default: unknown", "allowed"),
        ("wipe", "ask", "default: destructive", "unanswered"),
    ]


async def test_the_hint_of_a_refusal_is_the_setting_that_allows_the_call(tmp_path: Path) -> None:
    error = await denied(Governed(tmp_path).run(), "wipe", all=True)
    _, _, setting = error.hint.partition(":\n")
    assert await allowed(Governed(tmp_path, setting).run(), "wipe", all=True)


async def test_the_setting_has_the_conditions_of_the_rule_that_asks(tmp_path: Path) -> None:
    rule = (
        'arguments = {n = {min = 1, max = 2.5}, on = [true, 3], at = "/a*"}\n'
        'decision = "ask"\nbytes_per_run = 99'
    )
    error = await denied(Governed(tmp_path, rules(rule)).run(), "write", n=2, on=3, at="/a")
    _, _, setting = error.hint.partition(":\n")
    assert setting.endswith(
        'arguments = {"n" = {min = 1, max = 2.5}, "on" = [true, 3], "at" = "/a*"}\n'
        'decision = "allow"\nbytes_per_run = 99'
    )
    run = Governed(tmp_path, f"{setting}\n{rules(rule)}").run()
    assert await allowed(run, "write", n=2, on=3, at="/a")
    assert not await allowed(run, "write", n=2, on=3, at="/a/../b")


async def test_a_tool_whose_name_is_a_pattern_is_not_allowed_by_a_setting_for_all(tmp_path: Path) -> None:
    governed = Governed(tmp_path)
    error = await denied(governed.run(), "*")
    assert error.hint == "a person can write a rule into underpass.toml that allows it"
    assert await allowed(governed.run("always"), "*"), "once"
    assert not governed.path.read_text()
    assert not await allowed(governed.run(run="r2"), "*")


@pytest.mark.parametrize(
    ("trusted", "unknown", "expected"),
    [
        ("[]", "deny", set[str]()),
        ('["files"]', "deny", {"read"}),
        ('["other"]', "deny", set[str]()),
        ('["files"]', "ask", {"read"}),
        ('["files"]', "allow", {"read", "write", "put"}),
    ],
)
async def test_that_a_tool_does_no_harm_is_believed_of_trusted_servers_only(
    tmp_path: Path, trusted: str, unknown: str, expected: set[str]
) -> None:
    governed = Governed(tmp_path, f'[policy]\ntrusted = {trusted}\nunknown = "{unknown}"\n')
    run = governed.run()
    found = {tool for tool in ("read", "write", "put", "wipe", "two_faced") if await allowed(run, tool)}
    assert found == expected


async def test_the_first_rule_that_fits_decides(tmp_path: Path) -> None:
    governed = Governed(
        tmp_path,
        rules(
            'tool = "w*"\nagent = "intern-*"\ndecision = "deny"\nreason = "interns only look"',
            'server = "f*s"\ntool = ["write", "wipe"]\ndecision = "allow"',
            'server = "*"\ndecision = "deny"',
        ),
    )
    run = governed.run()
    assert [await allowed(run, tool) for tool in ("write", "wipe", "read")] == [True, True, False]
    error = await denied(governed.run(agent="intern-7"), "wipe")
    assert error.message == "files.wipe is denied: interns only look"
    assert error.data["rule"] == "rule 1"
    assert error.hint.startswith("a person can allow it in underpass.toml, above rule 1:\n")
    assert 'agent = "intern-7"' in error.hint, "others stay denied"
    assert governed.trail.decisions[-1] == ("wipe", "deny", "rule 1", "refused")


@pytest.mark.parametrize(
    ("trusted", "annotation", "expected"),
    [
        ("[]", '"read_only"', set[str]()),
        ("[]", '"destructive"', {"wipe", "two_faced"}),
        ("[]", '"open_world"', {"read", "write", "put", "wipe", "two_faced"}),
        ('["files"]', '"read_only"', {"read"}),
        ('["files"]', '"idempotent"', {"read", "put"}),
        ('["files"]', '"open_world"', {"write", "put", "wipe", "two_faced"}),
        ('["files"]', '["read_only", "destructive"]', {"read", "wipe", "two_faced"}),
    ],
)
async def test_a_rule_can_be_about_what_counts_of_the_annotations(
    tmp_path: Path, trusted: str, annotation: str, expected: set[str]
) -> None:
    text = f"[policy]\ntrusted = {trusted}\n" + rules(
        f'annotation = {annotation}\ndecision = "deny"', 'decision = "allow"'
    )
    run = Governed(tmp_path, text).run()
    tools = ("read", "write", "put", "wipe", "two_faced")
    assert {tool for tool in tools if not await allowed(run, tool)} == expected


async def test_a_category_denies_any_server_but_allows_trusted_ones_only(tmp_path: Path) -> None:
    text = rules('category = "fil*"\ndecision = "deny"')
    assert (await denied(Governed(tmp_path, text).run(), "read")).data["rule"] == "rule 1"
    assert await allowed(Governed(tmp_path, text, category="weather").run(), "read")
    text = '[policy]\nunknown = "deny"\n' + rules('category = "files"\ndecision = "allow"')
    assert not await allowed(Governed(tmp_path, text).run(), "write")
    text = text.replace("[policy]", '[policy]\ntrusted = ["files"]')
    governed = Governed(tmp_path, text)
    run = governed.run()
    assert await allowed(run, "write")
    assert await allowed(run, "write")
    assert governed.categories_asked == ["write"], "once for each tool"


@pytest.mark.parametrize(
    ("predicate", "fits", "fits_not"),
    [
        (
            '{path = "/tmp/*"}',
            [{"path": "/tmp/a/b"}],
            [{"path": "/etc/x"}, {"path": "/tmp"}, {"path": 5}, {}],
        ),
        (
            '{branch = ["main", "release/*"]}',
            [{"branch": "main"}, {"branch": "release/1"}],
            [{"branch": "x"}],
        ),
        ("{amount = {max = 100}}", [{"amount": 100}, {"amount": -1.5}], [{"amount": 101}, {"amount": True}]),
        (
            "{amount = {min = 1, max = 2}}",
            [{"amount": 1}],
            [{"amount": 0}, {"amount": "1"}, {"amount": None}],
        ),
        ("{force = false}", [{"force": False}], [{"force": True}, {"force": 0}, {}]),
        ("{n = [1, 2.5]}", [{"n": 1}, {"n": 2.5}], [{"n": True}, {"n": 2}]),
        ('{a = "x", b = "y"}', [{"a": "x", "b": "y", "c": 1}], [{"a": "x"}, {"a": "x", "b": "z"}]),
        ('{a = "*b*c*"}', [{"a": "bc"}, {"a": "1b2c3"}], [{"a": "cb"}, {"a": "b"}]),
        ('{a = "ab*ba"}', [{"a": "abba"}], [{"a": "aba"}]),
    ],
)
async def test_a_rule_can_be_about_the_values_of_arguments(
    tmp_path: Path, predicate: str, fits: list[dict[str, Any]], fits_not: list[dict[str, Any]]
) -> None:
    run = Governed(tmp_path, rules(f'arguments = {predicate}\ndecision = "allow"', 'decision = "deny"')).run()
    assert [await allowed(run, "write", **each) for each in fits] == [True] * len(fits)
    assert [await allowed(run, "write", **each) for each in fits_not] == [False] * len(fits_not)


@pytest.mark.parametrize(
    "path",
    [
        "/tmp/../etc/passwd",
        "/tmp/./../etc/passwd",
        "/tmp//../etc/passwd",
        "/../tmp/../etc/passwd",
        "/tmp/a/../../etc/passwd",
        "/tmp/..\\..\\etc/passwd",
        ["/tmp/a", "/etc/passwd"],
    ],
)
async def test_a_detour_or_a_list_gets_around_no_rule(tmp_path: Path, path: Any) -> None:
    opening = rules('arguments = {path = "/tmp/*"}\ndecision = "allow"', 'decision = "deny"')
    assert not await allowed(Governed(tmp_path, opening).run(), "write", path=path)
    closing = rules('arguments = {path = "/etc/*"}\ndecision = "deny"')
    assert not await allowed(Governed(tmp_path, closing).run(), "write", path=path)


async def test_paths_and_addresses_that_lead_where_they_say_are_allowed(tmp_path: Path) -> None:
    text = rules(
        'arguments = {at = ["/tmp/*", "https://a.example/*", "b/*"]}\ndecision = "allow"', 'decision = "deny"'
    )
    run = Governed(tmp_path, text).run()
    for at in ("/tmp/./x", "/tmp/a/../b", "https://a.example/x//y", "./b/c/../d", ["/tmp/a", "b/c"]):
        assert await allowed(run, "write", at=at) is (at != "./b/c/../d"), at
    assert not await allowed(run, "write", at="https://a.example/../b.example/")
    assert not await allowed(run, "write", at="../b/c")
    assert not await allowed(run, "write", at=[])


async def test_a_rate_is_each_agents_own_and_says_when_there_is_room_again(tmp_path: Path) -> None:
    now = 0.0
    governed = Governed(
        tmp_path, rules('tool = "write"\ndecision = "allow"\nrate = "2/min"'), clock=lambda: now
    )
    assert await allowed(governed.run(run="r1"), "write")
    now = 20.0
    assert await allowed(governed.run(run="r2"), "write")
    error = await over(governed.run(run="r3"), "write")
    assert error.message == "files.write: rule 1 allows 2/min, and there is room again in 40 seconds"
    assert error.hint == "wait 40 seconds, or raise rate of rule 1 in underpass.toml"
    assert (error.data["rule"], error.data["limit"], error.data["value"]) == ("rule 1", "rate", "2/min")
    assert error.data["retry_after"] == 40
    assert governed.trail.decisions[-1] == ("write", "deny", "rule 1", "refused")
    assert await allowed(governed.run(agent="other"), "write")
    assert await allowed(governed.run(), "read"), "no other rule's calls count"
    now = 60.0
    assert await allowed(governed.run(), "write")
    assert (await over(governed.run(), "write")).data["retry_after"] == 20


async def test_many_agents_leave_nothing_behind(tmp_path: Path) -> None:
    now = 0.0
    governed = Governed(tmp_path, rules('decision = "allow"\nrate = "1/s"'), clock=lambda: now)
    for number in range(1_001):
        now += 0.1
        assert await allowed(governed.run(agent=f"a{number}"), "write")
    assert (await over(governed.run(agent="a1000"), "write")).data["limit"] == "rate"


async def test_a_budget_is_each_runs_own(tmp_path: Path) -> None:
    governed = Governed(tmp_path, rules('tool = "write"\ndecision = "allow"\ncalls_per_run = 2'))
    run = governed.run()
    assert [await allowed(run, "write") for _ in range(2)] == [True, True]
    error = await over(run, "write")
    assert error.message == "files.write: rule 1 allows a run 2 calls, and none is left"
    assert error.data["setting"] == "policy.rules.calls_per_run"
    assert await allowed(governed.run(run="r2"), "write")


async def test_arguments_and_results_count_towards_a_budget_of_bytes(tmp_path: Path) -> None:
    governed = Governed(tmp_path, rules('tool = "write"\ndecision = "allow"\nbytes_per_run = 50'))
    run = governed.run()
    assert await allowed(run, "write", text="x" * 10), "21 bytes, twice"
    assert (await over(run, "write", text="x")).data["limit"] == "bytes_per_run"
    assert await allowed(run, "write"), "4 more"
    assert (await over(governed.run(), "write", text="x" * 50)).data["value"] == 50


async def test_whoever_is_asked_decides(tmp_path: Path) -> None:
    governed = Governed(tmp_path)
    run = governed.run("once", "refuse", None)
    assert await allowed(run, "wipe", n=1)
    error = await denied(run, "wipe", n=2)
    assert error.message == "a person refused files.wipe: its server says that it is destructive"
    assert "nobody could be asked" in (await denied(run, "wipe", n=3)).message
    assert [outcome for *_, outcome in governed.trail.decisions] == ["allowed", "refused", "unanswered"]


async def test_a_program_cannot_ask_more_often_than_it_may_call(tmp_path: Path) -> None:
    governed = Governed(tmp_path, rules('decision = "ask"\ncalls_per_run = 1'))
    run = governed.run("refuse", "once")
    await denied(run, "write")
    assert (await over(run, "write")).data["limit"] == "calls_per_run"


async def test_always_stands_above_the_rule_that_asked_and_below_those_that_deny(tmp_path: Path) -> None:
    text = "# Ours.\n" + rules(
        'tool = "write"\narguments = {path = "/etc/*"}\ndecision = "deny"',
        'tool = "w*"\narguments = {path = "/*"}\ndecision = "ask"\nrate = "9/min" # not often',
    )
    governed = Governed(tmp_path, text)
    run = governed.run("always")
    assert await allowed(run, "write", path="/tmp")
    for known in (governed, Governed(tmp_path, governed.path.read_text())):
        later = known.run()
        assert await allowed(later, "write", path="/var")
        assert (await denied(later, "write", path="/etc/passwd")).data["rule"] == "rule 1"
        assert (await denied(later, "wipe", path="/")).data["rule"] in {"rule 2", "rule 3"}
    written = governed.path.read_text()
    assert written.startswith("# Ours.\n")
    assert 'rate = "9/min" # not often' in written
    assert [outcome for *_, outcome in governed.trail.decisions[:2]] == ["allowed", "allowed"]


async def test_always_about_a_default_is_the_last_rule(tmp_path: Path) -> None:
    governed = Governed(tmp_path, rules('tool = "x"\ndecision = "deny"'))
    assert await allowed(governed.run("always"), "wipe")
    assert governed.path.read_text().endswith(
        '[[policy.rules]]\nserver = "files"\ntool = "wipe"\ndecision = "allow"\n'
    )
    assert await allowed(governed.run(), "wipe")


class SuspiciousFlow:
    """Finds something against every call."""

    def __init__(self, effect: Any) -> None:
        self._effect = effect
        self.is_silent = False
        self.seen: list[Any] = []

    def open_run(self, run: str, agent: str, session: object | None = None) -> SuspiciousFlow:
        return self

    async def check(self, call: Call) -> Decision | None:
        if self.is_silent or call.tool.name == "read":
            return None
        return Decision(self._effect, "flow: test", "it is private")

    def returned(self, server: str, tool: str, value: Any, encoded: bytes) -> None:
        self.seen.append(value)

    async def close(self) -> None:
        self.seen.append("closed")


async def test_of_rule_and_flow_the_stricter_decides(tmp_path: Path) -> None:
    text = rules('tool = "write"\ndecision = "allow"', 'tool = "put"\ndecision = "deny"')
    flow = SuspiciousFlow("ask")
    governed = Governed(tmp_path, text, flows=flow)
    run = governed.run()
    assert await allowed(run, "read", a=1)
    assert (await denied(run, "write")).data["rule"] == "flow: test"
    assert (await denied(run, "put")).data["rule"] == "rule 2"
    await run.close()
    assert flow.seen == [{"a": 1}, "closed"]
    assert (
        "is denied"
        in (await denied(Governed(tmp_path, text, flows=SuspiciousFlow("deny")).run(), "write")).message
    )


async def test_a_rule_that_allows_the_flow_is_stronger_than_what_the_flow_finds(tmp_path: Path) -> None:
    flow = SuspiciousFlow("deny")
    text = rules('tool = "write"\ndecision = "allow"')
    error = await denied(Governed(tmp_path, text, flows=flow).run(), "write")
    _, _, setting = error.hint.partition(":\n")
    assert 'flow = "allow"' in setting
    assert await allowed(Governed(tmp_path, f"{setting}\n{text}", flows=flow).run(), "write")


async def test_yes_for_this_run_to_one_reason_is_not_yes_to_another(tmp_path: Path) -> None:
    flow = SuspiciousFlow("ask")
    flow.is_silent = True
    governed = Governed(tmp_path, rules('tool = "write"\ndecision = "ask"'), flows=flow)
    run = governed.run("run", "refuse")
    assert await allowed(run, "write", n=1)
    assert await allowed(run, "write", n=2)
    flow.is_silent = False
    assert (await denied(run, "write", n=3)).data["rule"] == "flow: test"


async def test_always_about_the_flow_allows_the_flow(tmp_path: Path) -> None:
    governed = Governed(tmp_path, rules('tool = "write"\ndecision = "allow"'), flows=SuspiciousFlow("ask"))
    assert await allowed(governed.run("always"), "write")
    assert await allowed(governed.run(), "write")


async def test_a_request_for_resources_only_reads_whoever_serves_them(tmp_path: Path) -> None:
    for text, rule in (
        ('[policy]\nunknown = "deny"', None),
        (rules('tool = "resources/*"\ndecision = "deny"'), "rule 1"),
        (rules('annotation = "read_only"\ndecision = "deny"'), "rule 1"),
    ):
        governed = Governed(tmp_path, text)
        run = governed.run()
        if rule is None:
            assert await run.call("files", "resources/list", {}) == []
        else:
            assert (await denied(run, "resources/list")).data["rule"] == rule
        expected = ("allow", "default: read-only", "allowed") if rule is None else ("deny", rule, "refused")
        assert governed.trail.decisions[-1][1:] == expected


async def test_a_call_from_outside_of_any_program_goes_through_the_same_rules(tmp_path: Path) -> None:
    governed = Governed(tmp_path, rules('tool = "write"\nagent = "a"\ndecision = "deny"'))
    assert await governed.broker.call("files", "write", {"x": 1}) == {"x": 1}
    with pytest.raises(PermissionDenied, match="rule 1"):
        await governed.broker.call("files", "write", {}, agent="a")
    with pytest.raises(PermissionDenied, match="nobody could be asked"):
        await governed.broker.call("files", "wipe", {})
