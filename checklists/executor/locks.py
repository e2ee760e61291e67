"""The first lock of every transaction that ends in the record, and trying again after a deadlock."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected, SerializationFailure

P = ParamSpec("P")
R = TypeVar("R")


def share_cutover(cutover_id: int) -> None:
    """Shares the cutover's row. The order everywhere is cutover → attempt → audit head: the record's
    foreign key would take this lock last, which deadlocks with a rollback."""
    with connection.cursor() as cursor:  # Django knows no FOR SHARE
        cursor.execute("SELECT 1 FROM checklists_cutover WHERE id = %s FOR SHARE", [cutover_id])


def share_item(cutover_id: int, item_id: int) -> None:
    """Shares the cutover's and then the item's row, which evidence refers to. Services lock the item
    before its attempt: whoever writes evidence has to keep that order."""
    share_cutover(cutover_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM checklists_item WHERE id = %s FOR KEY SHARE", [item_id])


def again_after_deadlock(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a whole transaction up to three times when PostgreSQL chose it as the victim of a conflict."""

    @wraps(function)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempts_left in (2, 1, 0):
            try:
                return function(*args, **kwargs)
            except OperationalError as error:
                conflict = (DeadlockDetected, SerializationFailure)
                if not attempts_left or not isinstance(error.__cause__, conflict):
                    raise
        raise AssertionError("unreachable")

    return tried
