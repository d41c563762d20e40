"""The program in what a model wrote, for the agent and for the service."""

from __future__ import annotations

import json

import pytest

from underpass.agent import ProgramText, find_program
from underpass.codegen.calls import Language

pytestmark = pytest.mark.requirement("R30", "R44")

CODE = "print('a')\n"


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
@pytest.mark.parametrize("name", ["python", "py", "Python3", "python title=x"])
def test_a_block_with_prose_around_it_is_the_program(fence: str, name: str) -> None:
    text = f"Here it is:\n\n{fence}{name}\n{CODE}{fence}\n\nIt prints a letter, `a`."
    assert find_program(text, "python") == ProgramText(CODE, "python")


def test_a_block_in_a_list_loses_its_indentation() -> None:
    assert find_program(f"1. First:\n   ```python\n   {CODE}   ```\n", "python") == ProgramText(
        CODE, "python"
    )


def test_two_blocks_are_one_program() -> None:
    text = "```python\na = 1\n```\nand then\n```py\na + 1\n```"
    assert find_program(text, "python") == ProgramText("a = 1\n\na + 1\n", "python")


@pytest.mark.parametrize("name", ["typescript", "ts", "javascript", "js"])
def test_a_block_of_the_other_language_says_which(name: str) -> None:
    assert find_program(f"```{name}\n1\n```", "python") == ProgramText("1\n", "typescript")


@pytest.mark.parametrize(("language", "code"), [("python", "1\n"), ("typescript", "2\n")])
def test_of_two_languages_the_one_that_was_asked_for_counts(language: Language, code: str) -> None:
    assert find_program("```ts\n2\n```\n```python\n1\n```", language) == ProgramText(code, language)


@pytest.mark.parametrize("name", ["json", "sh", "bash", "text", "output", "diff"])
def test_blocks_of_data_and_shells_are_no_program(name: str) -> None:
    assert find_program(f'```{name}\n{{"a": 1}}\n```', "python") is None
    assert find_program(f"```{name}\nx\n```\n```\n{CODE}```", "python") == ProgramText(CODE, "python")


@pytest.mark.parametrize("text", ["", "Hello.", "Use `print`.", "```python\n```", "```\n\n```"])
def test_words_are_no_program(text: str) -> None:
    assert find_program(text, "python") is None


@pytest.mark.parametrize(
    "written",
    [
        "<tool_call>\n{call}\n</tool_call>",
        "I run it.\n<tool_call>{call}",
        "```json\n{call}\n```",
        "{call}",
    ],
)
@pytest.mark.parametrize("member", ["arguments", "parameters", "input"])
def test_a_call_that_is_written_as_text_gives_its_argument(written: str, member: str) -> None:
    call = json.dumps({"name": "run_code", member: {"code": CODE}})
    assert find_program(written.replace("{call}", call), "python") == ProgramText(CODE, "python")


def test_a_bare_argument_is_enough() -> None:
    assert find_program(json.dumps({"code": CODE}), "typescript") == ProgramText(CODE, "typescript")


@pytest.mark.parametrize(
    "written",
    ['{"code": 1}', '{"code": ""}', '{"code": "unfinished', '["code"]', '{"arguments": {"path": "code"}}'],
)
def test_what_only_looks_like_a_call_is_no_program(written: str) -> None:
    assert find_program(written, "python") is None
