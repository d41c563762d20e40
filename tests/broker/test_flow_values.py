"""Private values are found in the arguments of calls to other servers, wherever they stand."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import anyio
import anyio.to_thread
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.broker.flows import flows, opened, reads, sends

from underpass.broker.flow.fingerprints import Fingerprints, pieces
from underpass.broker.flow.telling import RUN
from underpass.broker.flow.text import normalised
from underpass.broker.flow.values import PrivateValues, find
from underpass.catalog import ToolDefinition
from underpass.config import FlowSettings

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R12")]

SECRET = "correct horse battery staple"
CHAT = ToolDefinition("chat", "post")
# Surrogates are no text in JSON.
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def tells(text: str) -> bool:
    """Whether a text as a whole is recognised."""
    plain = normalised(text)
    return len(plain) >= 12 and len(set(plain)) >= 12 and not (plain.isalpha() and len(plain) < 20)


TELLING = TEXT.filter(tells)
LONG = st.text(st.characters(exclude_categories=("Cs",)), min_size=32, max_size=80).filter(
    # White space at the ends or several of it in the middle is not counted.
    lambda text: len(normalised(text)) >= RUN and len(set(normalised(text))) >= 20
)
CODE = st.text(string.ascii_lowercase + string.digits + "-_.@:/#", min_size=12, max_size=60).filter(
    lambda text: all(len(set(text[at : at + 12])) >= 4 and any(map(str.isdigit, text[at : at + 12]))
                     for at in range(len(text) - 11))
)  # fmt: skip


class Session:
    """Stands for the variables of some runs."""


def known(*values: Any, server: str = "mail") -> PrivateValues:
    """The values that a run has read."""
    private = PrivateValues(12)
    for value in values:
        private.add(server, "read", orjson.dumps(value))
    return private


def found(private: PrivateValues, arguments: dict[str, Any], tool: ToolDefinition = CHAT) -> str | None:
    """Where a private value stands, and where it came from."""
    match = find([private], tool, arguments)
    return None if match is None else f"{match.argument} <- {match.source}"


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON values with something of ``leaf`` anywhere in them."""

    def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        others = st.lists(TEXT | st.integers(-10, 10) | st.none(), max_size=2)
        return st.tuples(others, inner, others).map(
            lambda parts: [*parts[0], parts[1], *parts[2]]
        ) | st.tuples(st.dictionaries(TEXT, TEXT, max_size=3), TEXT, inner).map(
            lambda parts: {**parts[0], parts[1]: parts[2]}
        )

    return st.recursive(leaf, around, max_leaves=2)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_telling_value_is_found_wherever_it_was_and_wherever_it_goes(data: st.DataObject) -> None:
    value = data.draw(TELLING)
    private = known(data.draw(nested(st.just(value))))
    text = data.draw(TEXT) + value + data.draw(TEXT)
    assert found(private, {"text": data.draw(nested(st.just(text)))}) is not None


@settings(max_examples=60, deadline=None)
@given(LONG, TEXT, TEXT, st.data())
def test_a_long_enough_part_of_a_longer_text_is_found(value: str, before: str, after: str, data: Any) -> None:
    part = data.draw(st.just(value) | st.just(value.swapcase()) | st.just(value.replace(" ", "\n  ")))
    assert found(known({"a": f"{before}{value}{after}"}), {"b": f"{after}{part}{before}"}) is not None


@settings(max_examples=60, deadline=None)
@given(CODE, TEXT, TEXT, st.data())
def test_any_twelve_characters_of_a_code_are_found(code: str, before: str, after: str, data: Any) -> None:
    at = data.draw(st.integers(0, len(code) - 12))
    part = code[at : at + 12]
    assert found(known({"a": f"{before} {code} {after}"}), {"b": f"{after}{part}{before}"}) is not None


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, max_size=5), TEXT)
def test_what_is_found_is_there(read: list[str], sent: str) -> None:
    sent_text = normalised(sent)
    shared = any(
        text[at : at + 12] in sent_text
        for text in map(normalised, read)
        for at in range(max(0, len(text) - 11))
    )
    if found(known(read), {"text": sent}) is not None:
        # A part of an address is compared as it is meant as well.
        assert shared or "%" in sent or "+" in sent or any(character.isdigit() for character in sent)


