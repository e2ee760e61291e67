"""Translates errors between the comparison library and the actions that use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors

from integrations.clients.watched_connection import lock_problem
from integrations.errors import Problem, Unreachable
from integrations.parity.errors import ParityError, ServerUnreachable


@contextmanager
def parity_errors_as_problems() -> Iterator[None]:
    """Raises an error of the library as a `Problem` or `Unreachable` with the same three sentences; of a lock
    that was not free, with who held it."""
    try:
        yield
    except ServerUnreachable as error:
        raise Unreachable(error.what, means=error.means, next=error.next) from error
    except ParityError as error:
        raise Problem(error.what, means=error.means, next=error.next) from error
    except errors.LockNotAvailable as error:
        raise lock_problem("a database that is compared", error) from error


@contextmanager
def unreachable_as_parity_error() -> Iterator[None]:
    """Raises `Unreachable` of a client as the library's own, on which a comparison tries to reconnect."""
    try:
        yield
    except Unreachable as error:
        raise ServerUnreachable(error.what, means=error.means, next=error.next) from error
