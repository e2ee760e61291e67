"""Cutovers with a past: `make_cutover(at="signed")` gives one in which that has happened.

The sample runbook: 1.1 announce (tick) → 1.2 look (action, evidence fresh for an hour) →
1.3 gate (technical, data, finance; two of three) → 2.1 change (at most once) → 2.2 celebrate (tick);
3.1 restore belongs to the rollback and undoes 2.1.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from checklists import services
from checklists.board import Board
from checklists.canonical import digest_of
from checklists.executor import record_heartbeat, store_evidence
from checklists.executor.begin_effect import begin_effect
from checklists.executor.claim import claim
from checklists.executor.finish import finish_attempt
from checklists.executor.outcome import AttemptOutcome
from checklists.executor.writers.preflight import digest_of_results, store_results
from checklists.models import (
    Attempt,
    AuditEntry,
    Backup,
    BackupVerification,
    Cutover,
    Evidence,
    Item,
    ItemPreview,
    PreflightRun,
    SignOff,
)
from checklists.models.audit import database_now
from checklists.states import (
    LIVE,
    AttemptStatus,
    ChangeKind,
    CutoverKind,
    Decision,
    MemberPart,
    PreviewStatus,
)
from integrations.actions import registry
from integrations.evidence_topics import topics_of
from integrations.preflight import CheckResult, Verdict
from tests.by_hand import by_hand
from tests.checklists import sample_actions  # noqa: F401  # registers them
from tests.released import release

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
         seats: [technical, data, finance], quorum: 2, evidence: [{item: look, fresh_for: 30m}],
         opens: The change may begin.}
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


def admin() -> User:
    """An admin of the panel, who takes part in no cutover."""
    return person("admin", is_superuser=True)


def make_cutover(
    at: str = "opened", *, kind: CutoverKind = CutoverKind.REHEARSAL, text: str = RUNBOOK, **more: Any
) -> Cutover:
    """A cutover of the sample runbook in which everything up to ``at`` (see `STEPS`) has happened.

    Ama leads; Efua (technical, data) and Kofi (finance, data) approve; Yaw only watches.
    """
    ama = person("ama")
    release(text)
    runbook = services.load_runbook(text=text, by=ama)
    slug = f"sample-{next(_numbers)}"
    cutover = services.open_cutover(runbook=runbook, kind=kind, title="Sample", slug=slug, by=ama, **more)
    for name, part, seats in (
        ("efua", MemberPart.APPROVER, ["technical", "data"]),
        ("kofi", MemberPart.APPROVER, ["finance", "data"]),
        ("yaw", MemberPart.STAKEHOLDER, []),
    ):
        services.add_member(cutover=cutover, person=person(name), part=part, seats=seats, by=ama)
    for asked in cutover.change_requests.waiting().filter(kind=ChangeKind.RUNBOOK):
        services.confirm_change(request=asked, by=person("efua"))
    for step in STEPS[1 : STEPS.index(at) + 1]:
        globals()[f"_{step}"](cutover)
    return Cutover.objects.get(pk=cutover.pk)


def item_of(cutover: Cutover, key: str) -> Item:
    """An item of the cutover, fresh from the database."""
    return Item.objects.current().select_related("cutover", "phase").get(cutover=cutover, key=key)


def view_of(cutover: Cutover, key: str) -> Any:
    """How an item stands now."""
    return Board.load(cutover).items[key]


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
    with by_hand():  # an executor gives it its past
        attempt = Attempt.objects.create(
            cutover=cutover,
            item=item,
            number=number,
            epoch=cutover.epoch,
            direction=item.phase.direction,
            requested_by=person(by),
            status=status,
            queued_at=now,
            claimed_at=now,
            effect_started_at=began,
            ended_at=None if status in LIVE else now,
            **{"action": item.action, "effect": "PURE", "summary": f"saw it ({number})", **more},
        )
        if status in (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED):
            facts = facts if facts is not None else {"seen": number}
            confirms, denies = topics_of(facts)
            Evidence.objects.create(
                item=item,
                attempt=attempt,
                ok=status == AttemptStatus.SUCCEEDED,
                facts=facts,
                digest=digest_of(facts),
                judges=attempt.action in registry() and registry()[attempt.action].is_check,
                confirms=confirms,
                denies=denies,
                observed_at=now,
            )
    return attempt


def end(attempt: Attempt, status: AttemptStatus, facts: dict[str, Any] | None = None, **changes: Any) -> None:
    """Ends an attempt now, as its executor does: status, evidence and entry in one transaction."""
    with transaction.atomic():
        now = database_now()
        rows = Attempt.objects.filter(pk=attempt.pk)
        rows.update(status=status, ended_at=now, **changes)
        if status in (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED):
            store_evidence(rows.get(), ok=status == AttemptStatus.SUCCEEDED, facts=facts or {}, at=now)
        about = {"item": attempt.item.key, "attempt": attempt.pk, "status": status}
        AuditEntry.objects.append(attempt.cutover, "attempt.ended", by=None, **about)


def carried_out(cutover: Cutover, key: str, *, by: str = "ama", **facts: Any) -> Attempt:
    """A success of an action of now, with everything that an executor leaves, the record included."""
    record_heartbeat("reaper")
    attempt = claim(services.start_attempt(item=item_of(cutover, key), by=person(by)).pk, {"pid": 1})
    assert isinstance(attempt, Attempt), attempt
    assert begin_effect(attempt, before={}, owner={"pid": 1}) is None
    finish_attempt(attempt, AttemptOutcome(AttemptStatus.SUCCEEDED, "saw it"), facts=facts)
    return Attempt.objects.get(pk=attempt.pk)


def identity(subject: str) -> str:
    """The identity of a result of the check that `asked_preflight` stands for."""
    return CheckResult(subject, Verdict.GREEN, "", "").identity_in("sample.check")


def preflight_results(items: Sequence[str] = (), **verdicts: str) -> list[dict[str, Any]]:
    """Results of a preflight as the runner gives them: subject → verdict."""
    return [
        {
            **CheckResult(
                subject, Verdict(verdict), f"Is the {subject} right?", f"It is {verdict}.", "Mend it."
            ).as_facts("sample.check"),
            "title": "Everything is right",
            "items": list(items),
        }
        for subject, verdict in verdicts.items()
    ]


def asked_preflight(
    cutover: Cutover, *, ago: timedelta = timedelta(), items: Sequence[str] = (), **verdicts: str
) -> PreflightRun:
    """A preflight of the schedule that got to its end, ``ago`` before now, with these verdicts by subject."""
    at, results = database_now() - ago, preflight_results(items, **verdicts)
    with by_hand():  # an executor gives it its past
        run = PreflightRun.objects.create(
            cutover=cutover,
            source="SCHEDULE",
            status="DONE",
            requested_at=at,
            started_at=at,
            ended_at=at,
            digest=digest_of_results(results),
        )
        store_results(run, results)
    return run


def verify(
    backup: Backup, attempt: Attempt, *, equal: bool = True, seconds: float = 4.5, reason: str = "It differs."
) -> BackupVerification:
    """A verification of the backup by that attempt, as the executor keeps it."""
    return BackupVerification.objects.create(
        backup=backup,
        attempt=attempt,
        equal=equal,
        at=database_now(),
        seconds=seconds,
        reason="" if equal else reason,
    )


def preflight_done(cutover: Cutover, *, ago: timedelta = timedelta(minutes=20), **verdicts: str) -> Attempt:
    """A success of the item “look” that recorded a preflight, as an executor stores it."""
    attempt = ended(cutover, "look", AttemptStatus.RUNNING, ago=ago)
    results = preflight_results(**verdicts)
    at = attempt.queued_at
    with by_hand():  # an executor gives it its past
        store_evidence(attempt, ok=True, facts={"preflight": {"results": results}}, at=at)
        Attempt.objects.filter(pk=attempt.pk).update(status="SUCCEEDED", ended_at=at, summary="All is right.")
    return attempt


def sign(
    cutover: Cutover, by: str, seat: str, decision: Decision = Decision.GO, reason: str = "", **more: Any
) -> SignOff:
    """A sign-off on the evidence as it is now."""
    gate = item_of(cutover, "go")
    digest = more.pop("digest", None) or view_of(cutover, "go").gate.digest
    nonce = more.pop("nonce", None) or uuid.uuid4()
    return services.sign_gate(
        gate=gate,
        by=person(by),
        seat=seat,
        decision=decision,
        reason=reason,
        digest=digest,
        nonce=nonce,
        accepted_gaps=more.pop("accepted_gaps", ()),
        accepted_irreversible=more.pop("accepted_irreversible", ()),
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


def previewed(item: Item, by: str = "ama", **fields: Any) -> ItemPreview:
    """An answer as a worker stores it; ``fields`` replace those of a preview that succeeded."""
    now = database_now()
    shown = {"lines": ["look at the moon"], "where": "nowhere/sample", "warnings": []}
    given = {"status": PreviewStatus.DONE, "shown": shown, "requested_at": now, "ended_at": now}
    asked_by = person(by)
    with by_hand():  # a worker gives it its past
        return ItemPreview.objects.create(
            cutover_id=item.cutover_id, item=item, requested_by=asked_by, **given | fields
        )