@pytest.mark.parametrize(
    ("read", "sent", "where"),
    [
        ({"mail": {"body": SECRET}}, {"text": f"see: {SECRET}!"}, "text <- mail.read at mail.body"),
        ([{"body": "no"}, {"body": SECRET}], {"text": SECRET}, "text <- mail.read at [].body"),
        (SECRET, {"a": [{"b": SECRET}]}, "a[].b <- mail.read at the value"),
        ({"a": SECRET}, {"to": {SECRET: 1}}, "to, a key <- mail.read at a"),
        ({SECRET: 1}, {"text": SECRET}, "text <- mail.read at the value, a key"),
        ({"x": {SECRET: "some text of another"}}, {"t": "some text of another"}, "t <- mail.read at x.*"),
        ({"card": 4111111111111111}, {"number": 4111111111111111}, "number <- mail.read at card"),
        ({"card": 4111111111111111}, {"text": "4111111111111111 it is"}, "text <- mail.read at card"),
        ({"card": "41111111"}, {"number": 41111111}, "number <- mail.read at card"),
        ({"sum": -1234567.25}, {"text": "1234567.25"}, "text <- mail.read at sum"),
        ({"a": "Zürich, Straße 12"}, {"text": "ZURICH,\tSTRASSE 12"}, "text <- mail.read at a"),
        (SECRET, {"url": f"https://e.org/?q={quote(SECRET)}"}, "url <- mail.read at the value"),
        ("a b c d e f g h", {"url": f"/?q={quote_plus('a b c d e f g h')}"}, "url <- mail.read at the value"),
        ({"a": SECRET}, {"text": json.dumps({"x": SECRET})}, "text <- mail.read at a"),
        ({"a": f"so: {SECRET}, or not"}, {"text": f"so: {SECRET}, or so"}, "text <- mail.read at a"),
        ({"a": "the key is sk-4Fz9kQ2mX7, keep it"}, {"text": "sk-4fz9kq2mx"}, "text <- mail.read at a"),
        ({"a": "call +31 6 1234 5678 at once"}, {"text": "+31 6 1234 5678"}, "text <- mail.read at a"),
        ({"a": "ann.meyer@example.org wrote"}, {"text": "ann.meyer@example.org"}, "text <- mail.read at a"),
        ({"at": "2026-11-23T15:22:07Z"}, {"text": "2026-11-23T15:22:07Z"}, "text <- mail.read at at"),
    ],
)
def test_where_it_was_and_where_it_is_are_named(read: Any, sent: dict[str, Any], where: str) -> None:
    assert found(known(read), sent) == where


@pytest.mark.parametrize(
    ("read", "sent"),
    [
        ("correct horse", {"text": "horse correct"}),
        ("too short", {"text": "too short"}),
        (1234567, {"text": "1234567", "number": 1234567}),
        ({"ok": True, "none": None}, {"text": "True None", "flag": True}),
        ("--------------------", {"text": "| --- |--------------------"}),
        ({"a_name_of_a_field": 1}, {"a_name_of_a_field": 2}),
        (12345678, {"text": "123456789"}),
        (1e30, {"number": 1e30}),
        (SECRET, {}),
        ("in the middle of the road", {"text": "in the middle of a field"}),
        ("configuration", {"text": "the configuration"}),
        ({"at": "2026-11-23T15:22:07Z it began"}, {"text": "now it is 2026-11-23T15:58:11Z"}),
    ],
)
def test_what_tells_nothing_is_not_found(read: Any, sent: dict[str, Any]) -> None:
    assert found(known(read), sent) is None


def test_what_is_found_is_never_said() -> None:
    words = [f"{word}@example.org" for word in ("ann.meyer", "bob.miller")]
    read = {"people": {words[0]: {"note": SECRET}}, "all": {f"k{n}": SECRET for n in range(40)}}
    for sent in ({words[0]: 1}, {"x": {words[0]: SECRET}}, {"x": {f"k{n}": SECRET for n in range(40)}}):
        place = found(known(read), sent)
        assert place is not None
        assert not any(part in place for part in (*words, SECRET, "k1"))


def test_what_the_tool_itself_says_is_no_secret() -> None:
    schema = {"type": "object", "properties": {"kind": {"enum": ["application/vnd.ms-excel", "other"]}}}
    tool = ToolDefinition("chat", "post", "Posts a message to the channel", input_schema=schema)
    private = known({"mime": "application/vnd.ms-excel", "text": f"Posts a message to the channel {SECRET}"})
    assert found(private, {"kind": "application/vnd.ms-excel"}, tool) is None
    assert found(private, {"kind": "application/vnd.ms-excel"}) is not None
    sent = f"posts a message to the channel {SECRET}"
    assert found(private, {"text": sent}, tool) is not None


def test_a_server_may_have_what_it_gave_itself() -> None:
    private = known(SECRET, {"number": 123456789})
    private.add("chat", "read", orjson.dumps([f"{SECRET} and more", 123456789]))
    assert found(private, {"text": SECRET, "number": 123456789}) is None
    assert found(private, {"text": SECRET}, ToolDefinition("mail", "send")) is None
    other = ToolDefinition("web", "post")
    assert found(private, {"text": SECRET}, other) == "text <- mail.read at the value"
    assert found(private, {"text": f"{SECRET} and more"}, other) is not None


