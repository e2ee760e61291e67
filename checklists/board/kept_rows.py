"""Rows that this process has read for a page, and uses again while nothing was written since.

PostgreSQL proves it in the request itself. Whatever writes anything, in whichever table, has a number. A
snapshot names the first number behind all transactions that are over, and those before it that are under
way. When one ends, either changes, and neither comes back. So when the snapshot is the same text as before,
exactly the same transactions are over, and every row is as it was. Nothing has to be told what a board
depends on, and no write can be forgotten (docs/adr/0051).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from checklists.board.production import ProductionRows
from checklists.board.rows import BoardRows
from checklists.models import Cutover
from checklists.models.masked_rows import are_values_hidden

BOARDS_KEPT = 8  # of a process; some megabytes each
#: Transactions are numbered by server and since its start: one that was restored from a backup counts again.
_READ = """
    SELECT concat_ws(' ', current_database(), pg_postmaster_start_time(), pg_current_snapshot()),
           clock_timestamp()
"""


@dataclass(frozen=True)
class _Kept:
    snapshot: str
    cutover: Mapping[str, Any]  # the columns of its row, on which other rows were chosen
    rows: BoardRows


class KeptRows:
    """Of the boards that were shown last, by cutover and by whether values are hidden."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, bool], _Kept] = {}

    def load(self, cutover: Cutover) -> BoardRows:
        """The rows as `BoardRows.load` reads them at this moment.

        Not to decide by: that needs locks. Within a transaction they are read anew, because its own writes do
        not show in the snapshot.
        """
        if connection.in_atomic_block:
            return BoardRows.load(cutover)
        snapshot, now = _read_snapshot()
        key, columns = (cutover.pk, are_values_hidden()), _columns_of(cutover)
        kept = self._kept.get(key)
        if kept is not None and kept.snapshot == snapshot and kept.cutover == columns:
            production = ProductionRows.load(cutover, now)  # it depends on the clock
            return replace(kept.rows, cutover=cutover, now=now, production=production)
        rows = BoardRows.load(cutover)
        if _read_snapshot()[0] == snapshot:  # all of them were read in the same state of the database
            self._keep(key, _Kept(snapshot, columns, rows))
        return rows

    def _keep(self, key: tuple[int, bool], kept: _Kept) -> None:
        self._kept.pop(key, None)
        self._kept[key] = kept
        for oldest in list(self._kept)[:-BOARDS_KEPT]:
            self._kept.pop(oldest, None)

    def cache_clear(self) -> None:
        """Forgets all of them."""
        self._kept.clear()


kept_rows = KeptRows()


def _read_snapshot() -> tuple[str, datetime]:
    """The state of the database, as a text that is the same only while nothing is written; and the time."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        snapshot, now = cursor.fetchone()
    return snapshot, now


def _columns_of(cutover: Cutover) -> dict[str, Any]:
    """All that was read of the cutover's own row. It is read earlier than the snapshot, and may be older."""
    return {field.attname: getattr(cutover, field.attname) for field in cutover._meta.concrete_fields}
