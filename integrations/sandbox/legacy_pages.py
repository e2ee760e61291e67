"""The old application's pages: which there are, who may see them, and what stands on them.

Paths, titles, sign-in and forms come from the recorded facts. Pages that were recorded with 500 answer that.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg

from integrations.sandbox.facts import load_facts
from integrations.sandbox.legacy_database import LegacyDatabase
from integrations.sandbox.legacy_session import Session
from integrations.sandbox.serving import Answer

LAYOUT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body>{alerts}<ul>{rows}</ul>{form}</body></html>"""
ALERT = '<div class="alert">{}</div>'
#: of a form: its own fields differ, the token is the same on all of them
FORM = """<form method="post" action="{action}">
<input type='hidden' name='csrf_token' value='{token}'/>{fields}<button>Send</button></form>"""
FIELD = '<input name="{}">'
EMPTY = "There is nothing to show here now."
#: path → what is listed on the page; a page that is not named lists nothing
LISTS = {
    "/": "SELECT title FROM sermons ORDER BY date DESC NULLS LAST LIMIT 3",
    "/events": "SELECT title FROM events ORDER BY start_date LIMIT 100",
    "/prayers": "SELECT request AS title FROM prayer_requests WHERE is_public ORDER BY id DESC LIMIT 20",
    "/sermons": "SELECT title FROM sermons ORDER BY date DESC NULLS LAST LIMIT 20",
    "/gallery": "SELECT title FROM gallery ORDER BY id DESC LIMIT 20",
    "/churches": "SELECT name AS title FROM churches ORDER BY name LIMIT 20",
}
#: page → where its form goes, and the names of its fields
FORMS = {
    "/prayers": ("/prayers/submit", ("name", "email", "request", "is_public")),
    "/donate": ("/donate/process", ("email", "amount", "currency", "payment_method")),
    "/login": ("/login", ("email", "password", "next")),
    "/register": ("/register", ("username", "email", "password", "confirm_password")),
    "/churches/add": ("/churches/add", ("name", "address")),
    "/admin/users/create": ("/admin/users/create", ("username", "email", "password")),
}


@dataclass(frozen=True)
class Page:
    """One page: its path as a pattern, and what was recorded of it."""

    pattern: re.Pattern[str]
    status: int
    title: str
    has_form: bool
    needs: str  # "", “signed in” or “admin”


@cache
def load_pages() -> tuple[Page, ...]:
    """Every page that the old application answers with HTML."""
    routes = load_facts("old_app.json")["routes"]
    return tuple(
        _page(route) for route in routes if route["method"] == "GET" and route["answers_with"][:4] == "HTML"
    )


def _page(route: dict[str, Any]) -> Page:
    recorded = [load_facts(name)["response"] for name in route["recorded"] or ()]
    seen = next((one for one in recorded if one["body"].get("title") != "Redirecting..."), None)
    body: dict[str, Any] = seen["body"] if seen else {"title": "Covenant Connect", "csrf_field": True}
    needs = next((word for word in ("admin", "signed in") if route["sign_in"].startswith(word)), "")
    pattern = re.escape(route["path"]).replace(r"\{id\}", r"\d+")
    return Page(
        re.compile(pattern), seen["status"] if seen else 200, body["title"], body["csrf_field"], needs
    )


def find_page(path: str) -> Page | None:
    """The page at a path."""
    return next((page for page in load_pages() if page.pattern.fullmatch(path)), None)


def show_page(page: Page, path: str, session: Session, database: LegacyDatabase) -> Answer:
    """The page. When the database fails, its list is empty, a message says so, and the status is 200."""
    sermon = path.removeprefix("/sermons/")
    if sermon != path and not database.rows("SELECT id FROM sermons WHERE id::text = %(id)s", {"id": sermon}):
        return show_error(404, "404 Not Found")
    if page.status != 200:
        return show_error(page.status, page.title)
    alerts = session.take_messages()
    try:
        rows = [row["title"] for row in database.rows(LISTS[path])] if path in LISTS else []
    except psycopg.Error:
        rows, alerts = [], [*alerts, EMPTY]
    form = _form(path, session) if page.has_form else ""
    return Answer(200, _layout(page.title, rows, alerts, form))


def show_again(path: str, message: str, session: Session) -> Answer:
    """A page with its form and a message, after a form that was not accepted."""
    page = find_page(path)
    assert page, "forms stand on pages"
    return Answer(200, _layout(page.title, [], [message], _form(path, session)))


def _form(path: str, session: Session) -> str:
    action, fields = FORMS.get(path, (path, ()))
    inputs = "".join(FIELD.format(name) for name in fields)
    return FORM.format(action=action, token=session.token, fields=inputs)


def _layout(title: str, rows: list[Any], alerts: list[str], form: str) -> str:
    return LAYOUT.format(
        title=html.escape(title),
        alerts="".join(ALERT.format(html.escape(text)) for text in alerts),
        rows="".join(f"<li>{html.escape(str(row))}</li>" for row in rows),
        form=form,
    )


def show_error(status: int, title: str) -> Answer:
    """A page of the framework itself, such as “404 Not Found”."""
    return Answer(status, LAYOUT.format(title=title, alerts="", rows="", form=""))


def redirect(to: str) -> Answer:
    """302 with the framework's own page."""
    body = LAYOUT.format(title="Redirecting...", alerts="", rows="", form="")
    return Answer(302, body, {"Location": to})
