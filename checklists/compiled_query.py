"""Querysets whose SQL is built once in a process.

Django builds the SQL of a queryset anew each time. For the queries of a page that takes several times as long
as PostgreSQL needs to answer them. Here it is built once for each query, with stand-ins for what differs from
one call to the next, such as the id of the cutover.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, overload

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.query import ModelIterable

from checklists.row_reader import ModelRowMaker

T = TypeVar("T")
#: By type of the value, what stands for the first, the second and so on. No other parameter equals them:
#: primes that fit into any column, moments in which nothing happens, texts that nobody writes.
STAND_INS: Mapping[type, Sequence[Any]] = {
    int: (2_147_483_629, 2_147_483_587, 2_147_483_579, 2_147_483_563),
    str: tuple(f"stand-in {number} of a compiled query 7f3b1c" for number in range(4)),
    datetime: tuple(datetime(8999, 3, day, 4, 5, 6, 789, tzinfo=UTC) for day in range(1, 5)),
}


class _Compiled:
    """One queryset with its SQL. Nothing here is changed by a run, so threads may share it."""

    def __init__(self, queryset: QuerySet[Any], stand_ins: Sequence[Any]) -> None:
        self.queryset = queryset
        self.compiler = queryset.query.get_compiler(queryset.db)
        self.sql, params = self.compiler.as_sql()
        self.params = tuple(params)
        # Place of the parameter, number of the value, and the type of the parameter: the backend gives
        # numbers in types that psycopg sends as the column's.
        self.places = [
            (place, number, type(param))
            for place, param in enumerate(self.params)
            for number, stand_in in enumerate(stand_ins)
            if isinstance(param, type(stand_in)) and param == stand_in
        ]
        missing = set(range(len(stand_ins))) - {number for _, number, _ in self.places}
        assert not missing, f"the query does not depend on the values {sorted(missing)}"
        self.converters = self.compiler.get_converters([one[0] for one in self.compiler.select])
        is_of_models = queryset._iterable_class is ModelIterable
        self.reader = ModelRowMaker(queryset, self.compiler) if is_of_models else None

    def run(self, values: Sequence[Any]) -> list[Any]:
        """The rows for these values."""
        params = list(self.params)
        for place, number, kind in self.places:
            params[place] = kind(values[number]) if issubclass(kind, int) else values[number]
        connection = connections[self.queryset.db]  # of this thread
        if self.reader is None:
            return self._run_as_django_does(connection, tuple(params))
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            rows = cursor.fetchall()
        return self.reader.read(rows, connection)

    def _run_as_django_does(self, connection: BaseDatabaseWrapper, params: tuple[Any, ...]) -> list[Any]:
        compiler = copy.copy(self.compiler)
        compiler.connection = connection
        compiler.as_sql = lambda *_, **__: (self.sql, params)
        compiler.get_converters = lambda _: self.converters
        rows = self.queryset.all()
        rows.query.get_compiler = lambda *_, **__: compiler  # type: ignore[method-assign]  # of this copy alone
        return list(rows)


class CompiledQuery(Generic[T]):
    """A function that makes a queryset from values; called, it gives the list of its rows.

    The first ``values`` arguments are numbers, texts or moments that differ from call to call; none of them
    may be None. Further arguments select a variant with SQL of its own. The function may depend on nothing
    else: not on the time, not on rows that it reads.
    """

    def __init__(self, make: Callable[..., QuerySet[Any, T]], values: int) -> None:
        self.make, self.values = make, values
        self.__doc__ = make.__doc__
        self._compiled: dict[tuple[Hashable, ...], _Compiled] = {}

    def __call__(self, *arguments: Any) -> list[T]:
        """Its rows."""
        values, variant = arguments[: self.values], arguments[self.values :]
        if variant not in self._compiled:
            stand_ins = [_stand_in(value, number) for number, value in enumerate(values)]
            self._compiled[variant] = _Compiled(self.make(*stand_ins, *variant), stand_ins)
        return self._compiled[variant].run(values)

    def first(self, *arguments: Any) -> T | None:
        """The first of its rows; None without one."""
        return next(iter(self(*arguments)), None)


def _stand_in(value: Any, number: int) -> Any:
    return next(ones[number] for kind, ones in STAND_INS.items() if isinstance(value, kind))


Make = Callable[..., QuerySet[Any, T]]


@overload
def compiled_query(make: Make[T]) -> CompiledQuery[T]: ...
@overload
def compiled_query(*, values: int) -> Callable[[Make[T]], CompiledQuery[T]]: ...
def compiled_query(make: Make[T] | None = None, *, values: int = 1) -> Any:
    """Decorates the function that makes the queryset of so many values."""
    if make is None:
        return lambda found: CompiledQuery(found, values)
    return CompiledQuery(make, values)
