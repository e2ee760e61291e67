"""Declaring a host dead: two people, and only where something was lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from checklists import services
from checklists.models import Attempt, Cutover, HostDeath
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, CutoverKind
from tests.checklists.histories import ended, make_cutover, person

pytestmark = pytest.mark.django_db
OWNER = {"host": "worker-7", "boot": "b", "space": "s", "pid": 4711}


def lost(kind: CutoverKind = CutoverKind.REHEARSAL) -> tuple[Cutover, Attempt]:
    """A cutover in which an attempt was lost on worker-7."""
    cutover = make_cutover("signed", kind=kind)
    attempt = ended(
        cutover,
        "change-it",
        AttemptStatus.UNKNOWN,
        owner=OWNER,
        ago=timedelta(minutes=2),
        effect="AT_MOST_ONCE",
    )
    return cutover, attempt


@pytest.mark.parametrize("kind", list(CutoverKind))
def test_a_host_is_dead_when_a_second_person_confirms_it(kind: CutoverKind) -> None:
    cutover, attempt = lost(kind)
    assert attempt.claimed_at is not None
    asked = services.declare_host_dead(
        cutover=cutover, host="worker-7", reason="I pulled the plug.", by=person("ama")
    )
    assert not HostDeath.objects.covering("worker-7", attempt.claimed_at).exists()
    with pytest.raises(CommandRefused, match="four eyes"):
        services.confirm_change(request=asked, by=person("ama"))
    services.confirm_change(request=asked, by=person("kofi"))
    death = HostDeath.objects.covering("worker-7", attempt.claimed_at).get()
    assert (death.declared_by, death.confirmed_by) == (person("ama"), person("kofi"))
    entry = cutover.record.last()
    assert entry is not None
    assert entry.kind == "host.declared_dead"
    assert entry.payload["host"] == "worker-7"
    assert entry.payload["requested_by"] == "ama"


def test_what_the_host_claims_afterwards_is_not_covered() -> None:
    cutover, _ = lost()
    asked = services.declare_host_dead(cutover=cutover, host="worker-7", reason="Off.", by=person("ama"))
    services.confirm_change(request=asked, by=person("kofi"))
    assert not HostDeath.objects.covering("worker-7", database_now()).exists()
    assert not HostDeath.objects.covering("worker-8", database_now() - timedelta(hours=1)).exists()


def test_a_host_on_which_nothing_was_lost_is_not_declared_dead() -> None:
    cutover, _ = lost()
    with pytest.raises(CommandRefused, match=r"No attempt .*worker-8.*worker-7"):
        services.declare_host_dead(cutover=cutover, host="worker-8", reason="Off.", by=person("ama"))


def test_a_host_that_runs_an_attempt_now_is_not_dead() -> None:
    cutover, _ = lost()
    asked = services.declare_host_dead(cutover=cutover, host="worker-7", reason="Off.", by=person("ama"))
    lease = database_now() + timedelta(seconds=20)
    ended(cutover, "look", AttemptStatus.RUNNING, owner=OWNER, lease_expires_at=lease)
    with pytest.raises(CommandRefused, match=r"worker-7 is not dead: 1\.2 Look at it"):
        services.confirm_change(request=asked, by=person("kofi"))
    assert not HostDeath.objects.exists()


def test_a_stakeholder_neither_requests_nor_confirms_it() -> None:
    cutover, _ = lost()
    with pytest.raises(CommandRefused, match="may not declare a host dead"):
        services.declare_host_dead(cutover=cutover, host="worker-7", reason="Off.", by=person("yaw"))
    asked = services.declare_host_dead(cutover=cutover, host="worker-7", reason="Off.", by=person("ama"))
    with pytest.raises(CommandRefused, match="may not declare a host dead"):
        services.confirm_change(request=asked, by=person("yaw"))


def test_the_database_refuses_a_death_without_its_confirmed_request() -> None:
    cutover, _ = lost()
    asked = services.declare_host_dead(cutover=cutover, host="worker-7", reason="Off.", by=person("ama"))
    people = {"declared_by": person("ama"), "confirmed_by": person("kofi")}
    with pytest.raises(DatabaseError, match="not declared dead by two people"), transaction.atomic():
        HostDeath.objects.create(
            host="worker-7", cutover=cutover, reason="x", request=asked, at=database_now(), **people
        )
    services.confirm_change(request=asked, by=person("kofi"))
    with pytest.raises(DatabaseError, match="checklists_hostdeath"), transaction.atomic():
        HostDeath.objects.update(host="worker-8")
