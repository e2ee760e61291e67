"""Every status there is, and the table of legal moves."""

from __future__ import annotations

from django.db import models


class Kind(models.TextChoices):
    """Is it practice, or the night itself?"""

    REHEARSAL = "REHEARSAL", "Rehearsal"
    PRODUCTION = "PRODUCTION", "Production"


class Direction(models.TextChoices):
    """Which way a cutover goes now; ordering a rollback turns it round for good."""

    FORWARD = "FORWARD", "Forward"
    ROLLBACK = "ROLLBACK", "Rollback"


class CutoverStatus(models.TextChoices):
    """Where one going-through of a runbook stands."""

    OPEN = "OPEN", "Open"
    COMPLETED = "COMPLETED", "Completed"
    ROLLED_BACK = "ROLLED_BACK", "Rolled back"
    ABANDONED = "ABANDONED", "Abandoned"


class ItemKind(models.TextChoices):
    """Who does it: a person ticks, a machine acts, people decide."""

    MANUAL = "manual", "Manual"
    ACTION = "action", "Action"
    GATE = "gate", "Gate"


class AttemptStatus(models.TextChoices):
    """Where one try of an action stands.

    QUEUED → CLAIMED → RUNNING → SUCCEEDED | FAILED | ERRORED | TIMED_OUT | CANCELLED.
    A lease lost before the effect began → QUEUED again; lost after it → UNKNOWN → RECONCILED.
    """

    QUEUED = "QUEUED", "Queued"
    CLAIMED = "CLAIMED", "Claimed"
    RUNNING = "RUNNING", "Running"
    SUCCEEDED = "SUCCEEDED", "Succeeded"
    FAILED = "FAILED", "Failed"  # a verdict: it ran to its end and the answer is no
    ERRORED = "ERRORED", "Errored"  # it could not do its work
    TIMED_OUT = "TIMED_OUT", "Timed out"
    CANCELLED = "CANCELLED", "Cancelled"
    UNKNOWN = "UNKNOWN", "Unknown"  # the executor was lost after the effect began
    RECONCILED = "RECONCILED", "Reconciled"


A = AttemptStatus

#: from → to, and nothing else; a trigger in the database holds the same table.
MOVES: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    A.QUEUED: frozenset({A.CLAIMED, A.CANCELLED}),
    A.CLAIMED: frozenset({A.RUNNING, A.QUEUED, A.CANCELLED, A.ERRORED}),
    A.RUNNING: frozenset({A.SUCCEEDED, A.FAILED, A.ERRORED, A.TIMED_OUT, A.CANCELLED, A.UNKNOWN}),
    A.UNKNOWN: frozenset({A.RECONCILED}),
    A.SUCCEEDED: frozenset(),
    A.FAILED: frozenset(),
    A.ERRORED: frozenset(),
    A.TIMED_OUT: frozenset(),
    A.CANCELLED: frozenset(),
    A.RECONCILED: frozenset(),
}

#: An item has at most one attempt in these.
LIVE = frozenset({A.QUEUED, A.CLAIMED, A.RUNNING, A.UNKNOWN})
#: A resource is held by at most one attempt in these.
HOLDING = frozenset({A.CLAIMED, A.RUNNING, A.UNKNOWN})
#: An executor owns the attempt and keeps its lease.
LEASED = frozenset({A.CLAIMED, A.RUNNING})


class Reconciliation(models.TextChoices):
    """What a person (or, for harmless actions, the machine) found an UNKNOWN attempt to have done."""

    DONE = "DONE", "It was done"
    NOT_DONE = "NOT_DONE", "It was not done"
    PARTIAL = "PARTIAL", "It was done in part"


class Decision(models.TextChoices):
    """What one person says in one seat of a gate."""

    GO = "GO", "Go"
    NO_GO = "NO_GO", "No-go"


class Part(models.TextChoices):
    """What a person is in a cutover."""

    LEAD = "LEAD", "Migration lead"
    APPROVER = "APPROVER", "Approver"
    STAKEHOLDER = "STAKEHOLDER", "Stakeholder"


class ItemState(models.TextChoices):
    """How an item stands, worked out from its tick, its attempts and its sign-offs; never stored."""

    BLOCKED = "BLOCKED", "Waiting for others"
    READY = "READY", "Ready"
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    UNKNOWN = "UNKNOWN", "Unknown"
    SKIPPED = "SKIPPED", "Skipped"
    UNDONE = "UNDONE", "Taken back"  # done once, and its undo came after
    NO_GO = "NO_GO", "No-go"
    NOT_NEEDED = "NOT_NEEDED", "Not needed"  # on the way back: what it would take back never happened


#: Items in these no longer stand in the way of those that need them.
SETTLED = frozenset({ItemState.DONE, ItemState.SKIPPED, ItemState.NOT_NEEDED})
