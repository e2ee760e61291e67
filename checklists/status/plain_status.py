"""Read-only queries: what people who have never seen the runbook are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checklists.board import Board, ItemView, PhaseView
from checklists.states import AttemptStatus, CutoverStatus, Direction, ItemState
from checklists.status.headline import current_phase

#: The checks of these items say whether a service works.
HEALTH_CHECK = "http.smoke"
ENDED_CHECK = (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)


@dataclass(frozen=True)
class ServiceHealth:
    """What is known of the service, in words for everybody; ``ok`` is None when nothing is known."""

    words: str
    ok: bool | None
    at: datetime | None = None


def service_health(board: Board) -> ServiceHealth:
    """Does the service work that people use, or will use? Only what this cutover did or observed."""
    if board.cutover.direction == Direction.ROLLBACK:
        return _health_of_old_service(board)
    checks = _ended_checks(board, Direction.FORWARD)
    if not checks:
        return ServiceHealth("Nobody has checked the new service in this cutover yet.", None)
    latest = max(checks, key=lambda check: check.at or board.now)
    if latest.ok:
        return ServiceHealth("When it was last checked, the new service answered.", True, latest.at)
    return ServiceHealth(
        "When it was last checked, the new service did not answer as it should.", False, latest.at
    )


def _ended_checks(board: Board, direction: Direction) -> list[ServiceHealth]:
    attempts = [
        view.attempt
        for view in board.items.values()
        if view.item.action == HEALTH_CHECK and view.item.phase.direction == direction and view.attempt
    ]
    ended = [attempt for attempt in attempts if attempt.ended_at and attempt.status in ENDED_CHECK]
    return [ServiceHealth("", attempt.succeeded, attempt.ended_at) for attempt in ended]


#: What is said once the rollback's items of an action are done, that which comes last in the night first.
STEPS_BACK: tuple[tuple[str, str, bool | None], ...] = (
    ("freeze.off", "The old service accepts changes again.", True),
    ("service.start", "The old service runs again. Nobody can change anything in it yet.", None),
    ("rollback.restore", "The data from before are back.", None),
    ("service.stop", "The new service is stopped.", None),
)


def _health_of_old_service(board: Board) -> ServiceHealth:
    """While we go back, people wait for the old service: how far the rollback has brought it."""
    reached = next((step for action in STEPS_BACK if (step := _step_back(board, *action))), None)
    checks = _ended_checks(board, Direction.ROLLBACK)
    latest = max(checks, key=lambda check: check.at or board.now, default=None)
    if latest and not latest.ok and (reached is None or _is_later(latest, reached)):
        words = "When it was last checked, the old service did not answer as it should."
        return ServiceHealth(words, False, latest.at)
    if reached is None:
        return ServiceHealth("Nothing of the way back is known to be done yet.", None)
    if any(
        not view.settled for view in _items_back(board, "service.start")
    ):  # not where it was never stopped
        return ServiceHealth(f"{reached.words} The old service is still to be started.", False, reached.at)
    return reached


def _is_later(check: ServiceHealth, step: ServiceHealth) -> bool:
    return check.at is not None and step.at is not None and check.at > step.at


def _step_back(board: Board, action: str, words: str, ok: bool | None) -> ServiceHealth | None:
    views = _items_back(board, action)
    done = [view.settled_at for view in views if view.state == ItemState.DONE and view.settled_at]
    return ServiceHealth(words, ok, max(done)) if done and all(view.settled for view in views) else None


def _items_back(board: Board, action: str) -> list[ItemView]:
    views = board.items.values()
    return [v for v in views if v.item.phase.direction == Direction.ROLLBACK and v.item.action == action]


def frozen_since(board: Board) -> datetime | None:
    """Since when the old service is read-only; None while it accepts writes."""
    frozen = max(_times_done(board, "freeze.on"), default=None)
    lifted = max(_times_done(board, "freeze.off"), default=None)
    return frozen if frozen and (lifted is None or lifted <= frozen) else None


def _times_done(board: Board, action: str) -> list[datetime]:
    views = [v for v in board.items.values() if v.item.action == action and v.state == ItemState.DONE]
    return [v.settled_at for v in views if v.settled_at]


PLAIN_CLOSED = {
    CutoverStatus.COMPLETED: "It is done: everyone is on the new service.",
    CutoverStatus.ROLLED_BACK: "We went back: everyone is on the old service, as before.",
    CutoverStatus.ABANDONED: "This was stopped, and nothing more happens here.",
}


def plain_status(board: Board) -> str:
    """Where the cutover stands, for people who have never seen the runbook."""
    if not board.cutover.is_open:
        return PLAIN_CLOSED[CutoverStatus(board.cutover.status)]
    if board.cutover.direction == Direction.ROLLBACK:
        if current_phase(board) is None:
            return "We went back to the old service. The team is about to close the night."
        return "We are going back to the old service."
    if board.unknown or board.failed:
        return "Something did not go as planned. The team is working on it."
    phase = current_phase(board)
    if phase is None:
        return "Everything is done. The team is about to close the night."
    where = f"We are in part {phase.phase.number}: {phase.phase.title}."
    if board.running:
        return f"{where} Work is under way."
    return f"{where} People are deciding whether to go on." if board.open_gates else where


@dataclass(frozen=True)
class PhaseProgress:
    """A phase as the status page lists it; ``state``: “done”, “now”, “later” or “left out”."""

    phase: PhaseView
    state: str


def phase_progress(board: Board, phases: list[PhaseView]) -> list[PhaseProgress]:
    """How far each phase came. What nobody will do any more is left out, never “later”."""
    now = current_phase(board) if board.cutover.is_open else None
    return [PhaseProgress(phase, _progress_of(phase, now, board)) for phase in phases]


def _progress_of(phase: PhaseView, now: PhaseView | None, board: Board) -> str:
    if phase.done == phase.total:
        return "done"
    if now is not None and phase.phase == now.phase:
        return "now"
    goes_on = board.cutover.is_open and phase.phase.direction == board.cutover.direction
    return "later" if goes_on else "left out"
