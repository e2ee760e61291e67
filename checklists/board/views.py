"""The shapes of the answers: plain data that pages show and services decide on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.auth.models import User

from checklists.models import Attempt, Evidence, GatePass, Item, Phase, SignOff
from checklists.states import SETTLED, ItemState

if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Blocker:
    """One reason why something may not happen yet: a sentence, and the item to go to."""

    what: str
    item: Item | None = None


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

    @property
    def stale(self) -> bool:
        """Is it older than the gate accepts?"""
        return self.fresh_for is not None and self.age is not None and self.age > self.fresh_for

    @property
    def facts(self) -> dict[str, Any]:
        """What the attempt left, for opening the line down to its evidence."""
        return self.evidence.facts if self.evidence else {}

    def as_signed(self) -> dict[str, Any]:
        """What a signature is bound to; ageing is not part of it, a new attempt or outcome is."""
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
        }


@dataclass(frozen=True)
class SeatView:
    """One seat of a gate: who may fill it, who has."""

    seat: str
    title: str
    sign_off: SignOff | None
    people: list[User]


@dataclass(frozen=True)
class Voided:
    """A sign-off that no longer counts, and the fact that did it."""

    sign_off: SignOff
    why: str


@dataclass(frozen=True)
class GateView:
    """How a gate stands on the evidence there is now."""

    facts: list[Fact]
    digest: str
    seats: list[SeatView]
    needed: int
    given: int
    voided: list[Voided]
    passed: GatePass | None
    no_go: SignOff | None
    blockers: list[Blocker]

    @property
    def attempts(self) -> list[UUID]:
        """The attempts whose starters may not sign."""
        return [fact.attempt.pk for fact in self.facts if fact.attempt]

    @property
    def signed(self) -> list[dict[str, Any]]:
        """The facts in the form that a signature keeps."""
        return [fact.as_signed() for fact in self.facts]


@dataclass
class ItemView:
    """An item and how it stands; ``attempt`` is its latest, ``evidence`` that of its latest success."""

    item: Item
    state: ItemState
    attempt: Attempt | None = None
    evidence: Evidence | None = None
    age: timedelta | None = None
    blockers: list[Blocker] = field(default_factory=list)
    gate: GateView | None = None
    settled_at: datetime | None = None
    why_not_needed: str = ""

    @property
    def attempts(self) -> int:
        """How often it was tried; attempts are numbered without gaps."""
        return self.attempt.number if self.attempt else 0

    @property
    def settled(self) -> bool:
        """Does it no longer stand in the way of those that need it?"""
        return self.state in SETTLED

    @property
    def stale(self) -> bool:
        """Is its evidence older than the runbook asks for?"""
        return self.item.fresh_for is not None and self.age is not None and self.age > self.item.fresh_for

    @property
    def actual(self) -> timedelta | None:
        """How long its latest attempt took."""
        return self.attempt.took if self.attempt else None


@dataclass(frozen=True)
class PhaseView:
    """A phase with its items; ``done`` counts those that are settled."""

    phase: Phase
    items: list[ItemView]

    @property
    def done(self) -> int:
        """How many items are done or skipped."""
        return sum(view.settled for view in self.items)

    @property
    def total(self) -> int:
        """How many items there are."""
        return len(self.items)
