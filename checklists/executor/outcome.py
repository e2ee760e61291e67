"""Decides the final status of an attempt from what its guard knows. No other module decides that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from checklists.durations import format_duration
from checklists.models import Attempt
from checklists.states import AttemptStatus
from integrations.actions import Effect, ProbeStatus

UNKNOWN_SUMMARY = "We do not know what it did. Probe it, then decide."


class StopReason(Enum):
    """Why a guard stopped its action."""

    CANCELLED = "cancelled"  # by a person, by a rollback, or because the panel stops
    DEADLINE = "deadline"
    REFUSED = "refused"  # the effect was not allowed to begin
    LEASE_EXPIRING = "lease expiring"  # the panel's database was away nearly as long as a lease lasts


@dataclass(frozen=True)
class Stop:
    """The reason, and a sentence for a person."""

    reason: StopReason
    sentence: str


@dataclass
class ExecutionFacts:
    """All that a guard knows of an attempt once every process of it is dead."""

    began: bool = False  # the beginning of the effect was committed
    outcome: dict[str, Any] | None = None  # {"ok", "summary"} as the action returned it
    problem: dict[str, str] | None = None  # {"what", "means", "next"}
    stop: Stop | None = None
    exit_code: int | None = None  # negative for a signal
    survivors: list[int] = field(default_factory=list)  # pids that could not be killed
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AttemptOutcome:
    """A final status (or UNKNOWN) and the sentences that go with it."""

    status: AttemptStatus
    summary: str
    problem: dict[str, str] = field(default_factory=dict)
    unknown_reason: str = ""


def needs_probe(facts: ExecutionFacts, effect: str) -> bool:
    """Can only a probe tell what the effect came to?

    A cancelled attempt must not claim that nothing remains of it, and nobody may be invited to repeat
    an action that may run at most once.
    """
    if not facts.began or facts.outcome or effect == Effect.PURE:
        return False
    cancelled = facts.stop is not None and facts.stop.reason == StopReason.CANCELLED
    return effect == Effect.AT_MOST_ONCE or (cancelled and facts.problem is None)


def decide_outcome(facts: ExecutionFacts, attempt: Attempt, finding: dict[str, Any] | None) -> AttemptOutcome:
    """The outcome. ``finding`` is the probe's answer where `needs_probe` asked for one."""
    if facts.began and facts.survivors:
        return _unknown(f"Processes {facts.survivors} of it could not be killed.")
    if facts.began and facts.outcome:
        status = AttemptStatus.SUCCEEDED if facts.outcome["ok"] else AttemptStatus.FAILED
        return AttemptOutcome(status, facts.outcome["summary"])
    clean = _outcome_if_nothing_remains(facts, attempt)
    if not needs_probe(facts, attempt.effect):
        return clean
    saw = (finding or {}).get("saw") or "The probe gave no answer."
    if (finding or {}).get("seen") == ProbeStatus.NOT_DONE:
        return replace(clean, summary=f"{clean.summary} {saw}")
    return _unknown(f"{clean.summary} What it had begun may be there. {saw}")


def _outcome_if_nothing_remains(facts: ExecutionFacts, attempt: Attempt) -> AttemptOutcome:
    stop = facts.stop
    if facts.problem is None and stop is not None:
        if stop.reason in (StopReason.CANCELLED, StopReason.REFUSED):
            return AttemptOutcome(AttemptStatus.CANCELLED, stop.sentence)
        if stop.reason == StopReason.DEADLINE and facts.began:
            return AttemptOutcome(AttemptStatus.TIMED_OUT, stop.sentence)
    problem = facts.problem or _problem_of_ended_process(facts, attempt)
    return AttemptOutcome(AttemptStatus.ERRORED, problem["what"], problem=problem)


def _problem_of_ended_process(facts: ExecutionFacts, attempt: Attempt) -> dict[str, str]:
    """The problem of an action whose process ended without reporting one."""
    if facts.stop is not None and facts.stop.reason == StopReason.DEADLINE:
        return {
            "what": f"Preparing it took longer than its deadline of {format_duration(attempt.deadline)}.",
            "means": "Its effect had not begun; nothing was done.",
            "next": "Check that the systems it reads answer, then start it again.",
        }
    if facts.stop is not None:
        return {"what": facts.stop.sentence, "means": _what_may_remain(facts), "next": "Start it again."}
    code = facts.exit_code
    how = f"by signal {-code}" if code and code < 0 else f"with exit code {code}"
    return {
        "what": f"Its process ended {how}, without reporting why.",
        "means": f"Somebody killed it, or the host ran out of memory. {_what_may_remain(facts)}",
        "next": "Read the log's last lines and the host's own log, then start it again.",
    }


def _what_may_remain(facts: ExecutionFacts) -> str:
    return "Part of its effect may be there." if facts.began else "Its effect had not begun."


def _unknown(reason: str) -> AttemptOutcome:
    return AttemptOutcome(AttemptStatus.UNKNOWN, UNKNOWN_SUMMARY, unknown_reason=reason)
