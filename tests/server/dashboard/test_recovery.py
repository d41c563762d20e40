"""Runs that died are resumed in the browser by somebody who knows what became of their calls."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.cli.command_line import write_config
from tests.patience import LONG
from tests.server.api_service import ApiUnderTest
from tests.server.dashboard.browsing import visiting
from tests.server.dashboard.test_pages import begin
from tests.server.http_service import serving

pytestmark = [pytest.mark.requirement("R20", "R39")]
PATIENT = Path(__file__).with_name("patient.py")
PAY = (
    "import asyncio\nfrom mcp_servers import payments\n"
    "paid = await asyncio.gather(payments.pay(order='one'), payments.pay(order='two'))\n"
    "open('receipt.txt', 'w').write(str(paid))\npaid"
)


def test_a_run_that_was_killed_is_resumed_with_a_word_on_each_unknown_call(
    chrome: Browser, tmp_path: Path
) -> None:
    write_config(tmp_path, payments={"command": sys.executable, "args": [str(PATIENT), str(tmp_path)]})
    (tmp_path / "underpass.toml").write_text("[service]\nrequests_per_second = 0\n", encoding="utf-8")
    paid = tmp_path / "paid"
    with serving(tmp_path) as running:
        found = ApiUnderTest(running)
        with closing(found):
            killed = begin(found, found.operator, PAY, agent="buyer", timeout_seconds=3_000)
            while not (paid.exists() and len(paid.read_text().split()) == 2):
                assert running.process.poll() is None
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.communicate(timeout=LONG)
    with serving(tmp_path) as running:
        found = ApiUnderTest(running)
        with closing(found), visiting(chrome, found) as visitor:
            page = visitor.goto("/dashboard/runs?state=unfinished")
            page.get_by_role("link", name=killed).click()
            expect(page.locator(".headline .state")).to_have_text("undecided")
            expect(page.locator("section", has=page.locator("#changed"))).to_contain_text("Not recorded")
            visitor.expect_accessible()
            page.get_by_role("button", name="Resume").click()
            assert page.locator("input:invalid").count() > 0  # something has to be said about each call
            # Calls at once may have been recorded in either order.
            first = page.locator("fieldset", has_text='"one"')
            second = page.locator("fieldset", has_text='"two"')
            first.get_by_label("It has happened").check()
            first.get_by_placeholder("null").fill("{'paid': 'one'}")
            second.get_by_label("It has not happened").check()
            page.get_by_role("button", name="Resume").click()
            expect(page.locator("#notice")).to_contain_text("is no JSON")
            expect(second.get_by_label("It has not happened")).to_be_checked()
            assert all("422" in each for each in visitor.complaints)  # the browser's own word on the refusal
            visitor.complaints.clear()
            first.get_by_placeholder("null").fill('{"paid": "told"}')
            (tmp_path / "open").touch()
            page.get_by_role("button", name="Resume").click()
            expect(page.locator("#notice")).to_have_text("The run goes on")
            expect(page.locator(".headline .state")).to_have_text("ok")
            expect(page.locator("#value + pre")).to_contain_text('"told"')
            expect(page.locator("#value + pre")).to_contain_text('"two"')
            expect(page.locator("section", has=page.locator("#changed"))).to_contain_text("receipt.txt")
            assert sorted(paid.read_text().split()) == ["one", "two", "two"]
            visitor.expect_no_complaint()
