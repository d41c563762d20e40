import pytest

from underpass.cli.output import plain
from underpass.cli.run import footer
from underpass.cli.terms import bytes_, milliseconds
from underpass.execution.result import Duration, RunResult, Tokens, ToolCall


def result(calls: int, direct: int, sandbox: str = "process", *, checked: bool | str = True) -> RunResult:
    call = ToolCall("git", "git_log", 1.0, ok=True, bytes_in=1, bytes_out=1)
    return RunResult(
        run="r",
        ok=True,
        value=1,
        stdout="",
        stderr="",
        error=None,
        tool_calls=(call,) * calls,
        duration=Duration(1234, 0, 0, 0),
        sandbox=sandbox,
        language="python",
        tokens=Tokens(1000, direct, "o200k_base"),
        checked=checked,
    )


@pytest.mark.requirement("R33")
@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (result(0, 0), "0 tool calls · 1.2 s · 1,000 tokens · sandbox process · checked"),
        (result(1, 51_000), "1 tool call · 1.2 s · 50,000 tokens saved · sandbox process · checked"),
        (
            result(2, 900),
            "2 tool calls · 1.2 s · 100 tokens more than direct calls · sandbox process · checked",
        ),
        (result(0, 0, "none"), "0 tool calls · 1.2 s · 1,000 tokens · not isolated · checked"),
        (result(0, 0, checked=False), "0 tool calls · 1.2 s · 1,000 tokens · sandbox process · not checked"),
        (
            result(0, 0, checked="skipped: git cannot be reached"),
            "0 tool calls · 1.2 s · 1,000 tokens · sandbox process · not checked: git cannot be reached",
        ),
    ],
)
def test_a_footer_names_a_saving_and_a_loss_as_what_it_is(shown: RunResult, expected: str) -> None:
    assert footer(shown) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\nc\r\n", "a\tb\nc\n"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb", "a\\x0db"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202edlrow", "\\x202edlrow"),
        ("ünï 中 🙂", "ünï 中 🙂"),
    ],
)
def test_control_characters_are_written_out(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_quantities_carry_their_unit() -> None:
    assert [milliseconds(time) for time in (0.84, 42.4, 1_320)] == ["0.8 ms", "42 ms", "1.3 s"]
    assert [bytes_(size) for size in (812, 4_210, 1_310_000)] == ["812 B", "4.2 kB", "1.3 MB"]
