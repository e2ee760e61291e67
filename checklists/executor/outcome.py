"""From what is known of how an attempt came to its end to its status: the only place that decides that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from checklists.gates.words import duration
from checklists.models import Attempt
from checklists.states import AttemptStatus
from integrations.actions.base import Effect, Seen


class Why(Enum):
    """Why a guard stopped its action."""

    CANCEL = "cancel"  # a person, a rollback or a stopping panel asked for it
    DEADLINE = "deadline"
    REFUSED = "refused"  # the effect was not allowed to begin
    CUT_OFF = "cut off"  # the panel's database was away longer than a lease may last


@dataclass(frozen=True)
class Stop:
    """Why, and in words for a person."""

    why: Why
    words: str


@dataclass
class Known:
    """All that a guard knows when everything of its attempt is dead.

    ``outcome`` and ``problem`` are the action's own words, ``began`` whether its effect was
    permitted, ``code`` how its process left, ``alive`` what could not be killed.
    """

    began: bool = False
    outcome: dict[str, Any] | None = None
    problem: dict[str, str] | None = None
    stop: Stop | None = None
    code: int | None = None
    alive: list[int] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ending:
    """A status and the words that go with it."""

    status: AttemptStatus
    summary: str
    problem: dict[str, str] = field(default_factory=dict)
    unknown_reason: str = ""


def needs_a_look(known: Known, effect: str) -> bool:
    """Does only a probe tell what the effect came to? A cancel must not claim that nothing remains,
    and nobody may be invited to repeat what may run once."""
    if not known.began or known.outcome or effect == Effect.PURE:
        return False
    cancelled = known.stop is not None and known.stop.why == Why.CANCEL
    return effect == Effect.AT_MOST_ONCE or (cancelled and known.problem is None)


def ending_of(known: Known, attempt: Attempt, finding: dict[str, Any] | None) -> Ending:
    """The ending. ``finding`` is the probe's answer where `needs_a_look` asked for one."""
    if known.began and known.alive:
        return _unknown(f"Processes {known.alive} of it could not be killed.")
    if known.began and known.outcome:
        status = AttemptStatus.SUCCEEDED if known.outcome["ok"] else AttemptStatus.FAILED
        return Ending(status, known.outcome["summary"])
    plain = _plain(known, attempt)
    if not needs_a_look(known, attempt.effect):
        return plain
    saw = (finding or {}).get("saw") or "The probe gave no answer."
    if (finding or {}).get("seen") == Seen.NOT_DONE:
        return replace(plain, summary=f"{plain.summary} {saw}")
    return _unknown(f"{plain.summary} What it had begun may be there. {saw}")


def _plain(known: Known, attempt: Attempt) -> Ending:
    """The ending as it would be if nothing of the effect remained."""
    stop = known.stop
    if known.problem is None and stop is not None:
        if stop.why in (Why.CANCEL, Why.REFUSED):
            return Ending(AttemptStatus.CANCELLED, stop.words)
        if stop.why == Why.DEADLINE and known.began:
            return Ending(AttemptStatus.TIMED_OUT, stop.words)
    problem = known.problem or _died(known, attempt)
    return Ending(AttemptStatus.ERRORED, problem["what"], problem=problem)


def _died(known: Known, attempt: Attempt) -> dict[str, str]:
    if known.stop is not None and known.stop.why == Why.DEADLINE:
        return {
            "what": f"Preparing it took longer than its deadline of {duration(attempt.deadline)}.",
            "means": "Its effect had not begun; nothing was done.",
            "next": "Check that the systems it looks at answer, then start it again.",
        }
    if known.stop is not None:
        return {"what": known.stop.words, "means": _remains(known), "next": "Start it again."}
    how = f"by signal {-known.code}" if known.code and known.code < 0 else f"with exit code {known.code}"
    return {
        "what": f"Its process ended {how}, without a word.",
        "means": f"Somebody killed it, or the host ran out of memory. {_remains(known)}",
        "next": "Read the log's last lines and the host's own log, then start it again.",
    }


def _remains(known: Known) -> str:
    return "Part of its effect may be there." if known.began else "Its effect had not begun."


def _unknown(why: str) -> Ending:
    summary = "We do not know what it did. Look at it, then decide."
    return Ending(AttemptStatus.UNKNOWN, summary, unknown_reason=why)
