"""Cutovers with a past: `make_cutover(at="signed")` gives one in which that has happened.

The sample runbook: 1.1 announce (tick) → 1.2 look (action, evidence fresh for an hour) →
1.3 gate (technical, data, finance; two of three) → 2.1 change (at most once) → 2.2 celebrate (tick);
3.1 restore belongs to the rollback and undoes 2.1.
"""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from checklists import services
from checklists.canonical import digest_of
from checklists.gates import Board
from checklists.models import Attempt, Cutover, Evidence, Item, SignOff
from checklists.models.audit import database_now
from checklists.states import LIVE, AttemptStatus, Decision, Kind, Part
from tests.checklists import sample_actions  # noqa: F401  # registers them

PASSWORD = "a long enough passphrase"
_numbers = itertools.count(1)

RUNBOOK = """
name: sample
title: A sample move
timezone: Africa/Accra
systems: {}
roles: {lead: Migration lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: prepare
    title: Prepare
    items:
      - {key: announce, title: Announce it, kind: manual, owner: lead, how: Tell everybody., planned: 5m}
      - {key: look, title: Look at it, kind: action, owner: lead, needs: [announce], action: sample.look,
         params: {thing: the moon}, fresh_for: 1h, planned: 1m}
      - {key: go, title: Change it?, kind: gate, owner: lead, needs: [look],
         seats: [technical, data, finance], quorum: 2, evidence: [{item: look, fresh_for: 30m}]}
  - key: change
    title: Change
    items:
      - {key: change-it, title: Change it, kind: action, owner: lead, needs: [go], action: sample.once,
         undo: restore, planned: 10m, type_target: true}
      - {key: celebrate, title: Celebrate, kind: manual, owner: lead, needs: [change-it],
         how: Cake., planned: 20m}
  - key: back
    title: Go back
    direction: rollback
    items:
      - {key: restore, title: Restore it, kind: action, owner: lead, action: sample.look, planned: 15m}
"""

#: What has happened, in this order; a history is everything up to its name.
STEPS = ("opened", "announced", "looked", "signed_once", "signed", "changed", "celebrated")


def person(name: str, **more: Any) -> User:
    """A person who can sign in with `PASSWORD`; made once a name and test."""
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(name, password=PASSWORD, first_name=name.capitalize(), **more)


def make_cutover(
    at: str = "opened", *, kind: Kind = Kind.REHEARSAL, text: str = RUNBOOK, **more: Any
) -> Cutover:
    """A cutover of the sample runbook in which everything up to ``at`` (see `STEPS`) has happened.

    Ama leads; Efua (technical, data) and Kofi (finance, data) approve; Yaw only watches.
    """
    ama = person("ama")
    runbook = services.load_runbook(text=text, by=ama)
    slug = f"sample-{next(_numbers)}"
    cutover = services.open_cutover(runbook=runbook, kind=kind, title="Sample", slug=slug, by=ama, **more)
    for name, part, seats in (
        ("efua", Part.APPROVER, ["technical", "data"]),
        ("kofi", Part.APPROVER, ["finance", "data"]),
        ("yaw", Part.STAKEHOLDER, []),
    ):
        services.add_member(cutover=cutover, person=person(name), part=part, seats=seats, by=ama)
    for step in STEPS[1 : STEPS.index(at) + 1]:
        globals()[f"_{step}"](cutover)
    return Cutover.objects.get(pk=cutover.pk)


def item_of(cutover: Cutover, key: str) -> Item:
    """An item of the cutover, fresh from the database."""
    return Item.objects.select_related("cutover", "phase").get(cutover=cutover, key=key)


def view_of(cutover: Cutover, key: str) -> Any:
    """How an item stands now."""
    return Board.of(cutover).items[key]


def ended(
    cutover: Cutover,
    key: str,
    status: AttemptStatus = AttemptStatus.SUCCEEDED,
    *,
    by: str = "ama",
    ago: timedelta = timedelta(),
    facts: dict[str, Any] | None = None,
    **more: Any,
) -> Attempt:
    """An attempt that an executor has carried out and ended that way, ``ago`` before now."""
    item, now = item_of(cutover, key), database_now() - ago
    number = item.attempts.count() + 1
    began = None if status in (AttemptStatus.QUEUED, AttemptStatus.CLAIMED) else now
    attempt = Attempt.objects.create(
        cutover=cutover, item=item, number=number, epoch=cutover.epoch,
        direction=item.phase.direction, requested_by=person(by), status=status, queued_at=now, claimed_at=now,
        effect_started_at=began, ended_at=None if status in LIVE else now,
        **{"action": item.action, "effect": "PURE", "summary": f"saw it ({number})", **more},
    )  # fmt: skip
    if status in (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED):
        facts = facts if facts is not None else {"seen": number}
        Evidence.objects.create(
            item=item, attempt=attempt, ok=status == AttemptStatus.SUCCEEDED, facts=facts,
            digest=digest_of(facts), observed_at=now,
        )  # fmt: skip
    return attempt


def sign(
    cutover: Cutover, by: str, seat: str, decision: Decision = Decision.GO, reason: str = "", **more: Any
) -> SignOff:
    """A sign-off on the evidence as it is now."""
    gate = item_of(cutover, "go")
    digest = more.pop("digest", None) or view_of(cutover, "go").gate.digest
    nonce = more.pop("nonce", None) or uuid.uuid4()
    return services.sign_gate(
        gate=gate, by=person(by), seat=seat, decision=decision, reason=reason, digest=digest, nonce=nonce
    )


def _announced(cutover: Cutover) -> None:
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))


def _looked(cutover: Cutover) -> None:
    ended(cutover, "look")


def _signed_once(cutover: Cutover) -> None:
    sign(cutover, "efua", "technical")


def _signed(cutover: Cutover) -> None:
    sign(cutover, "kofi", "finance")


def _changed(cutover: Cutover) -> None:
    ended(cutover, "change-it", effect="AT_MOST_ONCE")


def _celebrated(cutover: Cutover) -> None:
    services.tick_item(item=item_of(cutover, "celebrate"), by=person("ama"))
