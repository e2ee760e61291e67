"""One person's browser, as far as pages that work without JavaScript need one."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

SIGN_IN = "/accounts/login/"
PATIENCE = 8.0  # seconds: then the person sends the form again
Fields = dict[str, str]


class NoAnswer(Exception):
    """No answer came: nobody knows whether the request was carried out."""


class ServerFailed(Exception):
    """The panel answered with 500: it met something that it did not expect."""


class _FormParser(HTMLParser):
    """The forms of a page by their address, with the fields that a browser would send unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, Fields] = {}
        self.current: Fields | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes a form, or a field of the one that is open."""
        given = dict(attrs)
        if tag == "form":
            self.current = self.forms.setdefault(given.get("action") or "", {})
        if tag not in ("input", "textarea") or self.current is None or not (name := given.get("name")):
            return
        if given.get("type") not in ("radio", "checkbox", "file") or "checked" in given:
            self.current[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Closes the form."""
        if tag == "form":
            self.current = None


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    location: str
    text: str

    @property
    def is_redirect(self) -> bool:
        """To another page of the panel than the sign-in: a form that was wrong is shown again instead."""
        return self.status in (302, 303) and not self.needs_sign_in

    @property
    def needs_sign_in(self) -> bool:
        """Whether the session has ended."""
        return SIGN_IN in self.location

    @cached_property
    def forms(self) -> dict[str, Fields]:
        """Address → the fields of the form that is sent there."""
        parser = _FormParser()
        parser.feed(self.text)
        return parser.forms

    def find_form(self, ending: str) -> tuple[str, Fields] | None:
        """The first form whose address ends so."""
        return next((found for found in self.forms.items() if found[0].endswith(ending)), None)


@dataclass
class Browser:
    """Sends requests of one person to the web process at a port of loopback."""

    port: int
    name: str
    password: str
    cookies: Fields = field(default_factory=dict)
    asked: str = ""  # the latest request, for a report

    def get(self, path: str) -> Answer:
        """A page. Raises `NoAnswer` and `ServerFailed`."""
        return self.receive(self.send("GET", path))

    def post(self, path: str, fields: Fields) -> Answer:
        """Sends a form. Raises `NoAnswer` and `ServerFailed`."""
        return self.receive(self.send("POST", path, fields))

    def send(self, method: str, path: str, fields: Fields | None = None) -> http.client.HTTPConnection:
        """Sends a request; nobody has waited for its answer yet. Raises `NoAnswer`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        self.asked, body = f"{method} {path}", None
        if fields is not None:
            body, headers["Content-Type"] = urlencode(fields), "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
        except (OSError, http.client.HTTPException) as why:
            raise NoAnswer(str(why)) from why
        return connection

    def receive(self, connection: http.client.HTTPConnection) -> Answer:
        """The answer to what was sent. Raises `NoAnswer` and `ServerFailed`."""
        try:
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as why:
            raise NoAnswer(str(why)) from why
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie") or []:
            self.cookies.update({name: one.value for name, one in SimpleCookie(line).items()})
        if response.status == 500:
            raise ServerFailed(f"{self.asked} was answered with 500; the log of the web process says why")
        return Answer(response.status, response.headers.get("Location", ""), text)

    def follow(self, answer: Answer) -> Answer:
        """The page to which an answer leads, with the messages about what was done."""
        return self.get(urlsplit(answer.location).path)

    def sign_in(self) -> None:
        """Signs in on the page for that."""
        self.cookies.pop("sessionid", None)
        found = self.get(SIGN_IN).find_form(SIGN_IN)
        if found is not None:
            self.post(SIGN_IN, {**found[1], "login": self.name, "password": self.password})