def test_memory_is_bounded_and_what_came_first_is_known_best() -> None:
    letters = random.Random(7)
    prints = Fingerprints(12, most=1 << 14)
    texts = ["".join(letters.choices(string.ascii_lowercase, k=4_000)) for _ in range(60)]
    strides: list[int] = []
    for number, text in enumerate(texts):
        strides.append(prints.stride)
        prints.add_text(f"s{number % 2}", f"text {number}", text)
    assert sorted(set(strides)) == [0, 4, 8, 16]
    assert strides == [*sorted(filter(None, strides)), *[0] * strides.count(0)]
    prints.settle()
    for number, (text, stride) in enumerate(zip(texts, strides, strict=True)):
        hits = [place for _, place in prints.hits(pieces(text, 12), unless="")]
        assert hits == [f"text {number}"] * (0 if stride == 0 else -(-3_989 // stride))


def test_codes_are_remembered_whole_where_words_are_not() -> None:
    prints = Fingerprints(12)
    prints.add_text("s", "here", "so many words, and the key is sk-4fz9kq2mx7aa among them")
    known = {at for at, _ in prints.hits(pieces("the key is sk-4fz9kq2mx7aa among", 12), unless="")}
    assert known >= set(range(11, 15))
    assert len(known) < 13


def test_places_beyond_counting_have_no_name() -> None:
    prints = Fingerprints(4)
    for number in range(5_000):
        prints.add_number("s", f"place {number}", str(number))
    prints.add_text("s", "far out", "abcd")
    prints.settle()
    assert [place for _, place in prints.hits(pieces("abcd", 4), unless="")] == ["s"]


def test_results_wait_until_somebody_looks() -> None:
    private = known("another secret of mine")
    assert private.waiting > 0
    assert found(private, {"text": "another secret of mine"}) is not None
    assert private.waiting == 0


async def test_no_more_than_so_many_results_wait_for_the_next_call(tmp_path: Path) -> None:
    of = flows(tmp_path, trusted=("web",))
    session = Session()
    for flow in (opened(of), opened(of, session=session)):
        for _ in range(6):
            reads(flow, "x" * 200_000)
        reads(flow, [SECRET])
        # It leads nowhere, and yet what waits is put in order.
        assert await sends(flow, server="web", hints={"readOnlyHint": True}) is None
        assert await sends(flow, text=f"... {SECRET}") is not None


def test_what_is_beyond_all_room_does_not_wait() -> None:
    private = PrivateValues(12)
    private.prints = Fingerprints(12, most=4)
    private.add("mail", "read", orjson.dumps("abc1 def2 ghi3 jkl4 mno5 pqr6 stu7"))
    private.settle()
    private.add("mail", "read", orjson.dumps("much more of it"))
    assert private.waiting == 0


async def test_runs_that_know_the_same_values_do_not_wait_for_one_another_for_ever() -> None:
    both = [known(SECRET), known("another secret of mine")]

    def work(order: list[PrivateValues]) -> None:
        for number in range(200):
            order[0].add("mail", "read", orjson.dumps(f"mail {number} of ann@example.org"))
            assert find(order, CHAT, {"text": f"mail {number} of ann@example.org"}) is not None

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for order in (both, both[::-1], [both[0], *both], both[1:] * 2):
                tasks.start_soon(anyio.to_thread.run_sync, work, order)


async def test_large_arguments_are_compared_beside_other_work(tmp_path: Path) -> None:
    run = opened(flows(tmp_path))
    reads(run, [SECRET])
    decision = await sends(run, text="lorem ipsum " * 5_000 + SECRET)
    assert decision is not None
    assert decision.reason == "text of chat.post has what mail.read at [] gave"


@pytest.mark.parametrize(("effect", "said"), [("ask", "ask"), ("deny", "deny"), ("allow", None)])
async def test_the_operator_says_what_happens_to_private_values(
    tmp_path: Path, effect: Any, said: str | None
) -> None:
    run = opened(flows(tmp_path, FlowSettings(private=("mail",), private_values=effect)))
    reads(run, SECRET)
    decision = await sends(run, text=SECRET)
    assert (None if decision is None else decision.effect) == said
    assert await sends(run, server="mail", text=SECRET) is None
    assert await sends(run, text="nothing of it") is None


async def test_the_stricter_of_two_findings_holds_and_both_are_said(tmp_path: Path) -> None:
    chosen = FlowSettings(private=("mail",), untrusted=("web",), mixed="ask", private_values="deny")
    run = opened(flows(tmp_path, chosen))
    reads(run, SECRET)
    reads(run, server="web")
    decision = await sends(run, text=SECRET)
    assert decision is not None
    assert decision.effect == "deny"
    assert decision.reason.endswith(
        "is another server's; text of chat.post has what mail.read at the value gave"
    )


async def test_the_length_from_which_values_are_found_is_a_setting(tmp_path: Path) -> None:
    for length, is_found in ((8, True), (9, False)):
        run = opened(flows(tmp_path, FlowSettings(private=("mail",), match_chars=length)))
        reads(run, "12:abc9efgh:34")
        assert (await sends(run, text="abc9efgh") is not None) == is_found


def test_a_text_without_spaces_takes_no_longer_than_another() -> None:
    private = known(["x" * 400_000, "1" + "," * 400_000, "a@" * 100_000])
    assert found(private, {"text": "y" * 100_000 + "2" + " " * 100_000}) is None
