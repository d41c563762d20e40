"""A call is tried from the page of a tool: a real one, with what a call from outside has to pass."""

from __future__ import annotations

import re
from contextlib import closing

import pytest
from playwright.sync_api import Browser, expect
from tests.server.api_service import ApiUnderTest
from tests.server.dashboard.browsing import visiting
from tests.server.dashboard.test_access import browser_of

from underpass.catalog.definition import ToolDefinition
from underpass.errors import ValidationFailed
from underpass.server.dashboard.trying import call_form, typed_arguments

pytestmark = [pytest.mark.requirement("R39")]
ECHO = "/dashboard/servers/hostile/echo"


def tool(**schema: object) -> ToolDefinition:
    return ToolDefinition("shop", "pay", input_schema={"type": "object", **schema})


def test_a_form_has_a_field_of_its_kind_for_each_argument() -> None:
    text = {"type": "string", "description": "Which."}
    form = call_form(
        tool(
            properties={
                "note": text,
                "count": {"type": ["integer", "null"]},
                "express": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "speed": {"enum": ["low", "high"], "default": "low"},
                "lines": {"type": "array", "items": {"type": "string"}},
                "order": text,
                "odd": True,
            },
            required=["order", "lines"],
        )
    )
    assert form.whole is None
    assert [(each.name, each.kind, each.type, each.required) for each in form.fields] == [
        ("lines", "json", "array", True),
        ("order", "text", "string", True),
        ("note", "text", "string", False),
        ("count", "number", "integer", False),
        ("express", "choice", "boolean", False),
        ("speed", "choice", "string", False),
        ("odd", "json", "JSON", False),
    ]
    assert form.fields[1].value
    assert form.fields[1].about == "Which."


def test_what_was_typed_becomes_arguments_and_what_was_not_typed_is_not_sent() -> None:
    kinds = {"note": "string", "count": "integer", "price": "number", "yes": "boolean", "more": "object"}
    form = call_form(
        tool(properties={name: {"type": kind} for name, kind in kinds.items()}, required=["note"])
    )
    typed = {"argument-note": "a\r\nb", "argument-count": " 3 ", "argument-yes": "true", "argument-price": ""}
    assert typed_arguments(form, typed) == {"note": "a\nb", "count": 3, "yes": True}
    assert typed_arguments(form, {}) == {"note": ""}
    with pytest.raises(ValidationFailed) as raised:
        typed_arguments(form, {"argument-count": "three", "argument-price": "true", "argument-more": "{"})
    assert raised.value.data["wrong"] == [
        "count: it has to be a number",
        "price: it has to be a number",
        "more: it has to be JSON (text needs quotes)",
    ]
    needed = call_form(tool(properties={"count": {"type": "integer"}}, required=["count"]))
    with pytest.raises(ValidationFailed, match="count: it is needed"):
        typed_arguments(needed, {})


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
        {"properties": {f"a{number}": {"type": "string"} for number in range(41)}},
    ],
)
def test_arguments_that_no_form_can_list_are_one_field_of_json(schema: dict[str, object]) -> None:
    form = call_form(tool(**schema))
    assert form.whole is not None
    assert typed_arguments(form, {"arguments": '{"a": "x"}'}) == {"a": "x"}
    assert typed_arguments(form, {"arguments": " "}) == {}
    for wrong in ("{", "[1]", "'a'"):
        with pytest.raises(ValidationFailed):
            typed_arguments(form, {"arguments": wrong})
    assert call_form(tool(properties={}, additionalProperties=False)).whole is None


def test_a_call_gives_its_value_and_keeps_what_was_typed(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto(ECHO)
        page.get_by_label("word").fill("hi there")
        page.get_by_role("button", name="Call").click()
        expect(page.locator("#called .good pre")).to_contain_text('"word": "hi there"')
        expect(page.get_by_label("word")).to_have_value("hi there")
        visitor.expect_accessible()
        visitor.expect_no_complaint()
    rows = service.operator.get("/api/audit", params={"tool": "echo", "limit": 1}).json()["rows"]
    assert rows[0]["agent"] == "default"
    assert rows[0]["run"] == ""


def test_a_call_that_fails_says_why(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/servers/hostile/fail")
        page.get_by_label("text").fill("<b>no luck</b>")
        page.get_by_role("button", name="Call").click()
        expect(page.locator("#called .bad")).to_contain_text("<b>no luck</b>")
        visitor.expect_no_complaint()


def test_arguments_that_are_no_json_or_do_not_fit_are_refused_and_stay(
    chrome: Browser, service: ApiUnderTest
) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/servers/hostile/pay")
        for typed, why in (("three", "it has to be a number"), ("-5", "less than the minimum")):
            page.get_by_label("amount").fill(typed)
            page.get_by_role("button", name="Call").click()
            expect(page.locator("#called .bad")).to_contain_text(why)
            expect(page.get_by_label("amount")).to_have_value(typed)
        page = visitor.goto("/dashboard/servers/hostile/raw")
        page.get_by_label("Arguments").fill('{"half": ')
        page.get_by_role("button", name="Call").click()
        expect(page.locator("#called .bad")).to_contain_text("this is no JSON")
        expect(page.get_by_label("Arguments")).to_have_value('{"half": ')
        visitor.expect_no_complaint()


def test_a_call_about_which_a_person_decides_waits_until_it_is_allowed(
    chrome: Browser, service: ApiUnderTest
) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/servers/hostile/pid")
        page.get_by_role("button", name="Call").click()
        page.get_by_role("button", name="Allow once").click()
        expect(page.locator("#called .good pre")).to_contain_text(re.compile("[0-9]+"))
        page.get_by_role("button", name="Call").click()
        page.get_by_role("button", name="Refuse").click()
        expect(page.locator("#called .bad")).to_contain_text("PermissionDenied")
        expect(page.locator(".question")).to_have_count(0)
        visitor.expect_no_complaint()


def test_who_may_not_call_is_offered_no_form(service: ApiUnderTest) -> None:
    reader = service.tenant(None, ["read"])
    with closing(browser_of(service, reader)) as browser:
        assert "lacks the scope “run”" in browser.get(ECHO).text
        csrf = browser.get("/api/me").json()["csrf"]
        assert browser.post(f"{ECHO}/call", headers={"X-CSRF-Token": csrf}).status_code == 403
        assert browser.get("/dashboard/servers/hostile/none").status_code == 404


def test_a_call_is_tried_with_the_keyboard_alone(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/servers?q=echo")
        for wanted in ("hostile.echo", "word"):
            for _ in range(60):
                page.keyboard.press("Tab")
                focus = page.evaluate("[document.activeElement.textContent, document.activeElement.name]")
                if wanted in focus or f"argument-{wanted}" in focus:
                    break
            if wanted == "hostile.echo":
                page.keyboard.press("Enter")
                page.wait_for_url(f"**{ECHO}")
        page.keyboard.type("typed")
        while page.evaluate("document.activeElement.id") != "call":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#called .good pre")).to_contain_text('"word": "typed"')
        visitor.expect_no_complaint()
