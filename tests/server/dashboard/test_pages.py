"""Every page, as a real browser shows it."""

from __future__ import annotations

import re
from typing import Any, Literal

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from tests.server.api_service import ApiUnderTest, run
from tests.server.dashboard.browsing import MILLISECONDS, PAYLOAD, visiting

from underpass.server.dashboard.rendering import NAVIGATION

pytestmark = [pytest.mark.requirement("R39")]
PAGES = [address for address, _ in NAVIGATION]
WAITING = "from mcp_servers import hostile\nfirst = await hostile.pid()\n'it went on'"
expect.set_options(timeout=MILLISECONDS)


def last_run(service: ApiUnderTest, **wanted: str) -> str:
    return service.operator.get("/api/runs", params=wanted).json()["runs"][0]["run"]


def all_pages(service: ApiUnderTest) -> list[str]:
    """Every page, and a run that came to a value, and one that failed."""
    runs = [last_run(service, agent="evil", state=state) for state in ("ok", "failed")]
    others = ("servers/hostile", "servers/hostile/echo", "servers?q=echo", "workspaces/evil?since=first")
    return [*PAGES, *(f"/dashboard/runs/{each}" for each in runs), *(f"/dashboard/{each}" for each in others)]


def begin(service: ApiUnderTest, client: httpx2.Client, code: str, **more: Any) -> str:
    answer = client.post("/api/runs", json={"code": code, "wait": False, "check": False, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()["run"]


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("light", 1_200),
        ("dark", 400),
        pytest.param("dark", 1_200, marks=pytest.mark.slow),
        pytest.param("light", 400, marks=pytest.mark.slow),
    ],
)
def test_each_page_renders_is_accessible_and_has_nothing_to_complain_of(
    chrome: Browser, service: ApiUnderTest, theme: Literal["light", "dark"], width: int
) -> None:
    begin(service, service.operator, WAITING, agent="asker")
    with visiting(chrome, service, theme=theme, width=width) as visitor:
        for path in all_pages(service):
            page = visitor.goto(path)
            expect(page.locator("main h1")).to_be_visible()
            visitor.expect_accessible()
        visitor.expect_no_complaint()


def test_each_page_says_what_to_do_where_nothing_has_happened(chrome: Browser, empty: ApiUnderTest) -> None:
    with visiting(chrome, empty) as visitor:
        for path in PAGES:
            page = visitor.goto(path)
            expect(page.locator("main h1")).to_be_visible()
            visitor.expect_accessible()
        expect(visitor.goto("/dashboard").locator(".empty")).to_contain_text("underpass run -c")
        expect(visitor.goto("/dashboard/runs").locator(".empty")).to_contain_text("underpass run -c")
        expect(visitor.goto("/dashboard/approvals").locator(".empty")).to_contain_text('decision = "ask"')
        visitor.expect_no_complaint()


def test_the_overview_has_the_figures_of_the_api_and_draws_them(
    chrome: Browser, service: ApiUnderTest
) -> None:
    figures = service.operator.get("/api/stats").json()
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard?hours=")
        expect(page.locator(".chart canvas")).to_be_visible()
        tile = page.locator(".tile", has_text="Runs that succeeded")
        expect(tile).to_contain_text(f"{figures['failed']} of {figures['runs']} failed")
        expect(page.locator("#parts + table")).to_contain_text(f"{figures['tokens']['spent']:,}")
        visitor.expect_no_complaint()


