"""A person's session with the panel without a browser: signs in, opens pages, sends their forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})
TIMEOUT = (5.0, 40.0)  # seconds to connect, to answer: a start may wait for locks


class FormRefused(Exception):
    """The page has no such form, or the panel refused it; the message quotes the page."""


@dataclass
class PageForm:
    """A form of a page with its present values; ``choices``: the values of radio buttons and check boxes."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)  # the names of fields that take files


class PanelPage(HTMLParser):
    """The forms of an HTML page, and the texts of its alerts."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[PageForm] = []
        self.alerts: list[str] = []
        self._form: PageForm | None = None
        self._area: str | None = None
        self._alert = 0
        self.feed(text)

    def form(self, path: str) -> PageForm:
        """The form that posts to that path. Raises `FormRefused`."""
        found = [form for form in self.forms if urlsplit(form.action).path == path]
        if not found:
            said = " ".join(self.alerts) or "the page gives no reason"
            raise FormRefused(f"{self.address} offers no form for {path}: {said}")
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
            self._form = PageForm(action, given.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None and given.get("name"):
            self._field(self._form, tag, given)

    def _field(self, form: PageForm, tag: str, given: dict[str, str]) -> None:
        name, kind = given["name"], given.get("type", "text")
        if tag == "textarea":
            self._area = name
            form.fields[name] = ""
        elif tag == "input" and kind in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(given.get("value", "on"))
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif tag == "input" and kind == "file":
            form.files.append(name)
        elif tag == "input" or (tag == "button" and "value" in given):
            form.fields[name] = given.get("value", "")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """A self-closing element has no content."""
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


class OneRequestAdapter(HTTPAdapter):
    """Sends each request, also that after a redirect, over a connection of its own.

    A server closes a connection that was idle for some seconds, or after a request, often without saying so.
    A form that is sent over it at that very moment is lost, and nobody may send it again on a guess.
    """

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Forgets the connections of earlier requests first."""
        self.poolmanager.clear()
        return super().send(request, *args, **options)


class PanelSession:
    """One person's session with the panel at ``address``."""

    def __init__(self, address: str, username: str, password: str) -> None:
        self.address, self.username, self.password = address.rstrip("/"), username, password
        self.session = requests.Session()
        self.session.trust_env = False  # the panel is on this machine: use no proxy
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, OneRequestAdapter())

    def open(self, path: str) -> PanelPage:
        """Fetches a page. Raises `FormRefused` for an error status."""
        return self._page(self.session.get(self.address + path, timeout=TIMEOUT))

    def sign_in(self, path: str = "/accounts/login/") -> None:
        """Signs in through the login page. Raises `FormRefused`."""
        page = self.open(path)
        form = page.form(path)
        form.fields |= {"login": self.username, "password": self.password}
        after = self._send(form, page)
        if any(urlsplit(other.action).path == path for other in after.forms):
            raise FormRefused(f"{self.username} could not sign in: {' '.join(after.alerts)}")

    def submit(
        self, on: str, to: str, *, attached: Mapping[str, tuple[str, bytes]] | None = None, **filled: str
    ) -> PanelPage:
        """Opens the page ``on``, fills in its form that posts to ``to`` and sends it.

        ``attached``: name of a field → name and content of a file.

        Raises `FormRefused` when there is no such form or field, and when the answer has a new alert.
        """
        page = self.open(on)
        form = page.form(to)
        unknown = {*filled, *(attached or {})} - {*form.fields, *form.choices, *form.files}
        if unknown:
            raise FormRefused(f"The form on {on} has no {', '.join(sorted(unknown))}.")
        form.fields |= filled
        alerts_before = set(page.alerts)
        after = self._send(form, page, attached)
        refused = [alert for alert in after.alerts if alert not in alerts_before]
        if refused:
            raise FormRefused(" ".join(refused))
        return after

    def _send(
        self,
        form: PageForm,
        page: PanelPage,
        attached: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> PanelPage:
        sent = self.session.post(
            form.action,
            data=form.fields,
            files=attached or None,
            headers={"Referer": page.address},
            timeout=TIMEOUT,
        )
        return self._page(sent)

    def _page(self, answer: requests.Response) -> PanelPage:
        page = PanelPage(answer.url, answer.text)
        if answer.status_code >= 400 and answer.status_code != 422:  # 422: the form again, with its errors
            raise FormRefused(f"{answer.url} answered {answer.status_code}. {' '.join(page.alerts)}")
        return page
