"""Every page of the URLconf, in every named history, can be read: in both themes, narrow, on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from django.db import connections
from django.test import Client, override_settings
from playwright.sync_api import Browser

from tests.browser.conftest import RULES_OF_THEMES, STILL, run_axe
from tests.browser.contexts import new_context
from tests.browser.page_server import AXE, PageServer, serve_pages
from tests.browser.page_walk import HISTORIES, Shown, Skeleton, is_page, pages_of, pages_of_accounts
from tests.checklists.views.hostile_requests import routes

pytestmark = [pytest.mark.browser]

T = TypeVar("T")

#: Pages that tell of a refusal.
STATUS = {"accounts/3rdparty/login/error/": 401}
WIDE = 1280
#: Width of the window in CSS pixels → what it stands for.
NARROW = {640: "1280 px at 200 %", 375: "a phone", 320: "the smallest phone, or 1280 px at 400 %"}
PAPER = 718  # A4 without its margins, in CSS pixels
#: What no paper can be pressed for, and what would be cut off on it.
NOT_ON_PAPER = ".tabs, .skip-link, .sign-bar, .line-do, main form"
HIDDEN_ON_PAPER = f"""() => [...document.querySelectorAll("{NOT_ON_PAPER}")]
    .filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 100))"""
#: Elements that begin or end outside of the page, except where they scroll in a box of their own.
TOO_WIDE = """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""


class Looker:
    """One page of one browser in which rendered pages are shown; no stream or count is answered."""

    def __init__(self, browser: Browser, server: PageServer) -> None:
        self._context = new_context(browser, base_url=server.address, bypass_csp=True)
        self.page = self._context.new_page()
        self._server = server

    def look(self, shown: Shown, html: str) -> list[str]:
        """What is wrong with a rendered page."""
        self._server.html = html
        self.page.emulate_media(media="screen")
        self.page.set_viewport_size({"width": WIDE, "height": 900})
        self.page.goto(shown.address, wait_until="load")
        self.page.add_style_tag(content=STILL)
        self.page.add_script_tag(url=AXE)  # kept by the browser, unlike a script that each page is sent
        self.page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
        found = [*self._ask_axe(), *self._too_wide(), *self._on_paper()]
        return [f"{shown.history}: {shown.route}: {one}" for one in found]

    def _ask_axe(self) -> Iterator[str]:
        for theme, rules in RULES_OF_THEMES.items():
            self.page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
            yield from (f"{theme}: {one}" for one in run_axe(self.page, rules))
        self.page.evaluate("document.documentElement.dataset.bsTheme = 'light'")

    def _too_wide(self) -> Iterator[str]:
        for width, what in NARROW.items():
            self.page.set_viewport_size({"width": width, "height": 900})
            if (by := self.page.evaluate(TOO_WIDE)) > 0:
                yield f"scrolls sideways by {by} px on {what}"

    def _on_paper(self) -> Iterator[str]:
        self.page.set_viewport_size({"width": PAPER, "height": 900})
        self.page.emulate_media(media="print")
        if (by := self.page.evaluate(TOO_WIDE)) > 0:
            yield f"is {by} px too wide for paper"
        yield from (f"is on paper: {one}" for one in self.page.evaluate(HIDDEN_ON_PAPER))

    def close(self) -> None:
        """Ends the browser's context."""
        self._context.close()


