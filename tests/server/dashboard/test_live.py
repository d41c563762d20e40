"""Open pages follow what happens, and cost nobody anything while nothing does."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from tests.cli.processes import descendants
from tests.patience import LONG
from tests.server.api_service import ApiUnderTest, run
from tests.server.dashboard.browsing import visiting
from tests.server.dashboard.test_access import browser_of
from tests.server.dashboard.test_pages import WAITING, begin

from underpass.server.dashboard.rendering import NAVIGATION

pytestmark = [pytest.mark.requirement("R39")]
STREAM = {"Accept": "text/event-stream"}


@contextmanager
def following(
    browser: httpx2.Client, path: str
) -> Generator[tuple[httpx2.Response, Generator[dict[str, str]]]]:
    """Follow a page as a browser does; the second gives what it is told."""
    whole = browser.get(path).text
    seen, signed = re.findall('data-seen="([0-9a-f]*)" data-sign="([0-9a-f]*)"', whole)[0]
    address = f"{path}{'&' if '?' in path else '?'}seen={seen}&sign={signed}"
    with browser.stream("GET", address, headers=STREAM) as answer:
        lines = answer.iter_lines()

        def parts() -> Generator[dict[str, str]]:
            for line in lines:
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

        yield answer, parts()


def test_a_page_is_told_what_is_new_and_only_once(service: ApiUnderTest) -> None:
    with (
        closing(browser_of(service, service.operator)) as browser,
        following(browser, "/dashboard/runs?agent=newcomer") as (answer, parts),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        first = run(service.operator, "1", agent="newcomer")["run"]
        told = next(each for each in parts if first in each["html"] and ">ok<" in each["html"])
        again = {"X-Part": told["seen"]}
        assert browser.get("/dashboard/runs?agent=newcomer", headers=again).status_code == 204
        second = run(service.operator, "2", agent="newcomer")["run"]
        assert second in next(each for each in parts if second in each["html"])["html"]


def test_a_question_is_counted_on_every_page(service: ApiUnderTest) -> None:
    with (
        closing(browser_of(service, service.operator)) as browser,
        following(browser, "/dashboard/settings") as (_, parts),
    ):
        begin(service, service.operator, WAITING, agent="asker")
        assert next(parts)["waiting"] == 1


def test_a_stream_ends_with_its_session(service: ApiUnderTest) -> None:
    with closing(browser_of(service, service.operator)) as browser:
        csrf = browser.get("/api/me").json()["csrf"]
        with following(browser, "/dashboard/runs") as (_, parts):
            assert browser.post("/dashboard/leave", headers={"X-CSRF-Token": csrf}).status_code == 204
            assert list(parts) == []
        assert browser.get("/dashboard/runs", headers=STREAM).status_code == 401


def test_a_tenant_is_not_told_of_others(service: ApiUnderTest) -> None:
    acme = service.tenant("acme")
    with closing(browser_of(service, acme)) as browser, following(browser, "/dashboard/runs") as (_, parts):
        run(service.operator, "1", agent="passer")
        begin(service, service.operator, WAITING, agent="asker")
        own = run(acme, "'mine'", agent="bot")["run"]
        told = next(parts)
        assert own in told["html"]
        assert told["waiting"] == 0
        assert "passer" not in told["html"]


def test_no_page_has_a_sandbox_or_a_server_started(service: ApiUnderTest) -> None:
    def settled() -> set[int]:
        found, times = descendants(service.service.process.pid), 0
        while times < 50:
            now = descendants(service.service.process.pid)
            found, times = now, times + 1 if now == found else 0
        return found

    with closing(browser_of(service, service.operator)) as browser:
        before = settled()
        for path, _ in NAVIGATION:
            assert browser.get(path).status_code == 200
        assert descendants(service.service.process.pid) == before


def test_an_open_page_asks_for_nothing_until_it_is_told(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard")
        expect(page.locator("#link")).to_have_text("live")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        tile = page.locator(".tile", has_text="Runs that succeeded").locator(".note")
        shown = tile.inner_text()
        run(service.operator, "1", agent="passer")
        expect(tile).not_to_have_text(shown)
        assert asked == []
        visitor.expect_no_complaint()


def test_what_a_reader_has_opened_and_typed_stays_while_the_page_changes(
    chrome: Browser, service: ApiUnderTest
) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard")
        page.locator("summary").click()
        page.get_by_role("region", name="Figures by day").focus()
        runs = page.locator("details tbody tr").first.locator("td").first
        count = runs.inner_text()
        run(service.operator, "1", agent="passer")
        expect(runs).not_to_have_text(count)
        expect(page.locator("details")).to_have_attribute("open", "")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Figures by day"
        visitor.expect_no_complaint()


def test_clients_that_never_read_and_such_that_hang_up_harm_nobody(service: ApiUnderTest) -> None:
    address = urlsplit(service.base)
    assert address.hostname is not None
    with closing(browser_of(service, service.operator)) as browser, ExitStack() as stack:
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        request = (
            f"GET /dashboard/runs HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: text/event-stream\r\n"
            f"Cookie: {cookie}\r\n\r\n"
        )
        for number in range(40):
            slow = socket.create_connection((address.hostname, address.port or 80), timeout=LONG)
            stack.enter_context(slow)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
            slow.sendall(request.encode())
            if number % 2:
                slow.close()
        for number in range(10):
            assert run(service.operator, f"{number}", agent="passer")["value"] == number
            assert browser.get("/dashboard/runs").status_code == 200
