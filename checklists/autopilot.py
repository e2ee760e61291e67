"""Plays a whole rehearsal without hands: as its people, through the pages, with their passwords."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.db import connections
from django.urls import reverse

from checklists.gates import Board, ItemView
from checklists.models import Cutover
from checklists.record import verify
from checklists.staging import Player
from checklists.states import Direction, ItemKind, ItemState, Part
from checklists.verify_record import sentence
from checklists.visitor import NotPossible, Visitor

POLL = 0.25  # seconds between two looks at a running attempt
LINES = 12  # of a failed attempt's log
WAITING = frozenset({ItemState.QUEUED, ItemState.RUNNING})


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
    ) -> None:
        self.cutover, self.say = cutover, say
        self.until = time.monotonic() + limit
        visitors = [(player, Visitor(address, player.username, player.password)) for player in players]
        self.lead = next(visitor for player, visitor in visitors if player.part == Part.LEAD)
        self.approvers = [visitor for player, visitor in visitors if player.part == Part.APPROVER]

    def play(self) -> None:
        """Every forward item, in order, to the end. Raises `Failed`, `NotPossible`."""
        for visitor in (self.lead, *self.approvers):
            visitor.sign_in()
        began, played = time.monotonic(), 0
        while view := self._next():
            if time.monotonic() > self.until:
                raise Failed(f"Time is up before {view.item}.")
            self._settle(view)
            played += 1
        self._nothing_left()
        took = _words(timedelta(seconds=time.monotonic() - began))
        self.say(
            f"\n{played} items in {took}."
            if played
            else "\nEverything had been played before; --fresh begins anew."
        )

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
        forward = [phase for phase in board.phases if phase.phase.direction == Direction.FORWARD]
        return [view for phase in forward for view in phase.items]

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
        except NotPossible as why:
            raise Failed(f"{self._failure(self._look(view))}\n  {why}")
        now = self._look(view)
        if not now.settled:
            raise self._failure(now)
        took = now.actual or timedelta(seconds=time.monotonic() - began)
        self.say(f"✓ {view.item.number:<5} {view.item.title} · {_words(took)}{_outcome(now)}")

    def _address(self, view: ItemView, name: str) -> str:
        return reverse(name, args=[self.cutover.slug, view.item.key])

    def _tick(self, view: ItemView) -> None:
        self.lead.submit(self._address(view, "item"), self._address(view, "item-tick"))

    def _run(self, view: ItemView) -> None:
        if view.state not in WAITING:
            self.lead.submit(self._address(view, "item"), self._address(view, "item-start"))
        while (now := self._look(view)).state in WAITING:
            if time.monotonic() > self.until:
                raise Failed(
                    f"Time is up while {view.item} runs ({now.attempt and now.attempt.progress_what})."
                )
            time.sleep(POLL)

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
