"""The data of a board, which pages show and on which services decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.functional import cached_property

from checklists.board.acts import Act
from checklists.board.later_facts import LaterFact
from checklists.models import (
    Attempt,
    ChangeRequest,
    Evidence,
    GatePass,
    Item,
    NoGoAnswer,
    Phase,
    SignOff,
    Tick,
)
from checklists.states import SETTLED, Decision, ItemState


@dataclass(frozen=True)
class Blocker:
    """One reason why an item may not be done yet: a sentence, and the item that causes it."""

    what: str
    item: Item | None = None


@dataclass(frozen=True)
class EvidenceGap:
    """What stands in place of evidence: an item that was skipped, or reconciled by a person's word."""

    item: Item
    kind: str  # “skipped” or “reconciled”
    person_id: int | None
    by: str
    reason: str

    def as_signed(self) -> dict[str, Any]:
        """What a signature is bound to."""
        return {"item": self.item.key, "kind": self.kind, "by": self.by, "reason": self.reason}


@dataclass(frozen=True)
class Fact:
    """One line of a gate's evidence, as shown and as signed."""

    item: Item
    attempt: Attempt | None
    ok: bool
    missing: bool
    summary: str
    digest: str
    observed_at: datetime | None
    age: timedelta | None
    fresh_for: timedelta | None
    evidence: Evidence | None = None
    found_summary: str = ""  # as ``summary``, never masked: for digests, not to be shown
    warnings: list[str] = field(default_factory=list)  # see `ItemView`
    handed_in: dict[str, Any] = field(default_factory=dict)  # with the tick of a manual item
    content: dict[str, Any] = field(default_factory=dict)  # to which a signature is bound
    gap: EvidenceGap | None = None  # what stands in place of its evidence

    @property
    def stale(self) -> bool:
        """Is it older than the gate accepts?"""
        return self.fresh_for is not None and self.age is not None and self.age > self.fresh_for

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the evidence, for showing them under the line."""
        return self.evidence.facts if self.evidence else self.handed_in

    def as_signed(self) -> dict[str, Any]:
        """What a signature keeps: the line as it was shown, and the content to which it is bound."""
        return {
            "item": self.item.key,
            "number": self.item.number,
            "title": self.item.title,
            "attempt": str(self.attempt.pk) if self.attempt else None,
            "target": self.attempt.resource if self.attempt else None,
            "ok": self.ok,
            "summary": self.summary,
            "digest": self.digest,
            "observed_at": self.observed_at,
            "content": self.content,
        }


@dataclass(frozen=True)
class SeatView:
    """One seat of a gate: who may fill it, and the sign-off that fills it."""

    seat: str
    title: str
    sign_off: SignOff | None
    people: list[User]


@dataclass(frozen=True)
class VoidedSignOff:
    """A sign-off that no longer counts, and why."""

    sign_off: SignOff
    why: str


@dataclass(frozen=True)
class Dissent:
    """A no-go that was ever given at a gate, with its ending in ``no_go.answer``, if it has one."""

    no_go: SignOff
    stands: bool

    @property
    def answer(self) -> NoGoAnswer | None:
        """How it ended: withdrawn, or answered in writing."""
        return getattr(self.no_go, "answer", None)


@dataclass(frozen=True)
class GateRules:
    """All on which a signature of a gate is judged."""

    facts: list[Fact]
    gaps: list[EvidenceGap]
    digest: str
    digest_of_version_1: str
    needed: int
    acts: dict[int, list[Act]]  # by person id
    given_seats: dict[
        tuple[int, str], str
    ]  # seats that actors gave after work had begun: why they do not count
    holders: frozenset[tuple[int, str]]  # person and seat, of people who are active

    def why_not(self, sign_off: SignOff) -> str:
        """Why a signature on this very evidence does not count; empty when it does."""
        person, key = str(sign_off.person), (sign_off.person_id, sign_off.seat)
        if acts := self.acts.get(sign_off.person_id):
            return f"{acts[0].of(person)}, and nobody approves their own work (four eyes)."
        if key not in self.holders:
            return f"{person} no longer holds this seat, or their account is closed."
        if why := self.given_seats.get(key):
            return f"{why} (four eyes)."
        missing = [gap for gap in self.gaps if gap.item.key not in sign_off.accepted_gaps]
        if missing and sign_off.decision == Decision.GO:
            return f"it does not accept by name that {missing[0].item} was {missing[0].kind}."
        return ""


@dataclass(frozen=True)
class GateView:
    """The state of a gate on the evidence of now."""

    item: Item
    facts: list[Fact]
    digest: str
    seats: list[SeatView]
    needed: int
    given: int
    voided: list[VoidedSignOff]
    passed: GatePass | None
    no_go: SignOff | None
    blockers: list[Blocker]
    dissents: list[Dissent]  # every no-go that there ever was, the oldest first
    gaps: list[EvidenceGap]
    acts: dict[int, list[Act]]  # by person id; they do not sign (four eyes)
    given_seats: dict[tuple[int, str], str]  # person and seat that does not count, with the reason

    @property
    def attempts(self) -> list[UUID]:
        """The attempts on whose results it rests."""
        return [fact.attempt.pk for fact in self.facts if fact.attempt]

    @property
    def signed(self) -> list[dict[str, Any]]:
        """The facts as a signature stores them."""
        return [fact.as_signed() for fact in self.facts]


@dataclass
class ItemView:
    """The state of an item. ``attempt`` is its latest, ``evidence`` that of its latest success."""

    item: Item
    state: ItemState
    attempt: Attempt | None = None
    evidence: Evidence | None = None
    age: timedelta | None = None
    blockers: list[Blocker] = field(default_factory=list)
    gate: GateView | None = None
    settled_at: datetime | None = None
    why_not_needed: str = ""
    warnings: list[str] = field(default_factory=list)  # what is not as wanted, of an item that is done
    tick: Tick | None = None  # of a done manual item: what was handed in
    request: ChangeRequest | None = None  # the tick that waits for a second person
    later: LaterFact | None = None  # what was observed of its subject after its evidence
    reopened: list[Item] = field(default_factory=list)  # what it needs and is not done any more
    attempts: int = 0  # how many there were, also under definitions that were amended since

    @cached_property
    def direction(self) -> str:
        """Whether it belongs to the way forward or to the rollback; asked of each item many times."""
        return self.item.phase.direction

    @property
    def settled(self) -> bool:
        """Is it done, skipped or not needed, so that it blocks no other item?"""
        return self.state in SETTLED

    @property
    def is_warned(self) -> bool:
        """Is it done, and yet something about it is not as wanted?"""
        return bool(self.warnings or self.reopened)

    @property
    def stale(self) -> bool:
        """Is its evidence older than the runbook asks for?"""
        return self.item.fresh_for is not None and self.age is not None and self.age > self.item.fresh_for

    @property
    def actual(self) -> timedelta | None:
        """How long its latest attempt took."""
        return self.attempt.took if self.attempt else None

    @property
    def what_is_missing(self) -> str:
        """Why an item that needs this one cannot begin yet, as a sentence."""
        name = f"{self.item.number} {self.item.title}"
        if self.request:
            return f"{name} is ticked, and waits for a second person who confirms it."
        match self.state:
            case ItemState.RUNNING | ItemState.QUEUED:
                return f"{name} is still under way."
            case ItemState.FAILED:
                return f"{name} ended badly: {self.attempt.summary if self.attempt else ''}".rstrip(": ")
            case ItemState.CONTRADICTED:
                return f"{name} no longer holds. {self.later}"
            case ItemState.UNKNOWN:
                return f"We do not know whether {name} happened. Probe it first."
            case ItemState.UNDONE:
                return f"{name} was taken back."
            case ItemState.NO_GO:
                return f"{name}: somebody said no-go."
        if self.gate:
            return f"{name} has {self.gate.given} of {self.gate.needed} signatures."
        return f"{name} is not done yet."


@dataclass(frozen=True)
class PhaseView:
    """A phase with its items."""

    phase: Phase
    items: list[ItemView]

    @cached_property
    def done(self) -> int:
        """How many items are settled."""
        return sum(view.settled for view in self.items)

    @property
    def total(self) -> int:
        """How many items there are."""
        return len(self.items)


ItemViews = Mapping[str, ItemView]


def find_reopened(view: ItemView, items: ItemViews) -> list[Item]:
    """What a done item needs and is to be done again, such as a tick that was taken back since.

    Not what was taken back by the item that undoes it, as a freeze is lifted in the end.
    """
    if view.state != ItemState.DONE:
        return []
    needs = [items[key] for key in view.item.needs if key in items]
    return [need.item for need in needs if need.state in (ItemState.READY, ItemState.BLOCKED)]
