"""Opening, manning, turning round and closing a cutover."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from checklists.gates import Board
from checklists.models import Attempt, AuditHead, Cutover, GateEvidence, Item, Member, Phase, Runbook
from checklists.models.audit import database_now
from checklists.runbook import Document, ItemSpec, read
from checklists.services.permission import locked, member_of, record
from checklists.services.refused import Refused
from checklists.states import AttemptStatus, CutoverStatus, Direction, ItemKind, Kind, Part


def document_of(text: str) -> Document:
    """The runbook as data, or a refusal that lists every mistake with its line."""
    reading = read(text)
    stops = [mistake for mistake in reading.mistakes if mistake.stops]
    if reading.document is None or stops:
        lines = [f"line {m.line}: {m.what}" for m in stops]
        raise Refused(
            f"The runbook has {len(lines)} mistakes. " + " ".join(lines[:20]),
            next="`./panel manage runbook check FILE` lists them all.",
        )
    return reading.document


def load_runbook(*, text: str, by: User | None) -> Runbook:
    """Keeps one version of a runbook; the same text loaded again is the same version."""
    document = document_of(text)
    runbook, _ = Runbook.objects.get_or_create(
        sha256=document.sha256,
        defaults={"name": document.name, "title": document.title, "text": text, "loaded_by": by},
    )
    return runbook


@transaction.atomic
def open_cutover(
    *,
    runbook: Runbook,
    kind: Kind,
    title: str,
    slug: str,
    by: User,
    window_start: datetime | None = None,
    window_end: datetime | None = None,
    rehearsal_quorum: int | None = None,
) -> Cutover:
    """Opens a going-through of a runbook, with all its phases and items; ``by`` becomes its lead."""
    document = document_of(runbook.text)
    _may_open(kind, slug, rehearsal_quorum)
    cutover = Cutover.objects.create(
        slug=slug,
        title=title,
        kind=kind,
        runbook=runbook,
        window_start=window_start,
        window_end=window_end,
        timezone=document.timezone,
        rehearsal_quorum=rehearsal_quorum,
        systems={name: dict(section) for name, section in document.systems.items()},
        seat_titles=dict(document.seats),
        created_by=by,
    )
    _copy_items(cutover, document)
    AuditHead.objects.create(cutover=cutover)
    Member.objects.create(cutover=cutover, person=by, part=Part.LEAD)
    record(
        cutover,
        "cutover.opened",
        by=by,
        cutover_kind=kind,
        title=title,
        runbook=runbook.sha256,
        rehearsal_quorum=rehearsal_quorum,
    )
    return cutover


def _may_open(kind: Kind, slug: str, rehearsal_quorum: int | None) -> None:
    if rehearsal_quorum is not None and kind != Kind.REHEARSAL:
        raise Refused("Only a rehearsal may ask for fewer signatures.", next="Leave it to the runbook.")
    if Cutover.objects.filter(slug=slug).exists():
        raise Refused(f"There is a cutover called {slug} already.", next="Choose another short name.")


def _copy_items(cutover: Cutover, document: Document) -> None:
    items: dict[str, Item] = {}
    for position, spec in enumerate(document.phases, start=1):
        phase = Phase.objects.create(
            cutover=cutover,
            position=position,
            number=spec.number,
            key=spec.key,
            title=spec.title,
            note=spec.note,
            original=spec.original,
            direction=spec.direction.upper(),
        )
        rows = [_item(cutover, phase, at, one, document) for at, one in enumerate(spec.items, start=1)]
        items |= {item.key: item for item in Item.objects.bulk_create(rows)}
    gates = [one for phase in document.phases for one in phase.items if one.kind == ItemKind.GATE]
    GateEvidence.objects.bulk_create(
        GateEvidence(gate=items[gate.key], item=items[asked.item], fresh_for=asked.fresh_for, position=at)
        for gate in gates
        for at, asked in enumerate(gate.evidence, start=1)
    )


def _item(cutover: Cutover, phase: Phase, position: int, spec: ItemSpec, document: Document) -> Item:
    same = ("key", "number", "title", "how", "original", "kind", "owner", "planned", "optional", "action")
    also = ("fresh_for", "deadline", "undo", "irreversible", "type_target", "quorum")
    return Item(
        cutover=cutover,
        phase=phase,
        position=position,
        owner_title=document.roles.get(spec.owner, spec.owner),
        needs=list(spec.needs),
        goes_with=list(spec.goes_with),
        seats=list(spec.seats),
        params=dict(spec.params),
        **{name: getattr(spec, name) for name in (*same, *also)},
    )


@transaction.atomic
def add_member(
    *,
    cutover: Cutover,
    person: User,
    part: Part,
    seats: Sequence[str] = (),
    roles: Sequence[str] = (),
    by: User,
) -> Member:
    """Gives a person a part, seats and roles; said again, it replaces what was said before."""
    cutover = locked(cutover.pk)
    if not by.is_superuser and not member_of(cutover, by).may_act:
        raise Refused("Only a migration lead adds people.")
    unknown = sorted(set(seats) - set(cutover.seat_titles))
    if unknown:
        raise Refused(
            f"The runbook has no seat called {', '.join(unknown)}.",
            next=f"It has: {', '.join(cutover.seat_titles)}.",
        )
    member, _ = Member.objects.update_or_create(
        cutover=cutover, person=person, defaults={"part": part, "seats": list(seats), "roles": list(roles)}
    )
    record(
        cutover,
        "member.added",
        by=by,
        person=person.get_username(),
        part=part,
        seats=list(seats),
        roles=list(roles),
    )
    return member


@transaction.atomic
def order_rollback(*, cutover: Cutover, by: User, reason: str) -> list[Attempt]:
    """Turns a cutover round: from this commit on no forward effect begins.

    Queued forward attempts end as cancelled, running ones are asked to stop. Returns those that
    still hold a resource: rollback items on the same resource wait for them.
    """
    reason = reason.strip()
    if not reason:
        raise Refused("Say why you order the rollback.", next="The reason goes into the record.")
    cutover = locked(cutover.pk, exclusively=True)
    member = member_of(cutover, by)
    if member.part == Part.STAKEHOLDER:
        raise Refused("A stakeholder cannot order a rollback.", next="Call a migration lead or an approver.")
    if not cutover.is_open:
        raise Refused(f"This cutover is closed: {cutover.get_status_display().lower()}.")
    if cutover.direction == Direction.ROLLBACK:
        return list(Attempt.objects.filter(cutover=cutover, direction=Direction.FORWARD).holding())
    cutover.direction, cutover.epoch = Direction.ROLLBACK, cutover.epoch + 1
    cutover.save(update_fields=["direction", "epoch"])
    now = database_now()
    forward = Attempt.objects.filter(cutover=cutover, direction=Direction.FORWARD)
    forward.filter(status=AttemptStatus.QUEUED).move(
        AttemptStatus.CANCELLED, ended_at=now, summary="Cancelled: a rollback was ordered."
    )
    forward.leased().filter(cancel_requested_at=None).update(cancel_requested_at=now, cancel_requested_by=by)
    record(cutover, "rollback.ordered", by=by, reason=reason, epoch=cutover.epoch)
    return list(forward.holding())


@transaction.atomic
def close_cutover(*, cutover: Cutover, status: CutoverStatus, by: User, reason: str = "") -> Cutover:
    """Declares a cutover completed, rolled back or abandoned. Completed means every item is settled."""
    cutover = locked(cutover.pk, exclusively=True)
    if not member_of(cutover, by).may_act:
        raise Refused("Only a migration lead closes a cutover.")
    if not cutover.is_open:
        return cutover
    if Attempt.objects.filter(cutover=cutover).live().exists():
        raise Refused("Something is still running, or its ending is unknown.", next="Settle it first.")
    status = CutoverStatus(status)
    if status != CutoverStatus.ABANDONED:
        _everything_settled(Board.of(cutover), status)
    elif not reason.strip():
        raise Refused("Say why it is abandoned.", next="The reason goes into the record.")
    cutover.status, cutover.closed_at = status, database_now()
    cutover.save(update_fields=["status", "closed_at"])
    record(cutover, "cutover.closed", by=by, status=status, reason=reason.strip())
    return cutover


def _everything_settled(board: Board, status: CutoverStatus) -> None:
    direction = Direction.ROLLBACK if status == CutoverStatus.ROLLED_BACK else Direction.FORWARD
    if board.cutover.direction != direction:
        raise Refused(f"The cutover goes {board.cutover.get_direction_display().lower()}.")
    open_items = [
        v for v in board.items.values()
        if v.item.phase.direction == direction and not v.settled and not v.item.optional
    ]  # fmt: skip
    if open_items:
        names = ", ".join(f"{v.item.number} {v.item.title}" for v in open_items[:5])
        raise Refused(
            f"{len(open_items)} items are not settled: {names}.", next="Do them, or skip them with a reason."
        )