@pytest.fixture(autouse=True)
def _static_files_by_their_own_names(settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(scope="module")
def page_server() -> Iterator[PageServer]:
    """One for all tests: a browser keeps files by their address."""
    with serve_pages() as server:
        yield server


@pytest.fixture(scope="module")
def one_looker(page_server: PageServer, browser: Browser) -> Iterator[Looker]:
    """One for all tests: a new context of the browser has kept nothing."""
    looker = Looker(browser, page_server)
    yield looker
    looker.close()


@pytest.fixture
def looker(transactional_db: None, one_looker: Looker, page_server: PageServer) -> Iterator[Looker]:
    """The database is emptied after each test; no page may name a static file that does not exist."""
    yield one_looker
    assert page_server.missing == []


#: What was looked at: in a long run each shape of a route's pages, in the suite each piece of them. All
#: histories have 223 shapes; 143 of them have a piece that none before had.
_looked_at: set[tuple[str, str]] = set()
#: History → its routes, as far as this process has rendered it.
_walked: dict[str, set[str]] = {}


def beside_the_browser(work: Callable[[], T]) -> T:
    """What Django's client does, in a thread of its own: the loop of Playwright runs in this one."""

    def done() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(done).result()


def render(pages: Callable[[], Iterator[Shown]]) -> list[tuple[Shown, str]]:
    """Makes the pages."""
    return beside_the_browser(lambda: [(shown, _opened(shown)) for shown in pages()])


def _opened(shown: Shown) -> str:
    answer = shown.client.get(shown.address)
    assert answer.status_code == STATUS.get(shown.route, 200), (
        shown.history,
        shown.address,
        answer.status_code,
    )
    html = answer.content.decode()
    assert html.lstrip().startswith("<!doctype html>"), shown.address
    return html


def wrong_with(pages: list[tuple[Shown, str]], looker: Looker, *, is_long: bool) -> list[str]:
    """What is wrong with the pages, as far as nothing like them was looked at before."""
    wrong = []
    for shown, html in pages:
        _walked.setdefault(shown.history, set()).add(shown.route)
        skeleton = Skeleton(html)
        parts = {skeleton.shape} if is_long else skeleton.pieces
        if new := {(shown.route, part) for part in parts} - _looked_at:
            _looked_at.update(new)
            wrong += looker.look(shown, html)
    return wrong


@pytest.fixture
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether this is a round of a long run."""
    return bool(request.config.getoption("--property-round"))


UNREADABLE = """<!doctype html>
<html lang="en"><head><title>Bad</title><style>
  main { background: #fff; color: #000 } [data-bs-theme=dark] p { color: #eee }
  .wide { width: 700px; height: 9px } form { width: 750px }
</style><link rel="stylesheet" href="/static/missing.css"></head><body><main>
  <h1>Bad</h1><p>To be read in the light only.</p><div class="wide"></div><form><input></form>
</main></body></html>"""


def test_what_nobody_could_read_is_found(looker: Looker, page_server: PageServer) -> None:
    shown = Shown("none", "bad/", Client(), "/bad/")
    found = "\n".join(looker.look(shown, UNREADABLE))
    assert page_server.missing == ["/static/missing.css"]
    page_server.missing.clear()
    assert "light: label (critical)" in found
    assert "dark: color-contrast (serious)" in found
    assert "light: color-contrast" not in found
    assert "sideways by 118 px on 1280 px at 200 %" in found
    assert "px too wide for paper" in found
    assert "is on paper: <form>" in found


@pytest.mark.property
@pytest.mark.timeout(600)  # some 20 pages and 3 s each; a machine that is busy needs longer
@pytest.mark.parametrize("history", HISTORIES)
def test_every_page_of_a_cutover_can_be_read_by_everybody(
    history: str, looker: Looker, is_long: bool
) -> None:
    """Every page is made. It is looked at if an element with its class and state is new in its place.

    In a round of a long run every page is looked at that differs from others in more than its texts.
    """
    assert wrong_with(render(lambda: pages_of(history)), looker, is_long=is_long) == []


@pytest.mark.property
@pytest.mark.timeout(600)
def test_every_page_of_the_account_can_be_read_by_everybody(looker: Looker, is_long: bool) -> None:
    """As above."""
    with override_settings(HAS_MAIL=True):
        assert wrong_with(render(pages_of_accounts), looker, is_long=is_long) == []


def test_a_page_with_a_new_state_is_looked_at_again() -> None:
    quiet, loud = (f'<main><p data-state="{state}">a</p></main>' for state in ("quiet", "loud"))
    assert Skeleton(loud).pieces - Skeleton(quiet).pieces
    assert Skeleton(f"<div>{quiet}</div>").pieces - Skeleton(quiet).pieces
    assert Skeleton(quiet + quiet).shape == Skeleton(quiet).shape


def walk() -> set[str]:
    """The routes of every page that is walked; those of histories that were rendered are known."""
    with override_settings(HAS_MAIL=True):
        walked = {shown.route for shown in pages_of_accounts()}
    for history in HISTORIES:
        walked |= _walked.get(history) or {shown.route for shown in pages_of(history)}
    return walked


@pytest.mark.django_db(transaction=True)  # another thread has another connection
def test_every_page_of_the_urlconf_is_walked() -> None:
    walked = beside_the_browser(walk)
    pages = {route for route in routes() if is_page(route)}
    assert pages - walked == set(), "add these to page_walk.py, or say there why they are no pages"
    assert walked - pages == set(), "these are said to be no pages"