def test_runs_are_filtered_by_agent_and_state(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/runs")
        page.get_by_label("Agent").fill("evil")
        page.get_by_label("State").select_option("failed")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody tr .state")).to_have_text("ToolFailed")
        page.locator("tbody th a").click()
        expect(page.locator("#error")).to_have_text("ToolFailed")
        page = visitor.goto("/dashboard/runs?agent=nobody")
        expect(page.locator(".empty")).to_contain_text("No run is like that")
        visitor.expect_no_complaint()


def test_a_run_shows_its_program_calls_value_output_tokens_and_decisions(
    chrome: Browser, service: ApiUnderTest
) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto(f"/dashboard/runs/{last_run(service, agent='greeter')}")
        expect(page.locator("pre.code .line")).to_have_count(4)
        assert page.locator("pre.code .h-kn").first.inner_text() == "from"
        expect(page.locator(".timeline tbody tr")).to_have_count(1)
        expect(page.locator("#value + pre")).to_contain_text('"hello"')
        expect(page.locator("#output + pre")).to_have_text("out")
        expect(page.locator("#tokens + table")).to_contain_text("This run took")
        expect(page.locator("section", has=page.locator("#policy"))).to_contain_text("allowed")
        page.locator(".journal summary").click()
        expect(page.locator(".journal pre")).to_contain_text('"word": "hello"')
        visitor.expect_no_complaint()


def test_a_paused_run_is_approved_in_the_browser_and_finishes_before_ones_eyes(
    chrome: Browser, service: ApiUnderTest
) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/approvals")
        expect(page.locator(".empty")).to_be_visible()
        begun = begin(service, service.operator, WAITING, agent="asker")
        expect(page.locator(".question")).to_contain_text("hostile.pid")  # without a reload
        page.get_by_role("link", name=begun).click()
        expect(page.locator(".headline .state")).to_have_text("running")
        page.get_by_role("button", name="Allow once").click()
        expect(page.locator("#notice")).to_have_text("Allowed once: hostile.pid")
        expect(page.locator(".headline .state")).to_have_text("ok")
        expect(page.locator("#value + pre")).to_contain_text("it went on")
        visitor.expect_no_complaint()


def test_a_call_is_refused_with_the_keyboard_alone(chrome: Browser, service: ApiUnderTest) -> None:
    begun = begin(service, service.operator, WAITING, agent="asker")
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/approvals")
        expect(page.get_by_role("link", name=begun)).to_be_visible()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.value") == "refuse":
                break
        page.keyboard.press("Enter")
        expect(page.locator("#notice")).to_have_text("Refused: hostile.pid")
        page = visitor.goto(f"/dashboard/runs/{begun}")
        expect(page.locator("#error")).to_have_text("PermissionDenied")
        visitor.expect_no_complaint()


def test_a_run_is_cancelled_in_the_browser(chrome: Browser, service: ApiUnderTest) -> None:
    begun = begin(service, service.operator, "while True: pass", agent="asker", timeout_seconds=3_000)
    with visiting(chrome, service) as visitor:
        page = visitor.goto(f"/dashboard/runs/{begun}")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#notice")).to_have_text("The run ends")
        expect(page.locator("#error")).to_have_text("Cancelled")
        visitor.expect_no_complaint()


def test_a_tool_is_found_and_its_documentation_read(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/servers")
        expect(page.locator("tbody tr")).to_contain_text("hostile")
        page.get_by_role("link", name="hostile").click()
        page.get_by_role("button", name="Ask for its tools again").click()
        expect(page.locator("#notice")).to_have_text("hostile was asked for its tools")
        page.goto(f"{service.base}/dashboard/servers")
        page.get_by_label("Find a tool").fill("echo")
        page.get_by_role("button", name="Find").click()
        page.get_by_role("link", name="hostile.echo").click()
        expect(page.locator("main pre")).to_contain_text("word")
        visitor.expect_no_complaint()


def test_a_workspace_is_compared_and_restored_in_the_browser(chrome: Browser, service: ApiUnderTest) -> None:
    done = run(service.operator, "open('table.txt', 'w').write('new')", agent="keeper")
    assert done["ok"]
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/workspaces")
        page.get_by_role("link", name="keeper").click()
        page.get_by_label("New checkpoint").fill("good")
        page.get_by_role("button", name="Keep what is there").click()
        expect(page.locator("#notice")).to_have_text("Kept as good")
        assert run(service.operator, "open('table.txt', 'a').write('er')", agent="keeper")["ok"]
        page.get_by_role("link", name="Compare with good").click()
        expect(page.locator("section", has=page.locator("#diff")).locator("tbody tr")).to_contain_text(
            "changed"
        )
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Restore good").click()
        expect(page.locator("#notice")).to_contain_text("1 path was changed")
        expect(page.locator("section", has=page.locator("#diff"))).to_contain_text("Nothing.")
    answer = service.operator.get("/api/workspaces/keeper/file", params={"path": "table.txt"})
    assert answer.content == b"new"


def test_the_trail_is_filtered_and_settings_are_shown(chrome: Browser, service: ApiUnderTest) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/audit")
        page.get_by_label("Agent").fill("greeter")
        page.get_by_label("Tool").fill("echo")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.locator("tbody")).to_contain_text("hostile.echo")
        expect(visitor.goto("/dashboard/audit?agent=nobody").locator(".empty")).to_be_visible()
        page = visitor.goto("/dashboard/settings")
        expect(page.locator("section", has=page.locator("#s-service"))).to_contain_text("requests_per_second")
        visitor.expect_no_complaint()
    with visiting(chrome, service, service.tenant("acme")) as visitor:
        assert visitor.page.get_by_role("button", name="Check everything").count() == 0
        expect(visitor.goto("/dashboard/settings").locator(".empty")).to_contain_text("for the operator")


def test_the_doctor_is_called_in_the_browser_and_says_what_to_do(
    chrome: Browser, service: ApiUnderTest
) -> None:
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/settings")
        assert page.locator("#found li").count() == 0  # only when asked for
        page.get_by_role("button", name="Check everything").click()
        found = page.locator("#found")
        expect(found.locator(".verdict")).to_be_visible()
        for name in ("sandbox: seccomp", "server: hostile", "this service: cache", "lock file", "python"):
            expect(found.get_by_text(name, exact=True)).to_be_visible()
        visitor.expect_accessible()
        visitor.expect_no_complaint()


def test_a_run_shows_the_files_that_it_created_changed_and_removed(
    chrome: Browser, service: ApiUnderTest
) -> None:
    write, change = "for name in 'ab': open(name, 'w').write('x')", "open('b', 'a').write('y')"
    first = run(service.operator, write, agent="tidy")
    with visiting(chrome, service) as visitor:
        changed = "section:has(#changed)"
        page = visitor.goto(f"/dashboard/runs/{first['run']}")
        expect(page.locator(changed).locator("tbody tr")).to_have_count(2)  # without a reload
        second = run(service.operator, f"import os\nos.remove('a')\n{change}", agent="tidy")
        page = visitor.goto(f"/dashboard/runs/{second['run']}")
        expect(page.locator(changed).locator("tbody tr")).to_have_text(
            [re.compile("a.*removed"), re.compile("b.*changed")]
        )
        third = run(service.operator, "1", agent="tidy")
        page = visitor.goto(f"/dashboard/runs/{third['run']}")
        expect(page.locator(changed)).to_contain_text("created, changed and removed no file")
        visitor.expect_no_complaint()
    shown = service.operator.get(f"/api/runs/{second['run']}").json()["changed"]
    assert [each["how"] for each in shown["files"]] == ["removed", "changed"]


def test_nothing_that_programs_tools_or_files_say_is_taken_for_html(
    chrome: Browser, service: ApiUnderTest
) -> None:
    begin(
        service,
        service.operator,
        f"from mcp_servers import hostile\nawait hostile.pid(text={PAYLOAD!r})",
        agent="asker",
    )
    with visiting(chrome, service) as visitor:
        seen = ""
        for path in all_pages(service):
            page = visitor.goto(path)
            for opened in page.locator("details").all():
                opened.evaluate("each => each.open = true")
            assert (
                page.locator("main script, main img, main a[href^='javascript'], main [onload]").count() == 0
            )
            seen += page.locator("main").inner_text()
        assert seen.count("<img src=x onerror=alert(2)>") > 5
        assert "{{7*7}}" in seen
        visitor.expect_no_complaint()


def test_a_run_is_found_and_cancelled_with_the_keyboard_alone(chrome: Browser, service: ApiUnderTest) -> None:
    begun = begin(service, service.operator, "while True: pass", agent="asker", timeout_seconds=3_000)
    with visiting(chrome, service) as visitor:
        page = visitor.goto("/dashboard/runs")
        for wanted in (f"r-{begun}", "cancel"):
            expect(page.locator(f"#{wanted}")).to_be_visible()
            while page.evaluate("document.activeElement.id") != wanted:
                page.keyboard.press("Tab")
            page.keyboard.press("Enter")
        expect(page.locator("#error")).to_have_text("Cancelled")
        visitor.expect_no_complaint()
