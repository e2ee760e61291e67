"""Plays a whole rehearsal without hands: as its people, through the pages, with their passwords."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from django.db import connections
from django.urls import reverse

from checklists.gates import Board, ItemView
from checklists.models import Cutover
from checklists.record import verify
from checklists.staging import Player
from checklists.states import CutoverStatus, Direction, ItemKind, ItemState, Part
from checklists.verify_record import sentence
from checklists.visitor import NotPossible, Visitor
from integrations.errors import Problem

POLL = 0.25  # seconds between two looks at a running attempt
LINES = 12  # of a failed attempt's log
WAITING = frozenset({ItemState.QUEUED, ItemState.RUNNING})


class Hands(Protocol):
    """What people do outside the panel meanwhile: sign in at a provider, pay, turn an old key off."""

    def do(self, key: str) -> None:
        """Before the manual item of that key is ticked. Raises `Problem` when it cannot be done."""

    def saw(self, line: str) -> None:
        """A line of a running action's log: it may ask a person to open an address."""

    def break_new_stack(self) -> None:
        """Makes the new stack answer wrongly from now on, as a night can go."""


class NoHands:
    """Nothing has to be done outside."""

    def do(self, key: str) -> None:
        """Nothing."""

    def saw(self, line: str) -> None:
        """Nobody looks."""

    def break_new_stack(self) -> None:
        """Nothing to break."""


class Failed(Exception):
    """An item did not come to its end; the message names it and says why."""


