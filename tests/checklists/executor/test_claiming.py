"""Claims and beginnings: one winner, one holder of each resource, no effect after a rollback."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, connections, transaction
from django.db.models.expressions import RawSQL

from checklists import services, tasks
from checklists.executor import record_heartbeat
from checklists.executor.begin_effect import EffectRefusal, begin_effect
from checklists.executor.claim import NotClaimed, claim
from checklists.executor.fence import Fenced
from checklists.executor.launch import launch_guard
from checklists.executor.lease import Lease
from checklists.executor.process.identity import identity
from checklists.executor.writers.log import LogWriter
from checklists.models import Attempt, AuditEntry, Cutover, Item, LogLine, Member, Phase
from checklists.models.audit import database_now
from checklists.states import ENDED, TRANSITIONS, AttemptStatus
from integrations.redact import Redactor
from tests.by_hand import by_hand
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import Panel, queued_attempt, wait_for_status

Queue = Callable[..., Attempt]


class Silent:
    def announce(self, what: str) -> None:
        """No pages in these tests."""


def claimed(attempt: Attempt) -> Attempt:
    found = claim(attempt.pk, identity())
    assert isinstance(found, Attempt)
    return found


def begin(attempt: Attempt) -> EffectRefusal | None:
    return begin_effect(attempt, before={}, owner=attempt.owner)


def test_a_claim_takes_a_new_fence_and_a_lease(queue: Queue) -> None:
    first, second = claimed(queue()), claimed(queue())
    assert second.fence > first.fence > 0
    assert first.status == "CLAIMED"
    assert first.lease_expires_at > database_now()


def test_a_claimed_attempt_cannot_be_claimed_again(queue: Queue) -> None:
    attempt = queue()
    claimed(attempt)
    assert claim(attempt.pk, identity()) == NotClaimed.NOT_QUEUED


def test_a_resource_has_one_holder_and_the_next_one_stays_queued(queue: Queue) -> None:
    first, second = queue(resource="db:a"), queue(resource="db:a")
    claimed(first)
    assert claim(second.pk, identity()) == NotClaimed.RESOURCE_BUSY
    second.refresh_from_db()
    assert (second.status, second.fence) == ("QUEUED", 0)


def test_one_of_many_simultaneous_claims_wins(queue: Queue) -> None:
    for _ in range(20):
        attempt = queue()
        results = at_once(*[lambda key=attempt.pk: claim(key, identity())] * 5)
        assert sum(isinstance(result, Attempt) for result in results) == 1
        assert {r for r in results if not isinstance(r, Attempt)} == {NotClaimed.NOT_QUEUED}


def test_a_forged_or_late_message_does_nothing(queue: Queue) -> None:
    attempt = claimed(queue())
    for key in ("garbage", str(uuid.uuid4()), str(attempt.pk)):
        assert launch_guard(key) is None


def test_a_stale_fence_writes_nothing(queue: Queue) -> None:
    attempt = claimed(queue())
    log = LogWriter(attempt.pk, attempt.fence, 1, Redactor(), Silent())
    lease = Lease(attempt.pk, attempt.fence)
    log.add("mine")
    log.flush(everything=True)
    Attempt.objects.filter(pk=attempt.pk).update(fence=attempt.fence + 1)
    log.add("not mine any more")
    with pytest.raises(Fenced):
        log.flush(everything=True)
    with pytest.raises(Fenced):
        lease.renew_and_poll()
    with pytest.raises(Fenced):
        begin(attempt)
    assert list(LogLine.objects.values_list("text", flat=True)) == ["mine"]


def test_log_lines_whose_commit_answer_was_lost_are_not_written_twice(queue: Queue) -> None:
    attempt = claimed(queue())
    log = LogWriter(attempt.pk, attempt.fence, 1, Redactor(), Silent())
    log.add("one")
    log.flush(everything=True)
    log.next, log.waiting = 1, ["one"]  # as if the answer had been lost
    log.add("two")
    log._append(["one"])
    log.flush(everything=True)
    assert list(LogLine.objects.values_list("number", "text")) == [(1, "one"), (2, "two")]


def test_a_line_says_that_lines_beyond_the_limit_are_not_kept(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checklists.executor.writers.log.LOG_MAX_LINES", 3)
    attempt = claimed(queue())
    log = LogWriter(attempt.pk, attempt.fence, 1, Redactor(), Silent())
    for number in range(10):
        log.add(f"line {number}")
        log.flush(everything=True)
    assert LogLine.objects.count() == 4
    assert "truncated" in LogLine.objects.last().text


# ── beginning the effect ──────────────────────────────────────────────────────
def test_an_effect_begins_only_while_a_reaper_runs(queue: Queue) -> None:
    attempt = claimed(queue())
    refusal = begin(attempt)
    assert refusal is not None
    assert refusal.temporary
    assert "no reaper" in refusal.reason
    record_heartbeat("reaper")
    assert begin(attempt) is None
    attempt.refresh_from_db()
    assert attempt.status == "RUNNING"
    assert attempt.effect_started_at
    assert [entry.kind for entry in AuditEntry.objects.all()] == ["attempt.started", "attempt.began"]


def test_an_effect_does_not_begin_in_a_stale_epoch(cutover: Cutover, queue: Queue) -> None:
    record_heartbeat("reaper")
    attempt = claimed(queue())
    with by_hand():
        Cutover.objects.update(epoch=2)
    refusal = begin(attempt)
    assert refusal is not None
    assert "rollback" in refusal.reason


def test_an_effect_does_not_begin_in_a_closed_cutover(queue: Queue) -> None:
    record_heartbeat("reaper")
    attempt = claimed(queue())
    with by_hand():
        Cutover.objects.update(status="ABANDONED", closed_at=database_now())
    assert "closed" in getattr(begin(attempt), "reason", "")


def test_an_effect_does_not_begin_behind_a_gate_that_is_not_passed(cutover: Cutover, queue: Queue) -> None:
    record_heartbeat("reaper")
    attempt = queue()
    with by_hand():
        Item.objects.create(
            cutover=cutover,
            phase=cutover.phases.get(),
            position=0,
            number="1.0",
            key="gate",
            title="Go?",
            kind="gate",
            owner="lead",
            seats=["technical"],
            quorum=2,
        )
        Item.objects.filter(pk=attempt.item_id).update(needs=["gate"])
    assert "0 of 2 signatures" in getattr(begin(claimed(attempt)), "reason", "")


def test_an_effect_does_not_begin_after_a_cancel_or_a_lost_lease(queue: Queue) -> None:
    record_heartbeat("reaper")
    cancelled, expired = claimed(queue()), claimed(queue())
    with by_hand():
        Attempt.objects.filter(pk=cancelled.pk).update(cancel_requested_at=database_now())
    Attempt.objects.filter(pk=expired.pk).update(lease_expires_at=database_now())
    assert isinstance(begin(cancelled), EffectRefusal)
    assert isinstance(begin(expired), EffectRefusal)
    assert not Attempt.objects.filter(status="RUNNING").exists()


def test_no_effect_begins_unseen_in_two_hundred_races_with_a_rollback(
    db_user: User, cutover: Cutover, world: Path
) -> None:
    """Either the rollback sees the attempt as running, or the attempt sees the rollback; never neither."""
    began = 0
    for number in range(200):
        record_heartbeat("reaper")
        with by_hand():
            night = Cutover.objects.create(
                slug=f"night-{number}", title="N", kind="REHEARSAL", runbook=cutover.runbook
            )
            Phase.objects.create(cutover=night, position=1, number="1", key="one", title="One")
            Member.objects.create(cutover=night, person=db_user, part="LEAD")
        attempt = claimed(queued_attempt(night, "test.once", {"world": str(world)}))
        refusal, holding = at_once(
            lambda attempt=attempt: begin(attempt),
            lambda night=night: services.order_rollback(cutover=night, by=db_user, reason="race"),
        )
        attempt.refresh_from_db()
        kinds = list(AuditEntry.objects.filter(cutover=night).values_list("kind", flat=True))
        if refusal is None:
            began += 1
            assert kinds == ["attempt.started", "attempt.began", "rollback.ordered"]
            assert [a.pk for a in holding] == [attempt.pk]
            assert attempt.cancel_requested_at
        else:
            assert kinds == ["attempt.started", "rollback.ordered"]
            assert attempt.effect_started_at is None
    assert 0 <= began <= 200


def at_once(*calls: Callable[[], object]) -> list[object]:
    """The results of calls made by as many threads at the same moment; an exception is raised here."""
    results: list[object] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def work(place: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(90)
            results[place] = calls[place]()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[place]) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


@pytest.fixture
def db_user(transactional_db: None) -> User:
    return User.objects.create_user("lead")


# ── the table of transitions ─────────────────────────────────────────────────
@pytest.mark.django_db
def test_the_database_allows_exactly_the_transitions_of_the_table(cutover: Cutover, world: Path) -> None:
    template = queued_attempt(cutover, "test.pure", {"world": str(world)})
    with by_hand():
        Attempt.objects.filter(pk=template.pk).update(status="CANCELLED")
    tried = 0
    for old in AttemptStatus:
        for new in AttemptStatus:
            tried += 1
            with by_hand():
                attempt = Attempt.objects.create(
                    cutover=cutover,
                    item=template.item,
                    number=tried + 1,
                    action="test.pure",
                    effect="PURE",
                    epoch=1,
                    direction="FORWARD",
                    status=old,
                    queued_at=database_now(),
                    claimed_at=database_now(),
                    lease_expires_at=database_now() + timedelta(minutes=1),
                    effect_started_at=None if old in ("QUEUED", "CLAIMED") else database_now(),
                    finding={"dead": "It is.", "seen": "DONE"},
                    reconciliation="DONE" if old == "RECONCILED" else "",
                )
            words = refusal_of(attempt, new)
            assert ("cannot move" in words) == (old != new and new not in TRANSITIONS[old]), (old, new, words)
            assert not words or "cannot move" in words
            with by_hand(), connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE checklists_attempt SET status='CANCELLED', reconciliation='' WHERE id=%s",
                    [attempt.pk],
                )
    assert tried == 100


NEXT_FENCE = RawSQL("nextval('checklists_fence')", [])


def refusal_of(attempt: Attempt, new: AttemptStatus) -> str:
    """What the database says to this move; empty when it happens."""
    changes: dict[str, Any] = {"reconciliation": "DONE" if new == "RECONCILED" else ""}
    if new != attempt.status:
        now = database_now()
        changes |= {"ended_at": now} if new in ENDED else {}
        changes |= {
            "CLAIMED": {"claimed_at": now, "owner": {"pid": 1}, "fence": NEXT_FENCE},
            "RUNNING": {"effect_started_at": now},
            "RECONCILED": {"reconciled_at": now},
        }.get(new, {})
    try:
        with transaction.atomic():
            Attempt.objects.filter(pk=attempt.pk).update(status=new, **changes)
            transaction.set_rollback(True)  # its entry in the record is another rule
    except DatabaseError as error:
        return str(error)
    return ""


# ── messages, through a real worker ──────────────────────────────────────────
def test_a_doubled_message_runs_once(running_panel: Panel, queue: Queue, world: Path) -> None:
    attempt = queue("test.once", do="sleep", seconds=1)
    for _ in range(20):
        tasks.wake_worker(str(attempt.pk))
    assert wait_for_status(attempt).status == "SUCCEEDED"
    for _ in range(5):
        tasks.wake_worker(str(attempt.pk))
    tasks.wake_worker("garbage")
    other = wait_for_status(queue("test.pure"))
    assert other.status == "SUCCEEDED"
    begun = [line for line in journal(str(world)) if line == f"begin {attempt.pk}"]
    assert len(begun) == 1


def test_attempts_on_one_resource_run_one_after_another(
    running_panel: Panel, queue: Queue, world: Path
) -> None:
    attempts = [queue("test.once", do="sleep", seconds=0.4, lines=0, resource="db:a") for _ in range(3)]
    assert {wait_for_status(attempt).status for attempt in attempts} == {"SUCCEEDED"}
    kinds = [line.split()[0] for line in journal(str(world))]
    assert kinds == ["begin", "pid", "done"] * 3
