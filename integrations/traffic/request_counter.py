"""What a stack has served, by its own counter: whether it was quiet for a time that was agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.clients.http import Caller
from integrations.errors import Problem, Unreachable
from integrations.systems import System


@dataclass(frozen=True)
class Count:
    """A counter at one moment: requests in all, when the last came, since when it counts (where it tells)."""

    total: int
    last_at: datetime | None
    since: datetime | None
    read_at: datetime

    @property
    def known_quiet_from(self) -> datetime | None:
        """From when on nothing came, as far as the counter goes back; None when it does not tell."""
        return self.last_at or (self.since if self.total == 0 else None)

    def as_facts(self) -> dict[str, Any]:
        """JSON."""
        moments = {"last_at": self.last_at, "since": self.since, "read_at": self.read_at}
        return {"total": self.total, **{name: at and at.isoformat() for name, at in moments.items()}}


def count(caller: Caller, stack: System) -> Count:
    """The counter now. Raises `Problem` when it cannot be read: then it is not known what was served."""
    try:
        reply = caller.ask(stack["url"], stack["requests"], timeout=5)
        if not reply.ok:
            raise _unreadable(stack, f"it answers {reply.status}")
        found = reply.json()
        total = int(found["total"])
        last, since = _moment(found.get("last_at")), _moment(found.get("since"))
    except Unreachable as silence:
        raise Problem(
            f"The request counter of “{stack.name}” does not answer: {silence.what}",
            means="Whether it served anything in the agreed time cannot be told. Nothing was archived.",
            next="Let it run read-only until this is done; one that was stopped is archived by hand.",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _unreadable(stack, "its answer is not {“total”, “last_at”}") from None
    if total and last is None:
        raise _unreadable(stack, "it served requests and does not say when the last came")
    return Count(total, last, since, datetime.now(UTC))


def _moment(text: Any) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(str(text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _unreadable(stack: System, why: str) -> Problem:
    return Problem(
        f"The request counter of “{stack.name}” cannot be read: {why}.",
        means="Whether it served anything in the agreed time cannot be told. Nothing was archived.",
        next="Check requests: of the system; it answers {“total”: 7, “last_at”: “2026-01-31T03:00:00Z”}.",
    )
