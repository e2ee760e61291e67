"""Work that people do outside the panel, for the autopilot: open the address that a log asks for, submit the
one form there, and break the new stack."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from integrations.errors import Problem
from integrations.sandbox import handed_in
from integrations.sandbox.forms import FormPage
from integrations.sandbox.manual_work import CHECKED_BY, SEEN_TOO_EARLY, WORK
from integrations.sandbox.repairs import AppliedRepairs, Repair, find_reported, load_repairs

OPEN = "Open in your browser: "
STEPS = 8  # pages and redirects on the way from the first page to the last
TIMEOUT = 10.0  # seconds a page


class People:
    """One person at a browser, on this machine only; ``folder`` is the sandbox's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def do(self, key: str) -> None:
        """Does what a manual item asks for, where a machine can see it (`manual_work`)."""
        if key in WORK:
            WORK[key](self.folder)

    def note(self, key: str) -> str:
        """What they write in the note that this item requires."""
        return handed_in.write_note(self.folder, key)

    def picture(self) -> tuple[str, bytes]:
        """Name and content of a file, for an item that requires one."""
        return handed_in.take_picture()

    def checked_by(self, key: str) -> str:
        """The item whose check fails until the work of this manual item is done; empty for other items."""
        return CHECKED_BY.get(key, "")

    def seen_too_early(self) -> Sequence[str]:
        """The items that are red before any work is done."""
        return SEEN_TOO_EARLY

    def repair(self, key: str, verdict: str) -> list[Repair]:
        """Applies the repairs of all defects that this item's verdict names, and gives them."""
        applied = AppliedRepairs(self.folder / "repairs.json")
        open_ones = [repair for repair in load_repairs().values() if not applied.has(repair.key)]
        reported = find_reported(open_ones, key, verdict)
        for repair in reported:
            applied.apply(repair.key)
        return reported

    @contextmanager
    def turn(self, *, wait: bool) -> Iterator[bool]:
        """Only one works at a time, the autopilot or the demo itself; False when it is another's turn."""
        with (self.folder / "outside-work.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    def handle_log_line(self, line: str) -> None:
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
            page = FormPage(answer.text) if "html" in answer.headers.get("content-type", "") else None
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
        raise Problem(
            f"{address} is not on this machine; the autopilot opens only addresses of this machine."
        )
    return address
