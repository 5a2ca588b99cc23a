"""A real browser without a screen, for what only a browser can tell. Every request that is not the page itself is stopped and noted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIETLY = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
)
WATCH = "window.refused = []; addEventListener('securitypolicyviolation', (e) => window.refused.push(`${e.effectiveDirective} ${e.blockedURI}`))"


def chromium() -> str:
    """Where Chromium is. Without one a test is skipped, or fails where SEATLEDGER_REQUIRE_CHROMIUM says that there must be one."""
    found = os.environ.get("SEATLEDGER_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    why = f"no Chromium: none of {', '.join(NAMES)} on PATH, and SEATLEDGER_CHROMIUM names none"
    if os.environ.get("SEATLEDGER_REQUIRE_CHROMIUM"):
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def a_browser() -> Iterator[Browser]:
    where = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=where, args=QUIETLY.split())
        try:
            yield browser
        finally:
            browser.close()


class Seen:
    """A page that is open: `page` to act on, `said` on the console, `requests` for anything but the page itself."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.path = page, path
        self.said: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.add_init_script(WATCH)
        page.route("**/*", self._stop)

    def _stop(self, route) -> None:
        if route.request.url.split("#")[0] == self.path.as_uri():
            return route.continue_()
        self.requests.append(route.request.url)
        return route.abort()

    def refused(self) -> list[str]:
        """What the page's policy refused."""
        return self.page.evaluate("window.refused")


@contextmanager
def opened(
    browser: Browser, path: Path, *, size: tuple[int, int] = (1366, 900), scheme: str = "light", at: str = "", **options
) -> Iterator[Seen]:
    """The page as a person opens it: a file, on a screen of that size, in that colour scheme."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **options)
    try:
        seen = Seen(context.new_page(), path)
        seen.page.goto(path.as_uri() + at)
        yield seen
    finally:
        context.close()
