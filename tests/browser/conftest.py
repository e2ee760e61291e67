"""A real browser at a real server: uvicorn on the test's database, Debian's Chromium, people signed in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests import servers
from tests.browser.contexts import new_context
from tests.checklists.histories import person
from tests.ports import free_port
from tests.waiting import wait_for

PROJECT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
#: As root there is no sandbox; nothing is fetched from anywhere else than our own server.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="package")
def panel_server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a panel on the tests' database, one for all tests of this package."""
    with serve_panel(tmp_path_factory.mktemp("panel")) as address:
        yield address


@contextmanager
def serve_panel(folder: Path) -> Iterator[str]:
    """The address of a panel on the tests' database, in the environment of now; its log is in there."""
    port, log = free_port(), folder / "uvicorn.log"
    environment = os.environ | {
        "DATABASE_URL": servers.application_url(settings.DATABASES["default"]["NAME"]),
        "DEBUG": "0",
    }
    command = [sys.executable, "-m", "uvicorn", "tests.browser.panel:application"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--timeout-graceful-shutdown", "1"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, *options, "--no-access-log"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for_panel(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=90)


@pytest.fixture
def panel_url(transactional_db: None, panel_server: str) -> str:
    """The address of the panel, for a test whose database is emptied afterwards."""
    return panel_server


def _wait_for_panel(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    wait_for(
        lambda: _listens(port) or server.poll() is not None,
        message=lambda: f"The panel did not come up:\n{log.read_text()[-4000:]}",
    )
    assert server.poll() is None, log.read_text()[-4000:]
    requests.get(f"http://127.0.0.1:{port}/accounts/login/", timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for this package; each page has a context of its own.

    Playwright keeps an event loop in this thread while it lives, and gives it back for what comes after.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the ORM is ours alone
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()
        connections.close_all()  # beside a loop, Django gives this thread connections of their own


@pytest.fixture
def signed_in(panel_url: str, browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function: ``signed_in("ama")`` is a page of a browser in which Ama is signed in.

    ``width``, ``height``, ``dark`` and ``script=False`` (no JavaScript) describe the browser; ``axe=True``
    lets axe run its script. The console must stay free of errors until the test ends, unless the test
    causes them (``may_complain=True``).
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{message.text} at {message.location}")

    def of(
        name: str,
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        script: bool = True,
        axe: bool = False,
        may_complain: bool = False,
    ) -> Page:
        context = new_context(
            browser,
            base_url=panel_url,
            viewport={"width": width, "height": height},
            java_script_enabled=script,
            color_scheme="dark" if dark else "light",
            bypass_csp=axe,
        )
        contexts.append(context)
        client = Client()
        client.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": panel_url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if not may_complain:
            page.on("console", note)
        return page

    yield of
    for context in contexts:
        context.close()
    # 422 is a form that is shown again with its mistakes.
    assert not [text for text in complaints if "422" not in text]


#: Colours are all that differs between the themes; every other rule is tried in the light one only.
RULES_OF_THEMES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"


def run_axe(page: Page, options: dict[str, object]) -> list[str]:
    """What axe-core finds on a page that was opened with ``axe=True``."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    ask = "options => axe.run(document, {resultTypes: ['violations'], ...options})"
    return [
        f"{one['id']} ({one['impact']}): {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in page.evaluate(ask, options)["violations"]
    ]


@pytest.fixture
def unreadable() -> Callable[[Page], list[str]]:
    """What is wrong with the page that is open, on a desk and on a phone, in both themes.

    The page is loaded once, and then shown in four ways: to load it is what costs most.
    """

    def of(page: Page) -> list[str]:
        wrong: list[str] = []
        page.add_style_tag(content=STILL)
        for width in (1280, 375):
            page.set_viewport_size({"width": width, "height": 900})
            for theme, rules in RULES_OF_THEMES.items():
                page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
                wrong += [f"{page.url} {width} {theme}: {one}" for one in run_axe(page, rules)]
            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            wrong += [f"{page.url} scrolls sideways by {too_wide} px of {width}"] if too_wide > 0 else []
        page.evaluate("document.documentElement.dataset.bsTheme = 'light'")
        return wrong

    return of
