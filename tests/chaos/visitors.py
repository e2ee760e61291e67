"""People who use the pages: they send forms twice, again after a lost answer, and when they are stale.

An answer that says that something was carried out counts as much as a service that returns.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import Any

from django.db import Error, connection

from checklists.board import Board, ItemView
from checklists.models import Attempt, Cutover
from checklists.states import ItemKind, ItemState, Reconciliation
from tests.chaos.browser import Answer, Browser, Fields, NoAnswer
from tests.chaos.people import STARTABLE, Night, People

TRIES = 3  # times that somebody sends a form who gets no answer
SEATS = {"efua": "technical", "kofi": "data"}


@dataclass(frozen=True)
class Sent:
    """A form as it was sent, and what is to be in the database once it is acknowledged."""

    browser: Browser
    path: str
    fields: Fields
    command: str
    rows: dict[str, Any]


@dataclass
class Visitors:
    """A thread that acts for all of them, beside those who call services."""

    people: People
    port: int
    seed: int | str
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.seed}:visitors")
        passwords = self.people.passwords
        self.browsers = {name: Browser(self.port, name, word) for name, word in passwords.items()}
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self.people.stopping:
            try:
                if not self.people.settling:
                    self._act_once()
            except NoAnswer:
                self.people.refused["a page gave no answer"] += 1
            except Error:
                self.people.refused["the database was away"] += 1
                connection.close()
            except Exception:
                self.people.crashes.append(traceback.format_exc())
            time.sleep(self.draw.uniform(0.2, 0.7))
        connection.close()

    def _act_once(self) -> None:
        if self.sent and self.draw.random() < 0.2:
            self._post(self.draw.choice(self.sent[-30:]), ["once"])
        elif self.people.open:
            night = self.draw.choice(list(self.people.open))
            board = Board.load(Cutover.objects.select_related("runbook").get(pk=night.cutover))
            views = [view for view in board.items.values() if self._may(night, board, view)]
            if views and (form := self._fill_in(night, self.draw.choice(views))):
                self.sent.append(form)
                self._post(form, ["once", "once", "twice", "lost"])

    def _may(self, night: Night, board: Board, view: ItemView) -> bool:
        if not board.cutover.is_open or view.item.phase.direction != board.cutover.direction:
            return False
        if view.item.kind == ItemKind.ACTION:
            lost = view.attempt is not None and view.attempt.status == "UNKNOWN"
            startable = view.state in STARTABLE and not view.blockers
            return lost or (startable and night.starts[view.item.key] < 8)
        return view.state == ItemState.READY

    # ── forms ────────────────────────────────────────────────────────────────
    def _fill_in(self, night: Night, view: ItemView) -> Sent | None:
        if view.item.kind == ItemKind.GATE:
            return self._sign(view)
        if view.item.kind == ItemKind.MANUAL:
            return self._read("ama", view, "/tick/", "tick", {"item": view.item.pk})
        if view.attempt is not None and view.attempt.status == "UNKNOWN":
            return self._decide(view, view.attempt)
        return self.fill_in_start(night, view)

    def fill_in_start(self, night: Night, view: ItemView) -> Sent | None:
        """The form to start an item, as its page shows it; nothing unless that shows what we know."""
        about = {"cutover": night.cutover, "key": view.item.key, "after": view.attempts}
        form = self._read("ama", view, "/start/", "start by form", about)
        if form is None or form.fields.get("after") != str(view.attempts):
            return None  # meanwhile it was started, or is done: a start would be another person's wish
        night.starts[view.item.key] += 1
        self.people.forms.add((night.cutover, view.item.key, view.attempts))
        return form

    def _sign(self, view: ItemView) -> Sent | None:
        name = self.draw.choice(sorted(SEATS))
        more = {"decision": "GO", "seat": SEATS[name], "password": self.browsers[name].password}
        form = self._read(name, view, "/sign/", "sign", {}, more)
        if form is not None:
            form.rows["nonce"] = form.fields["nonce"]
        return form

    def _decide(self, view: ItemView, attempt: Attempt) -> Sent | None:
        found = attempt.finding.get("seen")
        lost = self.people.network.lost_attempts() if self.people.network else frozenset()
        if not attempt.finding.get("dead") or found not in Reconciliation.values or str(attempt.pk) in lost:
            return None
        password = self.browsers["efua"].password
        more = {"found": str(found), "note": "I believe the probe.", "password": password}
        return self._read("efua", view, "/reconcile/", "decide", {"attempt": str(attempt.pk)}, more)

    def _read(
        self,
        name: str,
        view: ItemView,
        ending: str,
        command: str,
        rows: Fields | dict[str, Any],
        more: Fields | None = None,
    ) -> Sent | None:
        """The form that ends so on the item's page, with ``more`` filled in; nothing when there is none."""
        browser = self.browsers[name]
        page = browser.get(view.item.get_absolute_url())
        if page.needs_sign_in:
            browser.sign_in()
            page = browser.get(view.item.get_absolute_url())
        found = page.find_form(ending)
        return Sent(browser, found[0], {**found[1], **(more or {})}, command, dict(rows)) if found else None

    # ── sending ──────────────────────────────────────────────────────────────
    def _post(self, form: Sent, ways: list[str]) -> None:
        way = self.draw.choice(ways)
        if way == "lost":  # the person, or the network, gives up before the answer comes
            form.browser.send("POST", form.path, form.fields).close()
            time.sleep(self.draw.uniform(0, 0.4))
        answers = self.send_twice(form) if way == "twice" else [self.send(form)]
        for answer in answers:
            if self._is_carried_out(form, answer):
                self.people.note(form.command, by_page=True, **form.rows)
                return
        self.people.refused[f"a page answered {answers[-1].status} to {form.command}"] += 1

    def send(self, form: Sent) -> Answer:
        """Sends it until an answer comes. Raises `NoAnswer`."""
        for _ in range(TRIES - 1):
            try:
                return form.browser.post(form.path, form.fields)
            except NoAnswer:
                continue
        return form.browser.post(form.path, form.fields)

    def send_twice(self, form: Sent) -> list[Answer]:
        """A double click: both are on their way before an answer comes."""
        both = [form.browser.send("POST", form.path, form.fields) for _ in range(2)]
        return [form.browser.receive(one) for one in both]

    def _is_carried_out(self, form: Sent, answer: Answer) -> bool:
        """Whether the answer says so. After a tick the page that follows says it, or why it was refused."""
        if not answer.is_redirect:
            return False
        return form.command != "tick" or "notice-success" in form.browser.follow(answer).text
