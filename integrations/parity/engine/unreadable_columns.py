"""Finds columns with values that the server cannot bring into their form: only these have no result then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import psycopg
from psycopg import errors, sql

from integrations.parity.model.plan import ColumnPair, TablePlan
from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.row_hash import SideExpressions
from integrations.parity.sql.row_values import VALUE_SEED

#: Raised because of a value: it does not fit the type of its form, its text would be longer than 1 GB, or a
#: function in an expression refused it. Locks, rights and lost connections concern the table.
VALUE_ERRORS = (
    psycopg.DataError,
    errors.ProgramLimitExceeded,
    errors.OutOfMemory,
    errors.InternalError_,
    errors.RaiseException,
)


def leave_out_unreadable(plan: TablePlan, sides: Iterable[tuple[str, Snapshot | None]]) -> TablePlan | None:
    """The plan without the columns that cannot be read, which are named as not compared.

    ``sides`` are (``source`` or ``target``, its snapshot). None where that does not help: no column alone
    is the reason, or it is one of the key. Reads each column of the table once, and only after a failure.
    """
    try:
        found = _find_unreadable(plan, sides)
    except psycopg.Error:  # a lock, or too slow: the first failure says more than this one
        return None
    if not found or len(found) == len(plan.pairs) or found.keys() & set(plan.key):
        return None
    return plan.without_columns(found)


def _find_unreadable(plan: TablePlan, sides: Iterable[tuple[str, Snapshot | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for side, snapshot in sides:
        for pair in plan.pairs if snapshot else ():
            if pair.name not in found and (reason := _why_unreadable(plan, pair, side, snapshot)):
                found[pair.name] = reason
    return found


def _why_unreadable(plan: TablePlan, pair: ColumnPair, side: str, snapshot: Snapshot | None) -> str:
    assert snapshot is not None  # sides without one are left out by the caller
    # As its own key, so that nothing of the other columns is computed.
    alone = SideExpressions(replace(plan, pairs=(pair,), key=(pair.name,)), side)
    query = sql.SQL("SELECT count({}) FROM {}").format(
        alone.hash(pair, alone.canonical(pair), VALUE_SEED), alone.from_clause
    )
    try:
        with snapshot.savepoint():
            snapshot.fetch_rows(query)
    except VALUE_ERRORS as error:
        if "json" in (pair.source.base, pair.target.base):
            return f"holds JSON that jsonb cannot hold, so it was not compared: {safe_message(error)}"
        return f"holds a value that cannot be compared, so the column was not: {safe_message(error)}"
    return ""
