"""A real browser at a real server: uvicorn on the test's database, Debian's Chromium, people signed in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from cutover.embedded import free_port
from tests import servers
from tests.checklists.histories import person

PROJECT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
#: As root there is no sandbox; nothing is fetched from anywhere else than our own server.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture
def panel_url(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """The address of a panel on the test's own database; it is gone after the test."""
    cache.clear()
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": servers.POSTGRES.url(settings.DATABASES["default"]["NAME"]),
        "DEBUG": "0",
    }
    log = tmp_path / "uvicorn.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "tests.browser.panel:application", "--host", "127.0.0.1",
             "--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "1"],
            cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _wait_for(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < until:
        with socket.socket() as one:
            one.settimeout(1)
            if one.connect_ex(("127.0.0.1", port)) == 0:
                requests.get(f"http://127.0.0.1:{port}/accounts/login/", timeout=30)
                return
        time.sleep(0.1)
    raise AssertionError(f"The panel did not come up:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for a module; each page has a context of its own.

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

    ``width``, ``dark`` and ``script=False`` (no JavaScript) say what kind of browser; its console must
    stay free of errors until the test ends.
    """
    contexts, complaints = [], []

    def of(
        name: str, *, width: int = 1280, dark: bool = False, script: bool = True, axe: bool = False
    ) -> Page:
        context = browser.new_context(
            base_url=panel_url, viewport={"width": width, "height": 900}, java_script_enabled=script,
            color_scheme="dark" if dark else "light", bypass_csp=axe,
        )  # fmt: skip
        contexts.append(context)
        client = Client()
        client.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": panel_url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(f"{said.text} at {said.location}") if said.type == "error" else None
            ),
        )
        return page

    yield of
    for context in contexts:
        context.close()
    assert not [said for said in complaints if "422" not in said]  # a form shown again, with what is wrong


@pytest.fixture
def violations() -> Callable[[Page], list[str]]:
    """What axe-core calls serious or critical on a page; such a page is opened with ``axe=True``."""

    def of(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [
            f"{one['id']} ({one['impact']}): {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    return of
