"""What the broker makes of personal data: nested, in keys, as numbers, echoed, in great number, in errors."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.broker.privacy.desk import EMAIL, Crm, Desk

from underpass.broker import Broker, InMemoryCatalog
from underpass.broker.call import Stages
from underpass.broker.privacy.kinds import TOKEN
from underpass.catalog import Progress, ToolOutcome
from underpass.errors import (
    ToolArgumentsInvalid,
    ToolFailed,
    ToolLimitExceeded,
    ToolUnavailable,
)

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R12")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "privacy"


@pytest.fixture
def desk(folder: Path) -> Generator[Desk]:
    made = Desk(folder)
    yield made
    made.privacy.close()


async def test_texts_and_keys_at_any_depth_are_searched_and_all_else_stays(desk: Desk) -> None:
    value = {
        "a": [{"b": [f"to {EMAIL}", 1, 2.5, None, True]}],
        EMAIL: {"x": EMAIL.upper()},
        "n": 4111111111111111,
    }
    seen = await desk.read(value)
    token = seen["a"][0]["b"][0].removeprefix("to ")
    assert TOKEN.fullmatch(token)
    assert seen == {
        "a": [{"b": [f"to {token}", 1, 2.5, None, True]}],
        token: {"x": token},
        "n": 4111111111111111,
    }
    assert value["a"] == [{"b": [f"to {EMAIL}", 1, 2.5, None, True]}]


async def test_a_result_without_anything_personal_is_the_same_object(desk: Desk) -> None:
    value = {"rows": [{"id": 7, "text": "the crane is late"}]}
    assert await desk.read(value) is value


async def test_tools_without_settings_are_left_alone(desk: Desk) -> None:
    value = {"email": EMAIL}
    assert await desk.read(value, "web") is value
    assert desk.privacy.about("web", "read") is None


async def test_two_spellings_are_one_value_restored_as_first_seen_and_names_are_taken_as_written(
    folder: Path,
) -> None:
    desk = Desk(folder, region="DE", names=("Ada Berg",))
    seen = await desk.read(
        ["0170 1234567", "+49 (170) 1234567", "Ada@Example.org", EMAIL, "ada_berg", "Ada Berg"]
    )
    assert len(set(seen[:2])) == len(set(seen[2:4])) == 1
    assert seen[4] != seen[5]
    await desk.send(to=", ".join(seen))
    assert (
        desk.got()["to"] == "0170 1234567, 0170 1234567, Ada@Example.org, Ada@Example.org, ada_berg, Ada Berg"
    )


async def test_fields_are_found_by_name_or_path_through_lists_and_their_whole_values_are_tokens(
    folder: Path,
) -> None:
    desk = Desk(folder, servers=(), fields={"crm.re*": ("phone", "owner.name", "tags")})
    rows = [
        {
            "phone": 491701234567,
            "owner": [{"name": "Grace H."}],
            "name": "stays",
            "tags": ["a", {"b": True}, "", None],
        },
        {
            "phone": "none yet",
            "owner": {"name": 1.5, "note": EMAIL},
            "owner.name": "Grace H.",
            "tags": {"k": "v"},
        },
    ]
    seen = (await desk.read({"rows": rows}))["rows"]
    tokens = TOKEN.findall(json.dumps(seen))
    assert len(tokens) == 8
    assert seen[0]["name"] == "stays"
    assert seen[0]["tags"][2:] == ["", None]
    assert seen[1]["owner"]["note"] == EMAIL
    assert seen[0]["owner"][0]["name"] == seen[1]["owner.name"]
    await desk.send(
        all=seen, text=f"{seen[0]['phone']}, {seen[1]['owner']['name']}, {seen[0]['tags'][1]['b']}"
    )
    assert desk.got() == {"all": rows, "text": "491701234567, 1.5, true"}


async def test_a_field_that_is_an_address_has_the_token_it_has_in_texts(folder: Path) -> None:
    desk = Desk(folder, fields={"web.read": ("email", "by")})
    listed = await desk.read({"email": EMAIL, "by": f" {EMAIL}"}, "web")
    assert listed["email"] == await desk.read(EMAIL)
    assert listed["by"].startswith("VALUE_")


async def test_tokens_are_restored_in_any_text_and_key_in_any_case_and_side_by_side(desk: Desk) -> None:
    email, card = await desk.read([EMAIL, "4111-1111-1111-1111"])
    await desk.send(
        to=f"{email}{card}", url=f"https://x.org/?q={email.lower()}&y", row={card.upper(): [email]}
    )
    assert desk.got() == {
        "to": f"{EMAIL}4111-1111-1111-1111",
        "url": f"https://x.org/?q={EMAIL}&y",
        "row": {"4111-1111-1111-1111": [EMAIL]},
    }


async def test_a_tool_that_may_not_have_values_and_another_agent_get_the_token_itself(desk: Desk) -> None:
    token = await desk.read(EMAIL)
    await desk.send("web", text=token)
    await desk.send(text=token, agent="other")
    await desk.send(text="EMAIL_aaaaaaaa")
    got = [*desk.servers["web"].got, *desk.servers["mail"].got]
    assert [each["text"] for each in got] == [token, token, "EMAIL_aaaaaaaa"]


async def test_what_a_tool_was_given_comes_back_as_its_token(folder: Path) -> None:
    desk = Desk(folder, fields={"crm.read": ("login", "pin", "age")})
    seen = await desk.read({"login": "abergson", "pin": 73481, "age": 41})
    sent = {"abergson": seen["login"], "n": seen["pin"], "t": f"by {seen['login']}", "age": seen["age"]}
    assert await desk.send(**sent) == {"abergson": seen["login"], "n": seen["pin"], "t": sent["t"], "age": 41}
    assert desk.got() == {"abergson": "abergson", "n": 73481, "t": "by abergson", "age": 41}


async def test_arguments_are_checked_as_the_tool_gets_them_and_a_refusal_does_not_tell_them(
    folder: Path,
) -> None:
    desk = Desk(folder, fields={"crm.read": ("age",)})
    young, email = (await desk.read({"age": 41, "email": EMAIL})).values()
    await desk.send(age=young, to=email)
    assert desk.got() == {"age": 41, "to": EMAIL}
    short = await desk.read("b@example.org")
    with pytest.raises(ToolArgumentsInvalid) as caught:
        await desk.send(to=short)
    assert "b@example.org" not in json.dumps(caught.value.to_dict())
    assert short in caught.value.message


async def test_errors_keep_their_type_and_lose_what_is_personal(desk: Desk) -> None:
    desk.servers["crm"].error = ToolUnavailable(
        f"{EMAIL} hung up", hint=f"ask {EMAIL}", server="crm", tool="read", stderr=[f"by {EMAIL}"]
    )
    with pytest.raises(ToolUnavailable) as caught:
        await desk.read(None)
    error = caught.value
    token = await desk_token(desk)
    assert error.to_dict() == {
        "type": "ToolUnavailable",
        "message": f"{token} hung up",
        "hint": f"ask {token}",
        "server": "crm",
        "tool": "read",
        "stderr": [f"by {token}"],
    }
    assert error.__context__ is None


async def desk_token(desk: Desk) -> str:
    desk.servers["crm"].error = None
    return await desk.read(EMAIL)


async def test_progress_is_passed_on_without_what_is_personal(desk: Desk) -> None:
    class Slow(Crm):
        async def call_tool(
            self,
            name: str,
            arguments: Mapping[str, Any],
            *,
            timeout: float,  # noqa: ASYNC109 - as the seam has it
            progress: Progress | None = None,
        ) -> ToolOutcome:
            assert progress is not None
            await progress(1, None, f"reading {EMAIL}")
            await progress(2, 2, None)
            return await super().call_tool(name, arguments, timeout=timeout)

    desk.servers["crm"] = Slow("crm")
    desk.broker = Broker(InMemoryCatalog(desk.servers), count=len, stages=Stages(privacy=desk.privacy))
    told: list[tuple[float, float | None, str | None]] = []

    async def note(value: float, total: float | None, message: str | None) -> None:
        told.append((value, total, message))

    token = await desk_token_of(desk, note)
    assert told == [(1, None, f"reading {token}"), (2, 2, None)]


async def desk_token_of(desk: Desk, progress: Progress) -> str:
    desk.servers["crm"].answer = EMAIL
    return await desk.broker.open_run().call("crm", "read", {}, progress=progress)


async def test_only_the_kinds_that_are_chosen_are_looked_for(folder: Path) -> None:
    desk = Desk(folder, kinds=("email",), names=("Ada Berg",))
    text = f"{EMAIL} +49 170 1234567 4111111111111111 DE89370400440532013000 Ada Berg"
    seen = await desk.read(text)
    assert TOKEN.sub("", seen) == text.removeprefix(EMAIL)


async def test_what_is_too_deep_or_no_text_is_refused_as_without_settings(desk: Desk) -> None:
    deep: Any = EMAIL
    for _ in range(5_000):
        deep = [deep]
    for value in (deep, f"\ud800 {EMAIL}"):
        with pytest.raises(ToolFailed, match="cannot be written as JSON"):
            await desk.read(value)


async def test_more_than_can_be_looked_at_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("underpass.broker.privacy.conceal.MOST", 10)
    with pytest.raises(ToolLimitExceeded, match="too much personal data") as caught:
        await desk.read([f"a{n}@example.org" for n in range(11)])
    assert caught.value.data["limit"] == "privacy"
    assert len(await desk.read([f"a{n}@example.org" for n in range(10)])) == 10


@pytest.mark.parametrize(
    "text", [" ".join(f"+{n}1234567" for n in range(50)), " ".join(f"0{n}234 567" for n in range(50))]
)
async def test_so_are_rows_of_digits_without_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    for limit in ("MOST_ROWS", "MOST_DOUBTFUL"):
        monkeypatch.setattr(f"underpass.broker.privacy.detect.{limit}", 20)
    with pytest.raises(ToolLimitExceeded):
        await Desk(folder, region="DE").read(text.replace(" +", ", +").replace(" 0", ", 0"))


async def test_a_large_result_is_concealed_in_full(desk: Desk) -> None:
    dice = random.Random(1)
    rows = [
        {"name": "".join(dice.choices(string.ascii_letters, k=9)), "email": f"user{n}@example.org"}
        for n in range(2_000)
    ]
    seen = await desk.read(rows)
    assert "@" not in json.dumps(seen)
    assert len({row["email"] for row in seen}) == 2_000
    await desk.send(rows=seen)
    assert desk.got() == {"rows": rows}


PIECES: Sequence[str] = [
    EMAIL,
    "+49 170 1234567",
    "4111111111111111",
    "Ada Berg",
    "x",
    " ",
    "\0",
    "é",
    "€",
    "_",
    "1",
    "EMAIL_",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
VALUES = st.recursive(
    TEXTS | st.integers(-(10**6), 10**6) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=VALUES)
async def test_what_was_concealed_is_restored_exactly(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    desk = Desk(tmp_path_factory.getbasetemp() / "drawn", names=("Ada Berg",))
    try:
        seen = await desk.read({"value": value})
        # Beside a letter a number or a name is a part of something else; an address is one anyhow.
        assert EMAIL not in json.dumps(seen)
        await desk.send(**seen)
        assert desk.got() == {"value": value}
    finally:
        desk.privacy.close()
