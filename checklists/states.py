"""Every status, and the table of legal transitions."""

from __future__ import annotations

from django.db import models


class CutoverKind(models.TextChoices):
    """Is the cutover a rehearsal or the production cutover?"""

    REHEARSAL = "REHEARSAL", "Rehearsal"
    PRODUCTION = "PRODUCTION", "Production"


class Direction(models.TextChoices):
    """The direction of a cutover. Ordering a rollback changes it for good."""

    FORWARD = "FORWARD", "Forward"
    ROLLBACK = "ROLLBACK", "Rollback"


class CutoverStatus(models.TextChoices):
    """The status of a cutover."""

    OPEN = "OPEN", "Open"
    COMPLETED = "COMPLETED", "Completed"
    ROLLED_BACK = "ROLLED_BACK", "Rolled back"
    ABANDONED = "ABANDONED", "Abandoned"


class ItemKind(models.TextChoices):
    """Who does an item: a person ticks it, a worker runs it, or people decide."""

    MANUAL = "manual", "Manual"
    ACTION = "action", "Action"
    GATE = "gate", "Gate"


class Requirement(models.TextChoices):
    """What a manual item asks of the person who ticks it."""

    NOTE = "note", "a note"
    FILE = "file", "a file"
    SECOND_PERSON = "second_person", "a second person who confirms it"


class AttemptStatus(models.TextChoices):
    """The status of an attempt.

    QUEUED → CLAIMED → RUNNING → SUCCEEDED | FAILED | ERRORED | TIMED_OUT | CANCELLED.
    A lease that is lost before the effect began: QUEUED again; after that: UNKNOWN → RECONCILED.
    """

    QUEUED = "QUEUED", "Queued"
    CLAIMED = "CLAIMED", "Claimed"
    RUNNING = "RUNNING", "Running"
    SUCCEEDED = "SUCCEEDED", "Succeeded"
    FAILED = "FAILED", "Failed"  # it ran to its end, and its verdict is no
    ERRORED = "ERRORED", "Errored"  # it could not do its work
    TIMED_OUT = "TIMED_OUT", "Timed out"
    CANCELLED = "CANCELLED", "Cancelled"
    UNKNOWN = "UNKNOWN", "Unknown"  # the executor was lost after the effect began
    RECONCILED = "RECONCILED", "Reconciled"


A = AttemptStatus

#: From each status to those that may follow. A trigger in the database is made from this table.
TRANSITIONS: dict[AttemptStatus, frozenset[AttemptStatus]] = {
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

#: Nothing follows these.
ENDED = frozenset(status for status, targets in TRANSITIONS.items() if not targets)
#: An item has at most one attempt in one of these.
LIVE = frozenset({A.QUEUED, A.CLAIMED, A.RUNNING, A.UNKNOWN})
#: A resource is held by at most one attempt in one of these.
HOLDING = frozenset({A.CLAIMED, A.RUNNING, A.UNKNOWN})
#: An executor owns the attempt and renews its lease.
LEASED = frozenset({A.CLAIMED, A.RUNNING})
#: The effect has begun for certain. A constraint of the database is made from this list, in this order.
EFFECT_BEGUN = [A.RUNNING, A.SUCCEEDED, A.FAILED, A.TIMED_OUT, A.UNKNOWN]


class Reconciliation(models.TextChoices):
    """What an UNKNOWN attempt did, as a person decided or, for harmless actions, a probe found."""

    DONE = "DONE", "It was done"
    NOT_DONE = "NOT_DONE", "It was not done"
    PARTIAL = "PARTIAL", "It was done in part"


class Decision(models.TextChoices):
    """The decision of one person in one seat of a gate."""

    GO = "GO", "Go"
    NO_GO = "NO_GO", "No-go"


class NoGoEnding(models.TextChoices):
    """How a no-go ended; nothing else ends it."""

    WITHDRAWN = "WITHDRAWN", "Withdrawn"  # by the person who gave it
    ANSWERED = "ANSWERED", "Answered"  # in writing, by the holder of another seat


class ChangeKind(models.TextChoices):
    """What a person may request and a second person confirms."""

    AMENDMENT = "amendment", "Amend the runbook"
    TICK = "tick", "Confirm a manual item"
    RUNBOOK = "runbook", "Confirm the runbook for production"
    WINDOW = "window", "Move the window"
    EARLY_START = "early_start", "Start before the window"
    MEMBER = "member", "Change people and seats"
    HOST_DEAD = "host_dead", "Declare a host dead"


class ChangeDecision(models.TextChoices):
    """How a requested change ended."""

    CONFIRMED = "CONFIRMED", "Confirmed"
    DECLINED = "DECLINED", "Declined"
    WITHDRAWN = "WITHDRAWN", "Withdrawn"


class MemberPart(models.TextChoices):
    """The part of a person in a cutover: who may act, who may sign, who only reads."""

    LEAD = "LEAD", "Migration lead"
    APPROVER = "APPROVER", "Approver"
    STAKEHOLDER = "STAKEHOLDER", "Stakeholder"


class ItemState(models.TextChoices):
    """The state of an item, computed from its tick, attempts and sign-offs; never stored."""

    BLOCKED = "BLOCKED", "Waiting for others"
    READY = "READY", "Ready"
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    CONTRADICTED = "CONTRADICTED", "Contradicted"  # it was done, and a later observation says otherwise
    UNKNOWN = "UNKNOWN", "Unknown"
    SKIPPED = "SKIPPED", "Skipped"
    UNDONE = "UNDONE", "Taken back"  # it was done, and its undo succeeded later
    NO_GO = "NO_GO", "No-go"
    NOT_NEEDED = "NOT_NEEDED", "Not needed"  # in a rollback: what it would revert never happened


#: An item in one of these no longer blocks those that need it.
SETTLED = frozenset({ItemState.DONE, ItemState.SKIPPED, ItemState.NOT_NEEDED})


class PreflightStatus(models.TextChoices):
    """The status of a run of the preflight. Only a DONE run has results."""

    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"  # it did not get to its end, and its process said why
    LOST = "LOST", "Lost"  # its worker fell silent


#: A cutover has at most one run in one of these.
LIVE_PREFLIGHTS = frozenset({PreflightStatus.QUEUED, PreflightStatus.RUNNING})


class PreviewStatus(models.TextChoices):
    """The status of a preview. Only a DONE one says what a start would do."""

    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"  # it is known why there is no answer
    LOST = "LOST", "Lost"  # no worker brought one


#: An item has at most one preview in one of these.
LIVE_PREVIEWS = frozenset({PreviewStatus.QUEUED, PreviewStatus.RUNNING})


class PreflightSource(models.TextChoices):
    """Who asked for a run of the preflight."""

    PERSON = "PERSON", "a person"
    SCHEDULE = "SCHEDULE", "the schedule"
    COMMAND = "COMMAND", "a command"
    ITEM = "ITEM", "an item"


class PreflightVerdict(models.TextChoices):
    """The colour of one result; the values are those of `integrations.preflight.Verdict`."""

    RED = "red", "Red"
    UNKNOWN = "unknown", "Unknown"
    AMBER = "amber", "Amber"
    GREEN = "green", "Green"
