"""Amending the runbook of an open cutover: changed items get new definitions, everything else stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from checklists.earlier_parameters import built_in_for
from checklists.models import Attempt, ChangeRequest, Cutover, GateEvidence, GatePass, Item, Phase, Runbook
from checklists.models.attempt import AttemptQuerySet
from checklists.models.audit import database_now
from checklists.runbook import (
    TIME_MARKS,
    Change,
    Document,
    ItemSpec,
    PhaseSpec,
    RunbookChanges,
    compare_documents,
    dependent_gates,
    keep_numbers,
    read_definitions,
)
from checklists.services.definitions import item_from_spec, read_document, time_settings
from checklists.services.permission import append_entry
from checklists.services.refusal import CommandRefused
from checklists.states import Direction, ItemKind, Reconciliation
from integrations.actions import Effect


@dataclass(frozen=True)
class Amendment:
    """What a text would change in a cutover. ``obstacles`` say why it is not possible now, if anything."""

    document: Document  # with the numbers that the cutover's items have
    changes: RunbookChanges
    voided_gates: set[str]  # keys of gates that have to be decided again
    again: set[str]  # keys of items that were done and have to be done again
    obstacles: list[str] = field(default_factory=list)


def plan_amendment(*, cutover: Cutover, text: str) -> Amendment:
    """Compares a text with the runbook of the cutover; changes nothing.

    Raises `CommandRefused` for a text that is no runbook or means the same as the present one.
    """
    read_document(text, earlier=built_in_for(cutover).items)
    before, after = read_definitions(cutover.runbook.text), read_definitions(text)
    changes = compare_documents(before, after)
    if changes.is_empty:
        raise CommandRefused(
            "This text says the same as the present runbook.", next="Change an item, then compare again."
        )
    items = {item.key: item for item in cutover.items.current().select_related("phase")}
    numbers = {key: item.number for key, item in items.items()}
    phases = dict(cutover.phases.values_list("key", "number"))
    gates = dependent_gates([before, after], changes.keys()) & items.keys()
    return Amendment(
        document=keep_numbers(after, numbers, phases),
        changes=changes,
        voided_gates=gates - changes.keys(Change.REMOVED),
        again={key for key in changes.keys(Change.CHANGED) if _was_done(items.get(key))},
        obstacles=_find_obstacles(cutover, changes, items, before, after),
    )


def apply_amendment(
    cutover: Cutover,
    payload: Mapping[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    """Carries out an amendment of a cutover that is locked exclusively.

    ``payload``: ``before`` and ``after``, the SHA-256 of the present and of the new text.
    """
    if cutover.runbook.sha256 != payload["before"]:
        raise CommandRefused(
            "The runbook was amended since this was compared.", next="Compare again, and request it again."
        )
    runbook = Runbook.objects.get(sha256=payload["after"])
    plan = plan_amendment(cutover=cutover, text=runbook.text)
    if plan.obstacles:
        raise CommandRefused(" ".join(plan.obstacles), means="Nothing was changed.")
    before = cutover.runbook.sha256
    _Writer(cutover, runbook, plan).write()
    append_entry(
        cutover,
        "runbook.amended",
        by=confirmed_by or requested_by,
        before=before,
        after=runbook.sha256,
        reason=reason,
        summary=summarize(plan),
        items={change.key: change.change for change in plan.changes.items},
        settings=[change.name for change in plan.changes.settings],
        voided_gates=sorted(plan.voided_gates),
        requested_by=requested_by.get_username(),
        confirmed_by=confirmed_by.get_username() if confirmed_by else None,
    )


def summarize(plan: Amendment) -> str:
    """The amendment in one line: “2 items changed, 1 added, 1 gate to decide again”."""
    counts = [(len(plan.changes.keys(change)), change) for change in Change]
    parts = [f"{number} item{'s' * (number != 1)} {change}" for number, change in counts if number]
    if plan.voided_gates:
        number = len(plan.voided_gates)
        parts.append(f"{number} gate{'s' * (number != 1)} to decide again")
    return ", ".join(parts) or "settings changed"


def _was_done(item: Item | None) -> bool:
    if item is None:
        return False
    return bool(item.done_at) or _successes(item).exists()


def _successes(item: Item) -> AttemptQuerySet:
    ended_well = Attempt.objects.filter(item=item, status__in=["SUCCEEDED", "RECONCILED"])
    return ended_well.filter(reconciliation__in=["", Reconciliation.DONE])


def _find_obstacles(
    cutover: Cutover, changes: RunbookChanges, items: Mapping[str, Item], before: Document, after: Document
) -> list[str]:
    if before.name != after.name:
        return [f"This is another runbook: it is called {after.name}, and not {before.name}."]
    touched = [items[change.key] for change in changes.items if change.key in items]
    removed = changes.keys(Change.REMOVED)
    found = [_why_not(item, item.key in removed) for item in touched]
    found += [_why_not_phase(change.name, change.before, change.after) for change in changes.settings]
    return [sentence for sentence in found if sentence]


def _why_not(item: Item, is_removed: bool) -> str:
    """Why this item cannot be changed or removed now, in sentences; empty when it can."""
    name = f"{item.number} {item.title}"
    attempts = Attempt.objects.filter(item=item)
    if attempts.live().exists():
        return (
            f"{name} runs, or it is not known what it did. Wait for its end, or find out, then compare again."
        )
    if ChangeRequest.objects.waiting().filter(item=item).exists():
        return f"{name} waits for a second person. Have it confirmed or withdrawn, then compare again."
    if not is_removed:
        if _successes(item).exclude(effect=Effect.PURE).exists() and not _was_undone(item):
            return (
                f"{name} was carried out. A changed definition would make it look as if it had not been. "
                "Leave it as it is, and add a new item that corrects it."
            )
        return ""
    every = Attempt.objects.filter(cutover=item.cutover_id, item__key=item.key)
    begun = every.exclude(effect=Effect.PURE).exclude(reconciliation=Reconciliation.NOT_DONE)
    if begun.filter(effect_started_at__isnull=False).exists():
        return f"{name} had an effect, so it cannot be removed. Leave it in the text."
    if item.done_at:
        return f"{name} is ticked, so it cannot be removed. Take the tick back first, if it was wrong."
    if GatePass.objects.filter(gate=item, used_at__isnull=False).exists():
        return f"{name} has passed, and work relied on it, so it cannot be removed. Leave it in the text."
    return ""


def _was_undone(item: Item) -> bool:
    if not item.undo:
        return False
    last = _successes(item).order_by("-queued_at").values_list("queued_at", flat=True).first()
    undo = Item.objects.current().filter(cutover=item.cutover_id, key=item.undo).first()
    return undo is not None and last is not None and _successes(undo).filter(queued_at__gt=last).exists()


def _why_not_phase(name: str, before: Any, after: Any) -> str:
    """The direction of a part never changes: what was forward work yesterday is not a rollback today."""
    if not name.startswith("phase ") or not before or not after or before["direction"] == after["direction"]:
        return ""
    return f"{name.capitalize()} changes its direction, which never changes in an open cutover."


class _Writer:
    """Writes the rows of one amendment."""

    def __init__(self, cutover: Cutover, runbook: Runbook, plan: Amendment) -> None:
        self.cutover, self.runbook, self.plan = cutover, runbook, plan
        self.now = database_now()
        self.current = {item.key: item for item in cutover.items.current()}
        self.renewed = plan.changes.keys() | plan.voided_gates

    def write(self) -> None:
        """Supersedes what changes, then writes new definitions, places, evidence of gates and settings."""
        Item.objects.filter(
            pk__in=[self.current[key].pk for key in self.renewed & self.current.keys()]
        ).update(superseded_at=self.now)
        for position, phase_spec in enumerate(self.plan.document.phases, start=1):
            phase = self._write_phase(position, phase_spec)
            for place, spec in enumerate(phase_spec.items, start=1):
                self._write_item(phase, place, spec)
        self._write_evidence()
        self._write_cutover()

    def _write_phase(self, position: int, spec: PhaseSpec) -> Phase:
        values = {
            "position": position,
            "title": spec.title,
            "note": spec.note,
            "original": spec.original,
            "before_window": spec.before_window,
        }
        once = {"number": spec.number, "direction": Direction[spec.direction.upper()]}
        phase, _ = Phase.objects.update_or_create(
            cutover=self.cutover,
            key=spec.key,
            defaults=values,
            create_defaults={**values, **once},
        )
        return phase

    def _write_item(self, phase: Phase, place: int, spec: ItemSpec) -> None:
        known = self.current.get(spec.key)
        if known is not None and spec.key not in self.renewed:
            owner = self.plan.document.roles.get(spec.owner, spec.owner)
            marks = {name: getattr(spec, name) for name in TIME_MARKS}
            Item.objects.filter(pk=known.pk).update(position=place, owner_title=owner, **marks)
            return
        item = item_from_spec(self.cutover, phase, place, spec, self.plan.document)
        item.claimed_by = known.claimed_by if known else None
        item.claimed_at = known.claimed_at if known else None
        item.save()
        self.current[spec.key] = item

    def _write_evidence(self) -> None:
        gates = [spec for spec in self.plan.document.items if spec.kind == ItemKind.GATE]
        GateEvidence.objects.bulk_create(
            GateEvidence(
                gate=self.current[gate.key],
                item=self.current[asked.item],
                fresh_for=asked.fresh_for,
                position=place,
            )
            for gate in gates
            if gate.key in self.renewed
            for place, asked in enumerate(gate.evidence, start=1)
        )

    def _write_cutover(self) -> None:
        document = self.plan.document
        self.cutover.runbook = self.runbook
        self.cutover.timezone = document.timezone
        self.cutover.systems = {name: dict(section) for name, section in document.systems.items()}
        self.cutover.seat_titles = dict(document.seats)
        self.cutover.logs_for_stakeholders = document.logs_for_stakeholders
        times = time_settings(document)
        for name, value in times.items():
            setattr(self.cutover, name, value)
        changed = ["runbook", "timezone", "systems", "seat_titles", "logs_for_stakeholders", *times]
        self.cutover.save(update_fields=changed)
