"""What the stand-ins for sign-in share: the page where a person agrees, and codes that hold once."""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from integrations.sandbox.serving import Answer, Asked

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{provider}: sign in</title>
<h1>{provider}: sign in</h1><p>A stand-in on this machine. It lets {client} know who you are.</p>
<form method="post" action="">{fields}
<label>The same person as before, by this name (empty: a new one) <input name="person"></label>
<button name="agree" value="yes">Continue as a test person</button></form></html>"""
HIDDEN = '<input type="hidden" name="{name}" value="{value}">'
POSTED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Back to the application</title>
<h1>Back to the application</h1><form method="post" action="{action}">{fields}<button>Go on</button></form>
</html>"""


@dataclass(frozen=True)
class Person:
    """Who signed in: the provider's own name for them, and an address; ``offline``: the client asked for a
    refresh token."""

    subject: str
    email: str
    offline: bool = False


@dataclass(frozen=True)
class Grant:
    """What a code stands for."""

    person: Person
    redirect: str


class Consent:
    """The page and the codes of one provider; ``redirect`` is the one address that it knows."""

    def __init__(self, provider: str, client: str, redirect: str, scopes: frozenset[str]) -> None:
        self.provider, self.client, self.redirect, self.scopes = provider, client, redirect, scopes
        self.grants: dict[str, Grant] = {}
        self.lock = threading.Lock()

    def page(self, asked: Asked) -> Answer:
        """The form; submitted, it leads back with a code."""
        given = {**asked.query, **(asked.form() if asked.method == "POST" else {})}
        wrong = self._wrong(given)
        if wrong:
            return Answer(400, f"<h1>Error 400: {html.escape(wrong)}</h1>")
        if asked.method != "POST":
            fields = _hidden({name: value for name, value in asked.query.items() if name != "agree"})
            return Answer(
                200, PAGE.format(provider=self.provider, client=html.escape(self.client), fields=fields)
            )
        code = self._code(given.get("person", ""), offline=given.get("access_type") == "offline")
        return self._back({"code": code, "state": given["state"]}, given.get("response_mode", "query"))

    def take(self, code: str, redirect: str) -> Person | None:
        """Whom a code stands for; it holds once, and only for the address it was sent to."""
        with self.lock:
            grant = self.grants.pop(code, None)
        return grant.person if grant and grant.redirect == redirect else None

    def _wrong(self, given: Mapping[str, str]) -> str:
        if given.get("client_id") != self.client:
            return "invalid_client"
        if given.get("redirect_uri") != self.redirect:
            return "redirect_uri_mismatch"
        if given.get("response_type") != "code" or not given.get("state"):
            return "invalid_request"
        scopes = set(given.get("scope", "").replace(",", " ").split())
        return "" if scopes and scopes <= self.scopes else "invalid_scope"

    def _code(self, person_name: str, *, offline: bool) -> str:
        mark, code = person_name or secrets.token_hex(4), secrets.token_urlsafe(24)
        name = self.provider.lower()
        person = Person(f"{name}-{mark}", f"{name}.{mark}@people.invalid", offline)
        with self.lock:
            self.grants[code] = Grant(person, self.redirect)
        return code

    def _back(self, values: Mapping[str, str], mode: str) -> Answer:
        """By a redirect, or by a form that the browser posts."""
        if mode == "form_post":
            return Answer(200, POSTED.format(action=html.escape(self.redirect), fields=_hidden(values)))
        return Answer(302, "", {"Location": f"{self.redirect}?{urlencode(values)}"})


def _hidden(values: Mapping[str, str]) -> str:
    quoted = {html.escape(name): html.escape(value) for name, value in values.items()}
    return "".join(HIDDEN.format(name=name, value=value) for name, value in quoted.items())


def redirect_of(environ: Mapping[str, str], provider: str) -> str:
    """The redirect address that was registered with a provider of the sandbox."""
    return f"{environ.get('OAUTH_REDIRECT_BASE', '')}/{provider}/callback"
