"""Compares the present rows of a cutover with what its record says: finds rows changed without an entry.

The chain proves that entries were not changed. It says nothing about the tables beside it, which somebody
with SQL could change. Here the record is read from its beginning, and the state that it leads to is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checklists.models import AuditEntry, Cutover, GatePass, Item, Member, SignOff
from checklists.record.attempts import RecordedAttempts
from checklists.record.signed_evidence import find_wrong_signatures
from checklists.runbook import read_definitions
from checklists.states import CutoverStatus, Direction, MemberPart

NOTHING = "nothing"
#: Columns of an item that decide about gates and order; the runbook's text defines them.
DEFINED = ("kind", "action", "needs", "seats", "quorum", "requires")


@dataclass
class RecordedState:
    """What the record says of a cutover, after all of its entries."""

    cutover: dict[str, Any] = field(default_factory=dict)
    ticks: dict[str, str] = field(default_factory=dict)  # item's key → user name
    skips: dict[str, tuple[str, str]] = field(default_factory=dict)  # item's key → user name, reason
    members: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    signed: Counter[tuple[str, ...]] = field(default_factory=Counter)
    passed: Counter[tuple[str, ...]] = field(default_factory=Counter)
    gaps: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)  # see `signed_evidence.Gaps`
    attempts: RecordedAttempts = field(default_factory=RecordedAttempts)

    def read(self, entry: AuditEntry) -> None:
        """Takes the next entry into account; kinds that change none of these rows are passed over."""
        area = entry.kind.partition(".")[0]
        self.attempts.read(entry)
        reader = {
            "cutover": self._read_cutover,
            "rollback": self._read_cutover,
            "runbook": self._read_amendment,
            "item": self._read_item,
            "member": self._read_member,
            "gate": self._read_gate,
        }.get(area)
        if reader is not None:
            reader(entry, entry.payload)

    def _read_cutover(self, entry: AuditEntry, payload: Mapping[str, Any]) -> None:
        if entry.kind == "cutover.opened":
            self.cutover = {
                "kind": payload["cutover_kind"],
                "rehearsal_quorum": payload.get("rehearsal_quorum"),
                "direction": Direction.FORWARD.value,
                "epoch": 1,
                "status": CutoverStatus.OPEN.value,
            }
            self.members[entry.actor] = (MemberPart.LEAD.value, ())
        elif entry.kind == "rollback.ordered":
            self.cutover |= {"direction": Direction.ROLLBACK.value, "epoch": payload["epoch"]}
        elif entry.kind == "cutover.closed":
            self.cutover["status"] = payload["status"]

    def _read_amendment(self, entry: AuditEntry, payload: Mapping[str, Any]) -> None:
        """A changed item has a new definition, which nobody has ticked yet."""
        for key in payload.get("items", {}) if entry.kind == "runbook.amended" else ():
            self.ticks.pop(key, None)
            self.skips.pop(key, None)

    def _read_item(self, entry: AuditEntry, payload: Mapping[str, Any]) -> None:
        key = payload["item"]
        if entry.kind == "item.ticked":
            self.ticks[key] = entry.actor
        elif entry.kind == "item.confirmed":
            self.ticks[key] = payload["requested_by"]
        elif entry.kind == "item.unticked":
            self.ticks.pop(key, None)
        elif entry.kind == "item.skipped":
            self.skips[key] = (entry.actor, payload["reason"])
        elif entry.kind == "item.unskipped":
            self.skips.pop(key, None)

    def _read_member(self, entry: AuditEntry, payload: Mapping[str, Any]) -> None:
        if payload.get("part"):
            self.members[payload["person"]] = (payload["part"], tuple(payload["seats"]))
        else:
            self.members.pop(payload["person"], None)

    def _read_gate(self, entry: AuditEntry, payload: Mapping[str, Any]) -> None:
        if entry.kind == "gate.signed":
            said = (payload["gate"], entry.actor, payload["seat"], payload["decision"], payload["digest"])
            self.signed[said] += 1
            if "gaps" in payload:
                self.gaps[payload["gate"], entry.actor, payload["digest"]] = payload["gaps"]
        elif entry.kind == "gate.passed":
            self.passed[payload["gate"], payload["digest"]] += 1


def find_unrecorded_changes(cutover: Cutover) -> list[str]:
    """Each row that differs from the record, in words: what the record says, and what the table has."""
    recorded = RecordedState()
    for entry in AuditEntry.objects.filter(cutover=cutover).order_by("seq").iterator(chunk_size=1000):
        recorded.read(entry)
    if not recorded.cutover:
        return []  # opened before there was a record of it; the chain says what is missing
    fresh = Cutover.objects.get(pk=cutover.pk)
    items = list(Item.objects.current().filter(cutover=cutover).select_related("done_by", "skipped_by"))
    return [
        *_differences("cutover", recorded.cutover, {name: getattr(fresh, name) for name in recorded.cutover}),
        *_differences(
            "tick of item", recorded.ticks, {i.key: i.done_by.username for i in items if i.done_by}
        ),
        *_differences("skip of item", recorded.skips, _skips(items)),
        *_differences("part and seats of", recorded.members, _members(cutover)),
        *_counted("sign-off at gate", recorded.signed, _sign_offs(cutover)),
        *_counted("pass of gate", recorded.passed, _passes(cutover)),
        *_definitions(fresh, items),
        *recorded.attempts.differences(cutover),
        *find_wrong_signatures(cutover, recorded.gaps),
    ]


def _ticks(items: list[Item]) -> dict[str, str]:
    return {item.key: item.done_by.username for item in items if item.done_by}


def _skips(items: list[Item]) -> dict[str, tuple[str, str]]:
    return {i.key: (i.skipped_by.username, i.skip_reason) for i in items if i.skipped_by}


def _members(cutover: Cutover) -> dict[str, tuple[str, tuple[str, ...]]]:
    members = Member.objects.filter(cutover=cutover).select_related("person")
    return {member.person.username: (member.part, tuple(member.seats)) for member in members}


def _sign_offs(cutover: Cutover) -> Counter[tuple[str, ...]]:
    rows = SignOff.objects.filter(gate__cutover=cutover)
    return Counter(rows.values_list("gate__key", "person__username", "seat", "decision", "digest"))


def _passes(cutover: Cutover) -> Counter[tuple[str, ...]]:
    return Counter(GatePass.objects.filter(gate__cutover=cutover).values_list("gate__key", "digest"))


def _differences(
    what: str, recorded: Mapping[str, Any], present: Mapping[str, Any], source: str = "record"
) -> list[str]:
    return [
        f"{what} {name}: the {source} says {_words(recorded.get(name))}, "
        f"the table has {_words(present.get(name))}."
        for name in sorted(recorded.keys() | present.keys())
        if recorded.get(name) != present.get(name)
    ]


def _counted(what: str, recorded: Counter[tuple[str, ...]], present: Counter[tuple[str, ...]]) -> list[str]:
    missing, added = recorded - present, present - recorded
    return [
        *(f"{what} {_words(one)}: the record has it, the table does not." for one in sorted(missing)),
        *(f"{what} {_words(one)}: the table has it, the record does not." for one in sorted(added)),
    ]


def _words(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, tuple):
        return ", ".join(_words(part) for part in value if part not in ((), "")) or NOTHING
    return str(value)


def _definitions(cutover: Cutover, items: list[Item]) -> list[str]:
    """Items beside the text of the runbook, whose SHA-256 is in the record."""
    document = read_definitions(cutover.runbook.text)
    if document.sha256 != cutover.runbook.sha256:
        return [f"runbook {cutover.runbook}: its text does not have its SHA-256."]
    defined = {spec.key: spec for spec in document.items}
    found = []
    for item in items:
        spec = defined.get(item.key)
        if spec is None:
            found.append(f"item {item.key}: the table has it, the runbook does not.")
            continue
        text = {name: _plain(getattr(spec, name)) for name in DEFINED}
        row = {name: _plain(getattr(item, name)) for name in DEFINED}
        found += _differences(f"item {item.key},", text, row, "runbook")
    return found


def _plain(value: Any) -> Any:
    return tuple(str(one) for one in value) if isinstance(value, list | tuple) else value
