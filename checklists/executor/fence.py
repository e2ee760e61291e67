"""The condition under which an executor may write to its attempt, as SQL built from the table of statuses."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from checklists.states import LEASED, AttemptStatus


class Fenced(Exception):
    """The attempt belongs to another executor by now, or has ended: nothing more may be written to it."""


def status_in(statuses: Iterable[StrEnum]) -> str:
    """The SQL condition for an attempt, or a run of the preflight, that has one of these statuses."""
    names = ", ".join(f"'{status.value}'" for status in sorted(statuses))
    return f"status IN ({names})"


def held_in(statuses: Iterable[StrEnum]) -> str:
    """The SQL condition for an attempt or a run: ``%(id)s`` under the fence ``%(fence)s`` in one of these.

    A claim takes a higher fence number, so a statement of an older executor matches no row.
    """
    return f"id = %(id)s AND fence = %(fence)s AND {status_in(statuses)}"


#: An executor holds the row, whoever it is.
IS_LEASED = status_in(LEASED)
#: The attempt is still ours.
IS_OURS = held_in(LEASED)
#: The attempt is still ours and its effect has begun.
IS_OURS_AND_RUNNING = held_in([AttemptStatus.RUNNING])
