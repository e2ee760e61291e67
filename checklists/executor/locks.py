"""The first locks of every transaction that appends to the audit record, and the retry after a deadlock."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected, SerializationFailure

P = ParamSpec("P")
R = TypeVar("R")
TRIES = 3


def lock_cutover_for_share(cutover_id: int) -> None:
    """Locks the cutover's row FOR SHARE.

    The order everywhere is cutover → attempt → audit head. Without this the foreign key of the audit
    entry would take the lock last, which deadlocks with a rollback.
    """
    with connection.cursor() as cursor:  # the ORM has no FOR SHARE
        cursor.execute("SELECT 1 FROM checklists_cutover WHERE id = %s FOR SHARE", [cutover_id])


def lock_item_for_share(cutover_id: int, item_id: int) -> None:
    """Locks the cutover's row and then the item's, to which evidence refers.

    Services lock the item before its attempt, so a transaction that writes evidence keeps that order.
    """
    lock_cutover_for_share(cutover_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM checklists_item WHERE id = %s FOR KEY SHARE", [item_id])


def retry_after_deadlock(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates a whole transaction: up to three tries when PostgreSQL chose it as the victim."""

    @wraps(function)
    def retried(*args: P.args, **kwargs: P.kwargs) -> R:
        for tries_left in reversed(range(TRIES)):
            try:
                return function(*args, **kwargs)
            except OperationalError as error:
                conflict = (DeadlockDetected, SerializationFailure)
                if not tries_left or not isinstance(error.__cause__, conflict):
                    raise
        raise AssertionError("unreachable")

    return retried
