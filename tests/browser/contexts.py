"""A person's browser: contexts that wait as long as a busy machine needs."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

PATIENCE = 90_000  # milliseconds; only what never comes waits as long

expect.set_options(timeout=PATIENCE)


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """A context of its own, with Playwright's options; its clicks and navigations wait for `PATIENCE`."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    return context
