"""A real Chromium that looks at the dashboard, and what it may not say while it does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, sync_playwright
from tests.patience import LONG
from tests.server.api_service import ApiUnderTest

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"
MILLISECONDS: Final = LONG * 1_000
VIOLATIONS: Final = (
    "addEventListener('securitypolicyviolation', (event) =>"
    " console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
)
SERIOUS: Final = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
}"""


@dataclass  # Playwright keeps something in an object whose methods it calls
class Visitor:
    """A browser with the rights of somebody's token."""

    base: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list[str])

    def goto(self, path: str) -> Page:
        """Open a page, and wait until it has loaded everything."""
        self.page.goto(self.base + path, wait_until="load")
        return self.page

    def expect_no_complaint(self) -> None:
        """Expect no error on the console, no violation of the policy, and no script of anybody else's."""
        assert self.complaints == []

    def expect_accessible(self) -> None:
        """Expect that axe finds nothing serious, and that nothing is wider than the screen."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        assert self.page.evaluate(SERIOUS) == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def failed(self, error: Error) -> None:
        self.complaints.append(str(error))


@contextmanager
def chromium() -> Generator[Browser]:
    """Start Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: sh scripts/debian-packages.sh")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextmanager
def visiting(
    browser: Browser,
    service: ApiUnderTest,
    token: Any = None,
    *,
    theme: Literal["light", "dark"] = "light",
    width: int = 1_200,
) -> Generator[Visitor]:
    """Enter the dashboard as a person does: with a ticket.

    Parameters:
        token: a client with the token whose rights the browser gets; by default the operator's.
    """
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})
    context.set_default_timeout(MILLISECONDS)
    context.add_init_script(VIOLATIONS)
    visitor = Visitor(service.base, context, context.new_page())
    visitor.page.on("console", visitor.heard)
    visitor.page.on("pageerror", visitor.failed)
    context.add_init_script("alert = (text) => console.error(`alert: ${text}`)")
    visitor.goto((token or service.operator).post("/api/dashboard/ticket").json()["path"])
    yield visitor
    context.close()


def hostile_tools(folder: Path, *names: str) -> Path:
    """Write a listing of tools whose descriptions want to be run by the browser."""
    schema = {
        "type": "object",
        "properties": {each: {"type": "string", "description": PAYLOAD} for each in ("text", "word")},
    }
    paying = {"type": "object", "properties": {"amount": {"type": "number", "minimum": 0}}}
    tools: list[dict[str, Any]] = [
        {"name": name, "description": f"{PAYLOAD} of {name}", "inputSchema": schema} for name in names
    ]
    tools += [{"name": "pay", "inputSchema": paying}, {"name": "raw", "inputSchema": {"type": "object"}}]
    place = folder / "tools.json"
    place.write_text(json.dumps(tools), encoding="utf-8")
    return place


PAYLOAD: Final = (
    "'\"></textarea></script></code><script>alert(1)</script><img src=x onerror=alert(2)>"
    "<svg onload=alert(3)></svg><a href=javascript:alert(4) hx-get=/x hx-trigger=load>x</a>{{7*7}}"
)
"""Text that runs where it is taken for HTML, by any of several ways."""
