"""The old application, as its facts were recorded (`customer/old_app.json`): pages, forms, a calendar.

It has no health endpoint, no counter and no writes of its own: people and a payment provider write through
it. Not played: editing and deleting in the staff's pages, the reports as JSON and CSV, sign-in by a provider.

Settings: DATABASE_URL (the role `legacy_app`), PORT, SECRET_KEY; FINCRA_SECRET_KEY, and CHECKOUT_URL, the
page that payment providers lead people to (without it no provider can be reached).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from urllib.parse import quote

from integrations.sandbox import legacy_pages
from integrations.sandbox.facts import load_facts
from integrations.sandbox.legacy_database import LegacyDatabase
from integrations.sandbox.legacy_forms import LegacyForms
from integrations.sandbox.legacy_reads import LegacyReads
from integrations.sandbox.legacy_session import Session
from integrations.sandbox.serving import Answer, Asked, say, serve

STANDING = ("Server", "Access-Control-Allow-Origin", "Vary")
#: forms that only people who are signed in may send
STAFF = {
    "/churches/add": "signed in",
    "/notifications/preferences": "signed in",
    "/admin/users/create": "admin",
}


class LegacyApp:
    """Answers one request at a time of each session, whose cookie holds all that is known of a visitor."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.secret = environ.get("SECRET_KEY") or secrets.token_hex(16)
        self.database = LegacyDatabase(environ["DATABASE_URL"])
        self.forms = LegacyForms(self.database, environ.get("CHECKOUT_URL", ""))
        self.reads = LegacyReads(self.database, environ.get("FINCRA_SECRET_KEY", ""))

    def __call__(self, asked: Asked) -> Answer:
        """The answer, with the session's cookie. What fails unforeseen is a page with 500."""
        session = Session(self.secret, asked.headers.get("cookie", ""))
        try:
            answer = self.reads.answer(asked) or self._answer(asked, session)
        except Exception as error:  # as Flask does: the cause goes to the log, the client gets a 500
            say(f"{asked.method} {asked.path}: {type(error).__name__}: {error}".strip())
            return legacy_pages.show_error(500, "500 Internal Server Error")
        return session.attach_to(answer)

    def _answer(self, asked: Asked, session: Session) -> Answer:
        if asked.method == "POST":
            return self._take_form(asked, session)
        if asked.path == "/logout":
            session.values = {}
            return legacy_pages.redirect("/")
        if asked.path == "/payment/callback":
            return legacy_pages.redirect("/donate")
        page = legacy_pages.find_page(asked.path)
        if asked.method != "GET" or page is None:
            return legacy_pages.show_error(404, "404 Not Found")
        refused = _refuse(page.needs, asked.path, session)
        return refused or legacy_pages.show_page(page, asked.path, session, self.database)

    def _take_form(self, asked: Asked, session: Session) -> Answer:
        take = self.forms.find(asked.path)
        if take is None:
            return legacy_pages.show_error(404, "404 Not Found")
        form = asked.form()
        if not session.accepts(form.get("csrf_token", "")):
            return legacy_pages.show_error(400, "400 Bad Request")
        return _refuse(STAFF.get(asked.path, ""), asked.path, session) or take(form, session)


def _refuse(needs: str, path: str, session: Session) -> Answer | None:
    """Leads people who are not signed in to the sign-in, and others than administrators to a 403."""
    if needs and "user" not in session.values:
        session.add_message("Please sign in first.")
        return legacy_pages.redirect(f"/login?next={quote(path, safe='')}")
    if needs == "admin" and not session.values.get("admin"):
        return legacy_pages.show_error(403, "403 Forbidden")
    return None


def standing_headers() -> dict[str, str]:
    """Those that Flask-CORS, Flask's sessions and the development server put on every answer."""
    recorded = load_facts("answers/old--home.json")["response"]["headers"]
    return {name: value for name, value in recorded if name in STANDING}


def main() -> None:
    """Serves until SIGTERM."""
    serve(int(os.environ["PORT"]), LegacyApp(os.environ), name="old-app", headers=standing_headers())


if __name__ == "__main__":
    main()
