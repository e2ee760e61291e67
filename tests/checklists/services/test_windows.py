"""The window of production: enforced in the services, at the beginning of an effect and in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from checklists import services
from checklists.board import Board, WindowState
from checklists.executor.begin_effect import begin_effect
from checklists.executor.claim import claim
from checklists.executor.heartbeats import record_heartbeat
from checklists.forecast import make_forecast
from checklists.models import Attempt, ChangeRequest, Cutover, Item
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, CutoverKind
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db
DECLARED = RUNBOOK.replace("title: Change\n", "title: Change\n    before_window: true\n")


def hours(number: float) -> datetime:
    return database_now() + timedelta(hours=number)


def production(at: str = "signed", start: float = 5, end: float = 9, **more: Any) -> Cutover:
    """A production cutover whose window opens in five hours, if nothing else is said."""
    window = {"window_start": hours(start), "window_end": hours(end)}
    return make_cutover(at, kind=CutoverKind.PRODUCTION, **window, **more)


def start(cutover: Cutover, key: str = "change-it") -> Attempt:
    item = item_of(cutover, key)
    return services.start_attempt(item=item, by=person("ama"), typed_target="the change")


def queued(cutover: Cutover, key: str = "change-it") -> Attempt:
    """An attempt that was queued when that was allowed, and is claimed now."""
    record_heartbeat("reaper")
    attempt = ended(cutover, key, AttemptStatus.QUEUED, effect="AT_MOST_ONCE")
    claimed = claim(attempt.pk, {"pid": 1, "host": "here"})
    assert isinstance(claimed, Attempt)
    return claimed


def agreed(cutover: Cutover, key: str = "change-it") -> ChangeRequest:
    asked = services.start_early(item=item_of(cutover, key), reason="The bank closes.", by=person("ama"))
    return services.confirm_change(request=asked, by=person("kofi"))


def test_production_starts_nothing_with_an_effect_before_its_window() -> None:
    cutover = production()
    with pytest.raises(CommandRefused, match=r"The window opens at .* second person"):
        start(cutover)
    assert not Attempt.objects.filter(item__key="change-it").exists()


def test_what_only_reads_may_start_before_the_window() -> None:
    assert start(production("announced"), "look").status == AttemptStatus.QUEUED


def test_a_rehearsal_and_an_open_window_and_a_declared_part_do_not_wait() -> None:
    window = {"window_start": hours(5), "window_end": hours(9)}
    assert not view_of(make_cutover("signed", **window), "change-it").blockers
    assert not view_of(production(start=-1), "change-it").blockers
    assert not view_of(production(text=DECLARED), "change-it").blockers
    assert not view_of(production(start=-9, end=-5), "change-it").blockers
    assert view_of(production(), "change-it").blockers


def test_the_rollback_never_waits_for_the_window() -> None:
    text = RUNBOOK.replace(
        "owner: lead, action: sample.look, planned: 15m", "owner: lead, action: sample.once"
    )
    text = text.replace("restore, title: Restore it", "restore, title: Restore it, irreversible: No")
    cutover = production("changed", start=-1, text=text)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It is wrong.")
    cutover.refresh_from_db()
    asked = services.move_window(
        cutover=cutover, start=hours(5), end=hours(9), reason="Later.", by=person("ama")
    )
    assert asked is not None
    services.confirm_change(request=asked, by=person("kofi"))
    sentences = [blocker.what for blocker in view_of(cutover, "restore").blockers]
    assert not [sentence for sentence in sentences if "window" in sentence]


class TestOverride:
    def test_it_names_one_item_and_needs_a_second_person(self) -> None:
        cutover = production()
        asked = services.start_early(item=item_of(cutover, "change-it"), reason="Why.", by=person("ama"))
        with pytest.raises(CommandRefused, match="four eyes"):
            services.confirm_change(request=asked, by=person("ama"))
        assert view_of(cutover, "change-it").blockers
        services.confirm_change(request=asked, by=person("kofi"))
        assert not view_of(cutover, "change-it").blockers
        entry = cutover.record.last()
        assert entry is not None
        assert (entry.kind, entry.actor, entry.payload["requested_by"]) == (
            "window.overridden",
            "kofi",
            "ama",
        )
        assert entry.payload["reason"] == "Why."

    def test_it_ends_when_the_window_is_moved(self) -> None:
        cutover = production()
        agreed(cutover)
        moved = services.move_window(
            cutover=cutover, start=hours(7), end=hours(9), reason="Later.", by=person("ama")
        )
        assert moved is not None
        services.confirm_change(request=moved, by=person("efua"))
        cutover.refresh_from_db()
        assert view_of(cutover, "change-it").blockers
        attempt = queued(cutover)
        with pytest.raises(DatabaseError, match="before the window"), transaction.atomic():
            Attempt.objects.filter(pk=attempt.pk).update(status="RUNNING", effect_started_at=database_now())

    def test_an_approver_does_not_request_it_and_it_needs_a_reason(self) -> None:
        item = item_of(production(), "change-it")
        with pytest.raises(CommandRefused, match="Say why"):
            services.start_early(item=item, reason=" ", by=person("ama"))
        with pytest.raises(CommandRefused, match="may not start an item before the window"):
            services.start_early(item=item, reason="Why.", by=person("kofi"))

    def test_there_is_none_where_nothing_waits(self) -> None:
        with pytest.raises(CommandRefused, match="does not wait"):
            services.start_early(
                item=item_of(make_cutover("signed"), "change-it"), reason="Why.", by=person("ama")
            )


class TestBeginEffect:
    def test_an_attempt_that_was_queued_does_not_begin_before_the_window(self) -> None:
        attempt = queued(production())
        refusal = begin_effect(attempt, before={}, owner={})
        assert refusal is not None
        assert "The window opens at" in refusal.reason
        attempt.refresh_from_db()
        assert attempt.status == AttemptStatus.CLAIMED

    def test_it_begins_with_an_override(self) -> None:
        cutover = production()
        agreed(cutover)
        assert begin_effect(queued(cutover), before={}, owner={}) is None


class TestDatabase:
    def test_it_refuses_the_beginning_of_an_effect_before_the_window(self) -> None:
        cutover = production()
        attempt = queued(cutover)
        rows = Attempt.objects.filter(pk=attempt.pk)
        with pytest.raises(DatabaseError, match="before the window"), transaction.atomic():
            rows.update(status="RUNNING", effect_started_at=database_now())
        agreed(cutover)
        assert begin_effect(attempt, before={}, owner={}) is None

    def test_it_refuses_a_moved_window_without_two_people(self) -> None:
        cutover = production()
        with pytest.raises(DatabaseError, match="moved by two people"), transaction.atomic():
            Cutover.objects.filter(pk=cutover.pk).update(window_start=hours(-1))
        with pytest.raises(DatabaseError, match="moved by two people"), transaction.atomic():
            Cutover.objects.filter(pk=cutover.pk).update(window_start=None, window_end=None)

    def test_a_request_is_not_written_as_decided(self) -> None:
        cutover = production()
        with pytest.raises(DatabaseError, match="requested before it is decided"), transaction.atomic():
            ChangeRequest.objects.create(
                cutover=cutover,
                kind="early_start",
                item=item_of(cutover, "change-it"),
                payload={"window_start": str(cutover.window_start)},
                requested_by=person("ama"),
                requested_at=database_now(),
                decision="CONFIRMED",
                decided_by=person("kofi"),
                decided_at=database_now(),
            )


class TestMove:
    def test_production_moves_it_when_a_second_person_confirms(self) -> None:
        cutover, to = production(), (hours(-1), hours(3))
        asked = services.move_window(
            cutover=cutover, start=to[0], end=to[1], reason="The office agreed.", by=person("ama")
        )
        assert asked is not None
        assert view_of(cutover, "change-it").blockers
        services.confirm_change(request=asked, by=person("kofi"))
        cutover.refresh_from_db()
        assert (cutover.window_start, cutover.window_end) == to
        assert not view_of(cutover, "change-it").blockers
        entry = cutover.record.last()
        assert entry is not None
        assert (entry.kind, entry.payload["requested_by"]) == ("window.moved", "ama")
        assert len(entry.payload["before"]) == 2

    def test_a_rehearsal_moves_it_at_once(self) -> None:
        cutover, to = make_cutover(), (hours(1), hours(3))
        assert (
            services.move_window(
                cutover=cutover, start=to[0], end=to[1], reason="It suits.", by=person("ama")
            )
            is None
        )
        cutover.refresh_from_db()
        assert (cutover.window_start, cutover.window_end) == to

    def test_a_window_that_is_over_or_upside_down_is_refused(self) -> None:
        cutover = production()
        for start_, end, why in ((3, 1, "ends before"), (-3, -1, "over already")):
            with pytest.raises(CommandRefused, match=why):
                services.move_window(
                    cutover=cutover, start=hours(start_), end=hours(end), reason="Why.", by=person("ama")
                )

    def test_the_forecast_uses_the_new_end(self) -> None:
        cutover = production("opened", start=-2, end=0.1)
        with by_hand():
            Item.objects.filter(cutover=cutover, key="celebrate").update(ends_window=True)
        assert make_forecast(Board.load(cutover)).late_by
        asked = services.move_window(
            cutover=cutover, start=hours(-2), end=hours(40), reason="Longer.", by=person("ama")
        )
        assert asked is not None
        services.confirm_change(request=asked, by=person("kofi"))
        assert not make_forecast(Board.load(Cutover.objects.get(pk=cutover.pk))).late_by


@pytest.mark.parametrize(
    ("start_in", "state"), [(5, "before"), (-1, "open"), (-9, "after")], ids=["before", "open", "after"]
)
def test_the_state_of_the_window_says_what_is_left(start_in: float, state: str) -> None:
    cutover = production("opened", start=start_in, end=start_in + 4)
    found = WindowState.at(cutover, database_now())
    assert found.state == state
    assert found.left is not None
    assert found.left > timedelta(0)