class Autopilot:
    """The lead ticks and starts, the approvers sign; what happened is read from the database."""

    def __init__(
        self,
        cutover: Cutover,
        players: Sequence[Player],
        address: str,
        say: Callable[[str], None],
        limit: float,
        hands: Hands | None = None,
    ) -> None:
        self.cutover, self.say, self.hands = cutover, say, hands or NoHands()
        self.direction = Direction.FORWARD
        self.until = time.monotonic() + limit
        visitors = [(player, Visitor(address, player.username, player.password)) for player in players]
        self.lead = next(visitor for player, visitor in visitors if player.part == Part.LEAD)
        self.approvers = [visitor for player, visitor in visitors if player.part == Part.APPROVER]

    def play(self) -> None:
        """Every forward item, in order, to the end. Raises `Failed`, `NotPossible`."""
        self._sign_in()
        self._say_played(*self._through())

    def play_back(self, failing: str) -> None:
        """Forward to the item ``failing``, which the broken new stack makes end badly; then all the way back.

        Raises `Failed` also when that item succeeds: then nothing was tried.
        """
        self._sign_in()
        there = self._through(until=failing)
        self.hands.break_new_stack()
        view = next(view for view in self._views() if view.item.key == failing)
        self._run(view)
        now = self._look(view)
        if now.state != ItemState.FAILED:
            raise Failed(f"{now.item} was to fail on a broken stack, and it did not: {now.state.lower()}.")
        self.say(f"✗ {now.item.number:<5} {now.item.title}{_outcome(now)}")
        self._order_rollback(f"{now.item.title}: {now.attempt.summary if now.attempt else ''}")
        back = self._through()
        self._close_as_rolled_back()
        self._say_played(there[0] + back[0] + 1, there[1] + back[1])

    def _sign_in(self) -> None:
        for visitor in (self.lead, *self.approvers):
            visitor.sign_in()

    def _through(self, until: str = "") -> tuple[int, float]:
        """Settles item after item, up to ``until`` or to the end; how many, and in how many seconds."""
        began, played = time.monotonic(), 0
        while (view := self._next()) and view.item.key != until:
            if time.monotonic() > self.until:
                raise Failed(f"Time is up before {view.item}.")
            self._settle(view)
            played += 1
        if not until:
            self._nothing_left()
        elif view is None:
            raise Failed(f"{until} did not come up: it is settled already, or what it needs is not.")
        return played, time.monotonic() - began

    def _say_played(self, played: int, took: float) -> None:
        self.say(
            f"\n{played} items in {_words(timedelta(seconds=took))}."
            if played
            else "\nEverything had been played before; --fresh begins anew."
        )

    def _order_rollback(self, reason: str) -> None:
        page = reverse("cutover-rollback", args=[self.cutover.slug])
        self.lead.submit(page, page, reason=reason[:1000], password=self.lead.password)
        self.direction = Direction.ROLLBACK
        self.say(f"← The rollback is ordered: {reason}")

    def _close_as_rolled_back(self) -> None:
        page = reverse("cutover-close", args=[self.cutover.slug])
        self.lead.submit(page, page, status=CutoverStatus.ROLLED_BACK, reason="", password=self.lead.password)
        self.say("The cutover is closed as rolled back.")

    def verify(self) -> None:
        """The record, at the end. Raises `Failed`."""
        verdict = verify(self.cutover)
        self.say(f"Record: {sentence(verdict)}")
        if not verdict.ok:
            raise Failed(f"The record of {self.cutover.slug} is broken at link {verdict.broken_at}.")

    # ── what comes next ──────────────────────────────────────────────────────

    def _views(self) -> list[ItemView]:
        connections.close_all()  # each look sees the newest, and none keeps a connection while waiting
        board = Board.of(Cutover.objects.select_related("runbook").get(pk=self.cutover.pk))
        phases = [phase for phase in board.phases if phase.phase.direction == self.direction]
        return [view for phase in phases for view in phase.items]

    def _look(self, view: ItemView) -> ItemView:
        return next(now for now in self._views() if now.item.pk == view.item.pk)

    def _next(self) -> ItemView | None:
        """The first item that can go on: one that runs already, or one that is ready."""
        views = self._views()
        stuck = [v for v in views if v.state in (ItemState.UNKNOWN, ItemState.NO_GO)]
        if stuck:
            raise self._failure(stuck[0])
        return next((view for view in views if view.state in WAITING or self._ready(view)), None)

    def _ready(self, view: ItemView) -> bool:
        if view.settled:
            return False
        return view.state in (ItemState.READY, ItemState.FAILED, ItemState.UNDONE) and not view.blockers

    def _nothing_left(self) -> None:
        left = [view for view in self._views() if not view.settled]
        if left:
            raise self._failure(left[0])

    # ── settling one ─────────────────────────────────────────────────────────

    def _settle(self, view: ItemView) -> None:
        began = time.monotonic()
        deed = {ItemKind.MANUAL: self._tick, ItemKind.ACTION: self._run, ItemKind.GATE: self._sign}
        try:
            deed[ItemKind(view.item.kind)](view)
        except (NotPossible, Problem) as why:
            raise Failed(f"{self._failure(self._look(view))}\n  {why}")
        now = self._look(view)
        if not now.settled:
            raise self._failure(now)
        took = now.actual or timedelta(seconds=time.monotonic() - began)
        self.say(f"✓ {view.item.number:<5} {view.item.title} · {_words(took)}{_outcome(now)}")

    def _address(self, view: ItemView, name: str) -> str:
        return reverse(name, args=[self.cutover.slug, view.item.key])

    def _tick(self, view: ItemView) -> None:
        self.hands.do(view.item.key)
        self.lead.submit(self._address(view, "item"), self._address(view, "item-tick"))

    def _run(self, view: ItemView) -> None:
        if view.state not in WAITING:
            self.lead.submit(self._address(view, "item"), self._address(view, "item-start"))
        seen = 0
        while (now := self._look(view)).state in WAITING:
            seen = self._show(now, seen)
            if time.monotonic() > self.until:
                raise Failed(
                    f"Time is up while {view.item} runs ({now.attempt and now.attempt.progress_what})."
                )
            time.sleep(POLL)

    def _show(self, view: ItemView, seen: int) -> int:
        """Hands over the lines of the running attempt that are new; the number of the last one."""
        lines = view.attempt.lines.filter(number__gt=seen).order_by("number") if view.attempt else []
        for line in lines:
            self.hands.saw(line.text)
            seen = line.number
        return seen

    def _sign(self, view: ItemView) -> None:
        page, to = self._address(view, "gate"), self._address(view, "gate-sign")
        for approver in self.approvers:
            if self._look(view).settled:
                return
            form = approver.open(page).form(to)
            seat = form.fields.get("seat") or form.choices.get("seat", [""])[0]
            # «form» was only read for its seats; what is sent is the form that is there now.
            filled = {
                "seat": seat,
                "decision": "GO",
                "reason": "Rehearsal without hands.",
                "password": approver.password,
            }
            approver.submit(page, to, **filled)

    def _failure(self, view: ItemView) -> Failed:
        lines = [f"✗ {view.item.number} {view.item.title}: {ItemState(view.state).label.lower()}."]
        lines += [f"  {blocker.what}" for blocker in view.blockers]
        if view.gate is not None:
            lines += [f"  {blocker.what}" for blocker in view.gate.blockers]
        if view.attempt is not None:
            attempt = view.attempt
            lines += [f"  {attempt.summary}", *(f"  {word}" for word in attempt.problem.values() if word)]
            lines += [f"  {attempt.unknown_reason}"] if attempt.unknown_reason else []
            last = list(attempt.lines.order_by("-number")[:LINES])[::-1]
            lines += [f"      {line.number:>4} {line.text}" for line in last]
        return Failed("\n".join(line for line in lines if line.strip()))


def _outcome(view: ItemView) -> str:
    """What an item left behind, in one line: the evidence's summary and digest, or who signed."""
    if view.gate is not None:
        names = [seat.sign_off.person.get_full_name() for seat in view.gate.seats if seat.sign_off]
        return f"\n        go: {', '.join(names)} on {view.gate.digest[:8]}"
    if view.attempt is None:
        return ""
    digest = f" [{view.evidence.digest[:8]}]" if view.evidence else ""
    return f"\n        {view.attempt.summary}{digest}"


def _words(took: timedelta) -> str:
    minutes, seconds = divmod(took.total_seconds(), 60)
    return f"{minutes:.0f} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"
