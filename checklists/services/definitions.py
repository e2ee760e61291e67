"""What a runbook defines, as rows of a cutover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from checklists.models import Cutover, GateEvidence, Item, Phase
from checklists.released_variables import released_environment
from checklists.runbook import Document, ItemSpec, read
from checklists.services.refusal import CommandRefused
from checklists.states import ItemKind

#: The fields of a runbook's item that `Item` has no column for, and why. A test fails for any other field
#: without a column.
NOT_COPIED = {
    "evidence": "kept as rows of GateEvidence, which refer to items",
    "line": "a place in the file, needed only while the file is checked",
}


def read_document(text: str, *, earlier: Mapping[str, Mapping[str, Any]] | None = None) -> Document:
    """The runbook as data. Raises `CommandRefused`, which lists every error with its line.

    ``earlier``: what an earlier panel had built in (item's key → parameters); it counts as given.
    """
    result = read(text, earlier=earlier, released=released_environment())
    fatal = [error for error in result.errors if error.is_fatal]
    if result.document is None or fatal:
        lines = [f"line {m.line}: {m.what} {m.remedy}" for m in fatal]
        raise CommandRefused(
            f"The runbook has {len(lines)} errors. " + " ".join(lines[:20]),
            next="`./panel manage runbook check FILE` lists them all.",
        )
    return result.document


def time_settings(document: Document) -> dict[str, Any]:
    """Column of the cutover → what the runbook says about times."""
    return {
        "rto_from": document.rto.from_item,
        "rto_to": document.rto.to_item,
        "decision_time": document.decision_time,
    }


def copy_items(cutover: Cutover, document: Document) -> None:
    """Writes all phases, items and the evidence of gates for a cutover that is being opened."""
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
            before_window=spec.before_window,
        )
        rows = [
            item_from_spec(cutover, phase, at, one, document) for at, one in enumerate(spec.items, start=1)
        ]
        items |= {item.key: item for item in Item.objects.bulk_create(rows)}
    gates = [one for phase in document.phases for one in phase.items if one.kind == ItemKind.GATE]
    GateEvidence.objects.bulk_create(
        GateEvidence(gate=items[gate.key], item=items[asked.item], fresh_for=asked.fresh_for, position=at)
        for gate in gates
        for at, asked in enumerate(gate.evidence, start=1)
    )


def item_from_spec(cutover: Cutover, phase: Phase, position: int, spec: ItemSpec, document: Document) -> Item:
    """The row of an item, not saved yet."""
    values = {
        field.name: getattr(spec, field.name) for field in fields(ItemSpec) if field.name not in NOT_COPIED
    }
    return Item(
        cutover=cutover,
        phase=phase,
        position=position,
        runbook_sha256=document.sha256,
        owner_title=document.roles.get(spec.owner, spec.owner),
        **{name: list(value) if isinstance(value, tuple) else value for name, value in values.items()},
    )
