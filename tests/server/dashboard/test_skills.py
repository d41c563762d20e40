"""Skills are looked at in the browser, and those that wait are decided about."""

from __future__ import annotations

from contextlib import closing

import pytest
from playwright.sync_api import Browser, expect
from tests.server.api_service import ApiUnderTest, run
from tests.server.dashboard.browsing import PAYLOAD, visiting
from tests.server.dashboard.test_access import browser_of

from underpass.config import load_settings
from underpass.skills.library.library import SkillLibrary
from underpass.skills.skill import Skill, SkillDraft

pytestmark = [pytest.mark.requirement("R39", "R45")]
CODE = '''async def NAME(value: int) -> int:
    """Double a number."""
    return value * 2
'''


def saved(service: ApiUnderTest, name: str, description: str = "Doubles a number.") -> Skill:
    """A skill of the project that waits for approval."""
    folder = service.service.folder
    library = SkillLibrary(folder / ".underpass", load_settings(folder).skills, environ={"HOME": str(folder)})
    function = name.replace("-", "_")
    code = CODE.replace("NAME", function)
    draft = SkillDraft(name, description, "python", code, function, pitfalls=PAYLOAD)
    return library.save(draft, "project", "default", status="review")


@pytest.mark.parametrize(("theme", "width"), [("light", 1_200), ("dark", 400)])
def test_a_skill_that_waits_is_looked_at_and_approved(
    chrome: Browser, service: ApiUnderTest, theme: str, width: int
) -> None:
    name = f"double-{theme}"
    saved(service, name)
    module = name.replace("-", "_")
    code = f"from skills.{module} import {module} as double\nawait double(value=21)"
    with visiting(chrome, service, theme="dark" if theme == "dark" else "light", width=width) as visitor:
        page = visitor.goto("/dashboard/skills")
        visitor.expect_accessible()
        page.get_by_role("link", name=f"Review {name}").click()
        expect(page.locator("#code + pre")).to_contain_text("return value * 2")
        visitor.expect_accessible()
        assert not run(service.operator, code, check=False)["ok"]
        page.get_by_role("button", name="Approve").click()
        expect(page.locator("#notice")).to_have_text(f"{name} can be used now")
        visitor.goto("/dashboard/skills")
        expect(page.get_by_role("row", name=name)).to_contain_text("active")
        visitor.expect_accessible()
        visitor.expect_no_complaint()
    done = run(service.operator, code, check=False)
    assert done["ok"], done["error"]
    assert done["value"] == 42


def test_a_skill_that_waits_is_refused(chrome: Browser, service: ApiUnderTest) -> None:
    saved(service, "unwanted")
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/skills/unwanted?waiting=yes")
        page.get_by_role("button", name="Refuse").click()
        expect(page.locator("#notice")).to_contain_text("unwanted was refused")
        expect(visitor.goto("/dashboard/skills").locator("main")).not_to_contain_text("Review unwanted")
        visitor.expect_no_complaint()


def test_a_skill_of_all_is_for_the_operator_to_decide_about_and_only_as_it_was_seen(
    service: ApiUnderTest,
) -> None:
    skill = saved(service, "shared")
    place = "/dashboard/skills/shared"
    form = {"decision": "approve", "scope": "project", "agent": "default"}
    for client, digest, status in (
        (service.tenant("acme"), skill.digest, 403),
        (service.tenant(None, ["read"]), skill.digest, 403),
        (service.operator, "0" * 64, 409),
        (service.operator, "another", 422),
    ):
        with closing(browser_of(service, client)) as browser:
            csrf = browser.get("/api/me").json()["csrf"]
            sent = browser.post(place, data=form | {"digest": digest}, headers={"X-CSRF-Token": csrf})
            assert sent.status_code == status
            if client is not service.operator:
                assert 'id="approve"' not in browser.get(f"{place}?waiting=yes").text
    with closing(browser_of(service, service.operator)) as browser:
        assert browser.get("/dashboard/skills/shared?scope=nowhere").status_code == 404
        assert browser.get("/dashboard/skills/none").status_code == 404
        assert 'id="approve"' in browser.get(f"{place}?waiting=yes").text


def test_where_there_is_no_skill_the_page_says_how_to_make_one(chrome: Browser, empty: ApiUnderTest) -> None:
    with visiting(chrome, empty) as visitor:
        page = visitor.goto("/dashboard/skills")
        expect(page.locator(".empty")).to_contain_text("underpass skills save")
        visitor.expect_no_complaint()
