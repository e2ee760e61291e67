"""Plays a whole rehearsal by itself: it signs in as each person and uses the pages and their forms."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from django.urls import reverse

from checklists.board import STARTABLE, Board, ItemView
from checklists.durations import format_duration
from checklists.models import Cutover, Item
from checklists.record.chain import verify
from checklists.record.verify_record import sentence
from checklists.states import (
    CutoverStatus,
    Direction,
    ItemKind,
    ItemState,
    MemberPart,
    Requirement,
)
from cutover.demo import running_attempt
from cutover.demo.outcome_lines import describe_failure, result_line, what_went_wrong
from cutover.demo.outside_work import Defect, NoOutsideWork, OutsideWork
from cutover.demo.panel_session import FormRefused, PanelSession
from cutover.demo.staging import DemoPerson
from integrations.errors import Problem

POLL, SELDOM = 0.25, 1.0  # seconds between two checks of an attempt that has just begun, that runs for long
WAITING = frozenset({ItemState.QUEUED, ItemState.RUNNING})


class AutopilotFailed(Exception):
    """An item did not succeed; the message names it and gives the reason."""


class Autopilot:
    """Ticks and starts as the lead, signs as the approvers; reads results from the database."""

    def __init__(
        self,
        cutover: Cutover,
        people: Sequence[DemoPerson],
        address: str,
        say: Callable[[str], None],
        patience: float,
        outside: OutsideWork | None = None,
    ) -> None:
        self.cutover, self.say, self.outside = cutover, say, outside or NoOutsideWork()
        self.direction = Direction.FORWARD
        self.postponed: dict[str, list[str]] = {}  # by the item that checks it: manual work not done yet
        self.may_repair = False  # whether a red check may be answered by repairing the defect that it names
        self.reported: dict[str, tuple[Item, Defect]] = {}  # by the defect's key: the item that reported it
        self.patience = patience  # seconds that one run of an item may take
        sessions = [(person, PanelSession(address, person.username, person.password)) for person in people]
        self.lead, *others = [session for person, session in sessions if person.part == MemberPart.LEAD]
        self.approvers = [session for person, session in sessions if person.part == MemberPart.APPROVER]
        self.second = (others or self.approvers)[-1]  # who confirms a tick cannot sign on it

    def play(self, until: str = "") -> None:
        """Plays every forward item in order, up to ``until``. Raises `AutopilotFailed`, `FormRefused`."""
        self._sign_in()
        self._run_too_early()
        self._say_played(*self._settle_items(until))
        for key in itertools.chain(*self.postponed.values()):  # what checks it comes after ``until``
            self.outside.do(key)

    def play_recorded(self, defects: Collection[str]) -> None:
        """Plays with the customer's defects, up to a no-go at the last gate.

        An item that defects block ends red; those that it names are repaired and noted on it, and it runs
        again. Raises `AutopilotFailed` when an item is red for another reason, and at the end for each of
        ``defects`` that no item reported.
        """
        self.may_repair = True
        self._sign_in()
        self._run_too_early()
        last = [view.item.key for view in self._views() if view.item.kind == ItemKind.GATE][-1]
        self._say_played(*self._settle_items(at_last=last))
        gate = next(view for view in self._views() if view.item.key == last)
        self._vote(
            gate, "NO_GO", f"{len(self.reported)} defects of the new system were found: see the notes."
        )
        self.say(f"\n✗ {gate.item.number} {gate.item.title}: no-go. Defects to repair before production:\n")
        for item, defect in self.reported.values():
            self.say(f"  {defect.key}, reported by {item.number} {item.title}\n      {defect.wrong}")
            self.say(f"      → {defect.change}")
        if unreported := sorted(set(defects) - self.reported.keys()):
            raise AutopilotFailed(f"No item reported {', '.join(unreported)}.")

    def play_rollback(self, failing: str) -> None:
        """Plays up to the item ``failing``, breaks the new stack so that it fails, then plays the rollback.

        Raises `AutopilotFailed` also when that item succeeds: then the rollback was not tested.
        """
        self._sign_in()
        forward = self._settle_items(until=failing)
        self.outside.break_new_stack()
        view = next(view for view in self._views() if view.item.key == failing)
        self._run(view)
        now = self._refreshed(view)
        if now.state != ItemState.FAILED:
            raise AutopilotFailed(f"{now.item} must fail on a broken stack, but it is {now.state.lower()}.")
        self.say(f"✗ {now.item.number:<5} {now.item.title}{result_line(now)}")
        self._order_rollback(f"{now.item.title}: {now.attempt.summary if now.attempt else ''}")
        back = self._settle_items()
        self._close_as_rolled_back()
        self._say_played(forward[0] + back[0] + 1, forward[1] + back[1])

    def _sign_in(self) -> None:
        for session in dict.fromkeys((self.lead, self.second, *self.approvers)):
            session.sign_in()

    def _run_too_early(self) -> None:
        """Runs the checks of the whole work before it is done; `AutopilotFailed` for one that passes.

        Nothing where the work has begun: such a check may pass then, and rightly so.
        """
        views, early = list(self._views()), set(self.outside.seen_too_early())
        if any(view.settled or view.attempts for view in views):
            return
        for view in [view for view in views if view.item.key in early]:
            self._run(view)
            now = self._refreshed(view)
            if now.state != ItemState.FAILED:
                raise AutopilotFailed(f"{view.item} passed before anything was done. It sees nothing.")
            self.say(f"✗ {view.item.number:<5} {view.item.title}, too early, as it must{result_line(now)}")

    def _settle_items(self, until: str = "", *, at_last: str = "") -> tuple[int, float]:
        """Settles item after item, up to ``until`` or to the end. Returns how many, and the seconds.

        With ``at_last`` it settles every item that can be done while that one is open, and leaves it.
        """
        began, played, views = time.monotonic(), 0, self._views()
        while (view := self._next_item(views, at_last)) and view.item.key not in (until, at_last):
            views = self._settle(view)
            played += 1
        if not (until or at_last):
            self._require_all_settled()
        elif view is None:
            raise AutopilotFailed(
                f"{until or at_last} was not reached: it is settled already, or an item that it needs is not."
            )
        return played, time.monotonic() - began

    def _say_played(self, played: int, took: float) -> None:
        self.say(
            f"\n{played} items in {format_duration(timedelta(seconds=took))}."
            if played
            else "\nAll items were played before; --fresh starts over."
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
        """Verifies the audit record. Raises `AutopilotFailed`."""
        verdict = verify(self.cutover)
        self.say(f"Record: {sentence(verdict)}")
        if not verdict.ok:
            raise AutopilotFailed(f"The record of {self.cutover.slug} is broken at link {verdict.broken_at}.")

    # ── choosing the next item ──────────────────────────────────────────────────────

    def _views(self) -> list[ItemView]:
        running_attempt.close_broken_connection()
        board = Board.load(Cutover.objects.select_related("runbook").get(pk=self.cutover.pk))
        phases = [phase for phase in board.phases if phase.phase.direction == self.direction]
        return [view for phase in phases for view in phase.items]

    def _refreshed(self, view: ItemView) -> ItemView:
        return running_attempt.find_again(view, self._views())

    def _next_item(self, views: list[ItemView], at_last: str = "") -> ItemView | None:
        """The first item that runs already or is ready; ``at_last`` only when there is no other."""
        stuck = [v for v in views if v.state in (ItemState.UNKNOWN, ItemState.NO_GO)]
        if stuck:
            raise AutopilotFailed(describe_failure(stuck[0]))
        ready = [view for view in views if view.state in WAITING or self._is_ready(view)]
        return min(ready, key=lambda view: view.item.key == at_last, default=None)

    def _is_ready(self, view: ItemView) -> bool:
        if view.settled:
            return False
        return view.state in STARTABLE and not view.blockers

    def _require_all_settled(self) -> None:
        left = [view for view in self._views() if not view.settled]
        if left:
            raise AutopilotFailed(describe_failure(left[0]))

    # ── settling an item ─────────────────────────────────────────────────────────

    def _settle(self, view: ItemView) -> list[ItemView]:
        """Gives what all items are like afterwards."""
        began = time.monotonic()
        settle_kind = {ItemKind.MANUAL: self._tick, ItemKind.ACTION: self._run, ItemKind.GATE: self._sign}
        try:
            settle_kind[ItemKind(view.item.kind)](view)
            while self._answer_red(now := running_attempt.find_again(view, views := self._views())):
                self._run(now)
        except (FormRefused, Problem) as why:
            raise AutopilotFailed(f"{describe_failure(self._refreshed(view))}\n  {why}")
        if not now.settled:
            raise AutopilotFailed(describe_failure(now))
        took = now.actual or timedelta(seconds=time.monotonic() - began)
        self.say(f"✓ {view.item.number:<5} {view.item.title} · {format_duration(took)}{result_line(now)}")
        return views

    def _answer_red(self, view: ItemView) -> bool:
        """Does what a red check waits for, if anything; True when the check should run again.

        Raises `AutopilotFailed` for a check that passes although the work that it should see is not done.
        """
        work = self.postponed.get(view.item.key, [])
        if view.settled and work:
            raise AutopilotFailed(
                f"{view.item} passed before this was done: {', '.join(work)}. It sees nothing."
            )
        if view.state != ItemState.FAILED or view.attempt is None:
            return False
        if work:
            self.say(f"✗ {view.item.number:<5} {view.item.title}, as it must{result_line(view)}")
            for key in self.postponed.pop(view.item.key):
                self.outside.do(key)
            return True
        return self.may_repair and self._repair(view)

    def _repair(self, view: ItemView) -> bool:
        verdict = "\n".join(line for line in what_went_wrong(view.attempt) if line)
        defects = self.outside.repair(view.item.key, verdict)
        if not defects:
            return False
        self.say(f"✗ {view.item.number:<5} {view.item.title}{result_line(view)}")
        for defect in defects:
            self.reported[defect.key] = (view.item, defect)
            self.say(f"        defect: {defect.key}")
            text = f"Defect {defect.key}: {defect.wrong} Repaired here by: {defect.change}"
            self.lead.submit(self._url(view, "item"), self._url(view, "item-note"), text=text[:4000])
        return True

    def _url(self, view: ItemView, name: str) -> str:
        return reverse(name, args=[self.cutover.slug, view.item.key])

    def _tick(self, view: ItemView) -> None:
        """Ticks; work that a later item checks is done only after that check was seen to fail without it."""
        if check := self.outside.checked_by(view.item.key):
            self.postponed.setdefault(check, []).append(view.item.key)
        else:
            self.outside.do(view.item.key)
        wanted, filled = view.item.requires, {}
        if Requirement.NOTE in wanted:
            filled["note"] = self.outside.note(view.item.key)
        attached = {"file": self.outside.picture()} if Requirement.FILE in wanted else None
        self.lead.submit(self._url(view, "item"), self._url(view, "item-tick"), attached=attached, **filled)
        if Requirement.SECOND_PERSON in wanted:
            self._confirm(view)

    def _confirm(self, view: ItemView) -> None:
        """Another person than the lead confirms that a manual item is done."""
        asked = self.cutover.change_requests.waiting().get(item=view.item)
        confirm, second = reverse("change-confirm", args=[self.cutover.slug, asked.pk]), self.second
        second.submit(asked.get_absolute_url(), confirm, password=second.password)

    def _run(self, view: ItemView) -> None:
        if view.state not in WAITING:
            self.lead.submit(self._url(view, "item"), self._url(view, "item-start"))
        seen, began = 0, time.monotonic()
        while (attempt := running_attempt.read_running_attempt(view)) is not None:
            seen = running_attempt.pass_on_lines(attempt, seen, self.outside.handle_log_line)
            if (runs := time.monotonic() - began) > self.patience:
                what = f"{view.item} did not end within {self.patience:g} s"
                raise AutopilotFailed(f"{what} ({attempt.progress_what}).")
            time.sleep(min(SELDOM, max(POLL, runs / 10)))

    def _sign(self, view: ItemView) -> None:
        self._vote(view, "GO", "Rehearsal played by the autopilot.")

    def _vote(self, view: ItemView, decision: str, reason: str) -> None:
        """Signs as one approver after the other until the gate passes, or all have said no-go."""
        page, to = self._url(view, "gate"), self._url(view, "gate-sign")
        for approver in self.approvers:
            if self._refreshed(view).settled:
                return
            form = approver.open(page).form(to)
            seat = form.fields.get("seat") or form.choices.get("seat", [""])[0]
            # Only the free seats are read from this form. `submit` opens the page again for a fresh digest.
            approver.submit(page, to, seat=seat, decision=decision, reason=reason, password=approver.password)
