"""Querysets whose SQL is built once in a process.

Django builds the SQL of a queryset anew each time. For the queries of a page that takes several times as long
as PostgreSQL needs to answer them. Here it is built once for each query, with a stand-in for the cutover.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import QuerySet

T = TypeVar("T")
STAND_IN = 4_611_686_018_427_387_847  # the id of no cutover; a prime, so that no other parameter has it


class _Compiled:
    """One queryset with its SQL. Nothing here is changed by a run, so threads may share it."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self.queryset = queryset
        self.compiler = queryset.query.get_compiler(queryset.db)
        self.sql, self.params = self.compiler.as_sql()
        assert any(one == STAND_IN for one in self.params), "the query does not depend on the cutover"

    def run(self, cutover: int) -> list[Any]:
        """The rows for this cutover."""
        # The type is kept: the backend gives numbers in types that psycopg sends as the column's.
        params = tuple(type(one)(cutover) if one == STAND_IN else one for one in self.params)
        compiler = copy.copy(self.compiler)
        compiler.connection = connections[self.queryset.db]  # of this thread
        compiler.as_sql = lambda *_, **__: (self.sql, params)
        rows = self.queryset.all()
        rows.query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]  # of this copy alone
        return list(rows)


class CompiledQuery(Generic[T]):
    """A function that makes a queryset from the id of a cutover; called, it gives the list of its rows.

    Further arguments select a variant with SQL of its own. The function may depend on nothing else: not on
    the time, not on rows that it reads.
    """

    def __init__(self, make: Callable[..., QuerySet[Any, T]]) -> None:
        self.make = make
        self.__doc__ = make.__doc__
        self._compiled: dict[tuple[Hashable, ...], _Compiled] = {}

    def __call__(self, cutover: int, *variant: Hashable) -> list[T]:
        """Its rows."""
        if variant not in self._compiled:
            self._compiled[variant] = _Compiled(self.make(STAND_IN, *variant))
        return self._compiled[variant].run(cutover)


def compiled_query(make: Callable[..., QuerySet[Any, T]]) -> CompiledQuery[T]:
    """Decorates the function that makes the queryset."""
    return CompiledQuery(make)
