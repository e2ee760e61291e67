"""What the reaper does with attempts whose lease ran out, called directly: no other reaper runs here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from checklists.executor import Reaper
from checklists.executor.lease import Lease
from checklists.executor.reaper import release_lost_attempt
from checklists.executor.timings import TIMES
from checklists.models import Attempt
from checklists.models.audit import database_now
from tests.by_hand import by_hand

Queue = Callable[..., Attempt]


def lost_before_its_effect(attempt: Attempt, **more: object) -> Attempt:
    """Claimed by somebody who was never heard of again."""
    with transaction.atomic(), by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(
            status="CLAIMED", claimed_at=attempt.queued_at, lease_expires_at=attempt.queued_at, **more
        )
    return attempt


def test_a_cancelled_attempt_that_is_lost_before_its_effect_is_not_queued_again(queue: Queue) -> None:
    cancelled, other = queue(), queue()
    lost_before_its_effect(cancelled, cancel_requested_at=database_now())
    lost_before_its_effect(other)
    assert [release_lost_attempt(a.pk) for a in (cancelled, other, other)] == [True, True, False]
    assert Attempt.objects.get(pk=cancelled.pk).status == "CANCELLED"
    assert Attempt.objects.get(pk=other.pk).status == "QUEUED"


@pytest.mark.parametrize("why", ["restarted", "clock jumped"])
def test_no_lease_is_judged_after_the_database_was_away_or_its_clock_jumped(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    attempt = lost_before_its_effect(queue())
    up_for = 10**6 if why == "restarted" else 0
    monkeypatch.setattr("checklists.executor.reaper.TIMES", replace(TIMES, after_outage=up_for))
    reaper = Reaper()
    if why == "clock jumped":
        reaper._last_clocks = (database_now() - timedelta(seconds=120), time.monotonic(), time.monotonic())
    assert reaper.run_once(lambda attempt_id: None) == 0
    assert Attempt.objects.get(pk=attempt.pk).status == "CLAIMED"
    monkeypatch.setattr("checklists.executor.reaper.TIMES", replace(TIMES, after_outage=0))
    assert Reaper().run_once(lambda attempt_id: None) == 1


@pytest.mark.parametrize("place", ["before", "after"])
def test_an_answer_that_was_held_up_is_no_jump_of_the_clock(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """PostgreSQL may be frozen before it reads its clock, or with the answer in its hand."""
    attempt = lost_before_its_effect(queue())
    monkeypatch.setattr("checklists.executor.reaper.TIMES", replace(TIMES, after_outage=0, clock_jump=0.2))
    reaper = Reaper()
    assert reaper._can_trust_leases()

    def held_up() -> datetime:
        time.sleep(0.8 if place == "before" else 0)
        now = database_now()
        time.sleep(0.8 if place == "after" else 0)
        return now

    monkeypatch.setattr("checklists.executor.reaper.database_now", held_up)
    assert reaper.run_once(lambda attempt_id: None) == 1
    assert Attempt.objects.get(pk=attempt.pk).status == "QUEUED"


def test_a_renewal_that_is_executed_late_gives_no_longer_lease(queue: Queue) -> None:
    """A frozen database may execute it long after its guard was killed."""
    attempt = queue()
    with transaction.atomic(), by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(status="CLAIMED", fence=7)
    lease = Lease(attempt.pk, 7)

    def left() -> float:
        attempt.refresh_from_db()
        assert attempt.lease_expires_at is not None
        return (attempt.lease_expires_at - database_now()).total_seconds()

    lease._renew(time.monotonic())
    assert TIMES.lease - 2 < left() <= TIMES.lease
    lease._renew(time.monotonic() - 9)
    assert left() <= TIMES.lease - 8.9
    lease._renew(time.monotonic())
    assert TIMES.lease - 2 < left() <= TIMES.lease
