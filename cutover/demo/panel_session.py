"""A person at the panel without a browser: signs in, opens pages, fills in the forms that are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})
TIMEOUT = (5.0, 40.0)  # seconds to connect, to answer: a start may wait for locks


class NotPossible(Exception):
    """The page did not offer what the person wanted to do, or refused it; the message has its words."""


@dataclass
class Form:
    """A form of a page: where it goes and what is filled in already. ``choices`` holds the radio values."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class Page(HTMLParser):
    """The forms of an HTML page, and what it says in its alerts."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self.alerts: list[str] = []
        self._form: Form | None = None
        self._area: str | None = None
        self._alert = 0
        self.feed(text)

    def form(self, path: str) -> Form:
        """The form that is sent to that path. Raises `NotPossible`."""
        found = [form for form in self.forms if urlsplit(form.action).path == path]
        if not found:
            said = " ".join(self.alerts) or "it says nothing of why"
            raise NotPossible(f"{self.address} offers no form for {path}: {said}")
        return found[0]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collects forms, fields and alerts."""
        given = {name: value or "" for name, value in attributes}
        if self._alert or given.get("role") == "alert":
            self._alert += tag not in VOID
            if self._alert == 1 and given.get("role") == "alert":
                self.alerts.append("")
        if tag == "form":
            action = urljoin(self.address, given.get("action", ""))
            self._form = Form(action, given.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None and given.get("name"):
            self._field(self._form, tag, given)

    def _field(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, kind = given["name"], given.get("type", "text")
        if tag == "textarea":
            self._area = name
            form.fields[name] = ""
        elif tag == "input" and kind in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(given.get("value", "on"))
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif tag == "input" or (tag == "button" and "value" in given):
            form.fields[name] = given.get("value", "")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """An element that closes itself opens nothing."""
        if tag in VOID:
            self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        """Closes forms, text areas and alerts."""
        if self._alert and tag not in VOID:
            self._alert -= 1
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        """Text of alerts and text areas."""
        if self._alert and data.strip():
            self.alerts[-1] = f"{self.alerts[-1]} {data.strip()}".strip()
        if self._area and self._form is not None:
            self._form.fields[self._area] += data


class Visitor:
    """One person's session with the panel at ``address``."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self.address, self.username, self.password = address.rstrip("/"), username, password
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy stands between us and our own machine

    def open(self, path: str) -> Page:
        """Fetches a page. Raises `NotPossible` when it does not come."""
        return self._page(self.session.get(self.address + path, timeout=TIMEOUT))

    def sign_in(self, path: str = "/accounts/login/") -> None:
        """Signs in through the login page. Raises `NotPossible`."""
        page = self.open(path)
        form = page.form(path)
        form.fields |= {"login": self.username, "password": self.password}
        after = self._send(form, page)
        if any(urlsplit(other.action).path == path for other in after.forms):
            raise NotPossible(f"{self.username} could not sign in: {' '.join(after.alerts)}")

    def submit(self, on: str, to: str, **filled: str) -> Page:
        """Opens the page ``on``, fills in its form for ``to``, sends it. Raises `NotPossible` on an alert."""
        page = self.open(on)
        form = page.form(to)
        unknown = set(filled) - set(form.fields) - set(form.choices)
        if unknown:
            raise NotPossible(f"The form on {on} has no {', '.join(sorted(unknown))}.")
        form.fields |= filled
        standing = set(page.alerts)
        after = self._send(form, page)
        refused = [alert for alert in after.alerts if alert not in standing]
        if refused:
            raise NotPossible(" ".join(refused))
        return after

    def _send(self, form: Form, page: Page) -> Page:
        return self._page(
            self.session.post(
                form.action, data=form.fields, headers={"Referer": page.address}, timeout=TIMEOUT
            )
        )

    def _page(self, answer: requests.Response) -> Page:
        page = Page(answer.url, answer.text)
        if answer.status_code >= 400 and answer.status_code != 422:  # 422: the form again, with what is wrong
            raise NotPossible(f"{answer.url} answered {answer.status_code}. {' '.join(page.alerts)}")
        return page
