"""Who sees which page, and what a browser may do there."""

from __future__ import annotations

import re
from contextlib import closing

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from starlette.routing import Route
from tests.patience import LONG
from tests.server.api_service import ApiUnderTest, run
from tests.server.dashboard.browsing import visiting
from tests.server.dashboard.test_pages import WAITING, begin, last_run

from underpass.server.dashboard.rendering import NAVIGATION
from underpass.server.dashboard.routes import dashboard_routes
from underpass.server.tenancy.view import TenantView

pytestmark = [pytest.mark.requirement("R36", "R39")]


def nobody(tenant: str | None) -> TenantView:
    raise AssertionError("only the paths are looked at")


ROUTES = [
    (method, re.sub("{[a-z:]+}", "a1", route.path))
    for route in dashboard_routes(nobody, None)
    if isinstance(route, Route) and "static" not in route.path
    for method in (route.methods or set()) - {"HEAD"}
]


def browser_of(service: ApiUnderTest, client: httpx2.Client) -> httpx2.Client:
    """A client with the cookie that a browser would have."""
    found = httpx2.Client(base_url=service.base, timeout=LONG)
    assert found.get(client.post("/api/dashboard/ticket").json()["path"]).status_code == 303
    return found


def test_no_route_answers_anybody_without_a_session(service: ApiUnderTest) -> None:
    with httpx2.Client(base_url=service.base, timeout=LONG) as stranger:
        for method, path in ROUTES:
            answer = stranger.request(method, path)
            assert answer.status_code == 401, path
            assert "underpass dashboard" in answer.text
            assert "greeter" not in answer.text


def test_no_action_happens_without_the_token_of_the_page(service: ApiUnderTest) -> None:
    with closing(browser_of(service, service.operator)) as browser:
        waiting = begin(service, service.operator, WAITING, agent="asker")
        for method, path in ROUTES:
            if method == "POST":
                for headers in ({}, {"X-CSRF-Token": "wrong"}):
                    assert browser.post(path, headers=headers).status_code == 401
        assert browser.post(f"/dashboard/runs/{waiting}/cancel").status_code == 401
        assert service.operator.get(f"/api/runs/{waiting}").json()["state"] == "running"


def test_a_tenant_sees_nothing_of_others_on_any_page(service: ApiUnderTest) -> None:
    acme = service.tenant("acme")
    own = run(acme, "'mine'", agent="bot")["run"]
    other = last_run(service, agent="greeter")
    with closing(browser_of(service, acme)) as browser:
        for path, _ in NAVIGATION:
            answer = browser.get(path)
            assert answer.status_code in {200, 403}
            assert "greeter" not in answer.text
            assert "evil" not in answer.text
        assert other not in browser.get("/dashboard/runs").text
        assert browser.get(f"/dashboard/runs/{own}").status_code == 200
        assert browser.get(f"/dashboard/runs/{other}").status_code == 404


def test_who_may_only_read_is_offered_no_button_and_may_use_none(
    chrome: Browser, service: ApiUnderTest
) -> None:
    reader = service.tenant(None, ["read"])
    waiting = begin(service, service.operator, WAITING, agent="asker")
    with visiting(chrome, service, reader) as visitor:
        page = visitor.goto("/dashboard/approvals")
        expect(page.locator(".question")).to_contain_text("lacks the scope")
        assert page.locator(".question button").count() == 0
        assert visitor.goto(f"/dashboard/runs/{waiting}").get_by_role("button", name="Cancel").count() == 0
        visitor.expect_no_complaint()
    with closing(browser_of(service, reader)) as browser:
        csrf = browser.get("/api/me").json()["csrf"]
        refused = browser.post(f"/dashboard/runs/{waiting}/cancel", headers={"X-CSRF-Token": csrf})
        assert refused.status_code == 403


def test_signing_out_ends_the_session(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard")
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("h1")).to_have_text("You are not signed in")


def test_pages_load_nothing_from_elsewhere_and_files_are_those_of_the_package(service: ApiUnderTest) -> None:
    with closing(browser_of(service, service.operator)) as browser:
        answer = browser.get("/dashboard")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for address in re.findall(r'(?:src|href)="(/dashboard/static/[^"]+)"', answer.text):
            loaded = browser.get(address)
            assert loaded.status_code == 200
            assert "immutable" in loaded.headers["cache-control"]
        for path in ("../page.py", "%2e%2e/page.py", "vendored/VENDORED", "nothing.js", ""):
            assert browser.get(f"/dashboard/static/{path}").status_code == 404


def test_a_live_part_is_sent_only_when_it_has_changed(service: ApiUnderTest) -> None:
    with closing(browser_of(service, service.operator)) as browser:
        whole = browser.get("/dashboard/runs?agent=greeter").text
        live = {"X-Part": re.findall(r'data-seen="([0-9a-f]+)"', whole)[0]}
        assert browser.get("/dashboard/runs?agent=greeter", headers=live).status_code == 204
        run(service.operator, "1", agent="greeter2")
        assert browser.get("/dashboard/runs?agent=greeter", headers=live).status_code == 204
        part = browser.get("/dashboard/runs?agent=greeter2", headers=live)
        assert part.json()["html"].lstrip().startswith('<div class="scroll')


@pytest.mark.parametrize(
    "path", ["/dashboard/runs/zzz", "/dashboard/runs?state=odd", "/dashboard/runs/%3Cb%3E"]
)
def test_what_is_not_there_is_told_in_a_page(service: ApiUnderTest, path: str) -> None:
    with closing(browser_of(service, service.operator)) as browser:
        answer = browser.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert "<b>" not in answer.text
