"""What people do outside the panel while a rehearsal is played without hands: they open the addresses that
the log asks them to open and fill in the one form that is there, and they break what is to fail."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from integrations.errors import Problem

OPEN = "Open in your browser: "
STEPS = 8  # pages and redirects on the way from the first page to the last
TIMEOUT = 10.0  # seconds a page


class Page(HTMLParser):
    """The first form of a page, with what is filled in already."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Takes the form, its inputs and its first button."""
        given = {name: value or "" for name, value in attributes}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        elif tag in ("input", "button") and self.action is not None and given.get("name"):
            self.fields.setdefault(given["name"], given.get("value", ""))


class People:
    """One person at a browser, on this machine only; ``folder`` is the sandbox's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def do(self, key: str) -> None:
        """The manual items of the runbook ask for nothing that a machine could see here."""

    def saw(self, line: str) -> None:
        """Opens what a line asks for, and submits the form there. Raises `Problem` when that fails."""
        _, found, address = line.partition(OPEN)
        if not found:
            return
        with requests.Session() as session:
            session.trust_env = False
            try:
                self._walk(session, address.strip())
            except requests.RequestException as error:
                raise Problem(f"The page that the log asks to open does not answer: {type(error).__name__}.")

    def _walk(self, session: requests.Session, address: str) -> None:
        answer = session.get(_here(address), timeout=TIMEOUT, allow_redirects=False)
        submitted = False
        for _ in range(STEPS):
            if answer.is_redirect:
                there = _here(urljoin(answer.url, answer.headers["location"]))
                answer = session.get(there, timeout=TIMEOUT, allow_redirects=False)
                continue
            page = Page(answer.text) if "html" in answer.headers.get("content-type", "") else None
            if page is None or page.action is None or answer.status_code >= 400:
                break
            there, submitted = _here(urljoin(answer.url, page.action)), True
            answer = session.post(there, data=page.fields, timeout=TIMEOUT, allow_redirects=False)
        if not submitted or answer.status_code >= 400:
            raise Problem(f"The page that the log asks to open ended with {answer.status_code}, unsigned.")

    def break_new_stack(self) -> None:
        """From now on the new API's reads answer 500."""
        (self.folder / "new-api.mood").write_text("broken\n")


def _here(address: str) -> str:
    if urlsplit(address).hostname not in ("127.0.0.1", "localhost"):
        raise Problem(f"{address} is not on this machine; a rehearsal without hands stays here.")
    return address


def hands(environ: Mapping[str, str]) -> People | None:
    """The people of the sandbox that this environment belongs to; None where it is none."""
    folder = environ.get("SANDBOX_FOLDER", "")
    return People(Path(folder)) if folder else None
