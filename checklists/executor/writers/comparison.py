"""Writes what a comparison reports while it runs: the progress of each table, and rows that differ."""

from __future__ import annotations

import json
import logging
import time
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection
from psycopg.types.json import Jsonb

from checklists.executor.fence import IS_OURS_AND_RUNNING, Fenced
from checklists.executor.timings import ROWS_BATCH, ROWS_MAX_UNWRITTEN, TABLES_MAX, TIMES
from checklists.executor.writers.announcer import Announcer
from checklists.executor.writers.row_differences import RowQuota, row_to_store
from integrations.redact import Redactor

log = logging.getLogger(__name__)
HELD = f"""
    WITH held AS (
        UPDATE checklists_attempt SET progress_at = clock_timestamp()
        WHERE {IS_OURS_AND_RUNNING} RETURNING id)
"""
#: The columns of the JSON rows that both statements are given as %(rows)s.
TABLE_COLUMNS = """part("table" text, position integer, state text, pages bigint, pages_done bigint,
        rows_done bigint, seconds float8, seconds_left float8, found jsonb)"""
ROW_COLUMNS = """line(number integer, "table" text, kind text, key jsonb, columns jsonb, paths jsonb,
        personal text[], names text[], left_out integer, "text" text, personal_text text)"""
WRITE_TABLES = f"""{HELD}
    INSERT INTO checklists_tableprogress (attempt_id, "table", position, state, pages, pages_done, rows_done,
                                          seconds, seconds_left, found, at)
    SELECT held.id, part.*, clock_timestamp() FROM held, jsonb_to_recordset(%(rows)s) AS {TABLE_COLUMNS}
    ON CONFLICT (attempt_id, "table") DO UPDATE
    SET (state, pages, pages_done, rows_done, seconds, seconds_left, found, at) = ROW(
        excluded.state, excluded.pages, excluded.pages_done, excluded.rows_done, excluded.seconds,
        excluded.seconds_left, excluded.found, excluded.at)
"""
APPEND_ROWS = f"""{HELD}
    INSERT INTO checklists_rowdifference (attempt_id, number, "table", kind, key, columns, paths, personal,
                                          names, left_out, "text", personal_text)
    SELECT held.id, line.* FROM held, jsonb_to_recordset(%(rows)s) AS {ROW_COLUMNS}
    ON CONFLICT (attempt_id, number) DO NOTHING
"""
IS_HELD = f"SELECT 1 FROM checklists_attempt WHERE {IS_OURS_AND_RUNNING}"


class ComparisonWriter:
    """Keeps tables and rows, already masked, until PostgreSQL holds them.

    Of a table only the newest state is kept. Rows are numbered in the order in which they came; rows
    beyond the quota are left out, even if the action's process counts otherwise.
    """

    def __init__(self, attempt_id: UUID, fence: int, redactor: Redactor, announcer: Announcer) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self.positions: dict[str, int] = {}  # by table
        self.tables: dict[str, dict[str, Any]] = {}  # unwritten
        self.rows: list[dict[str, Any]] = []  # unwritten
        self.number, self.quota = 0, RowQuota()
        self._flushed_at = 0.0

    @property
    def is_behind(self) -> bool:
        """Are so many rows unwritten that the action should wait?"""
        return len(self.rows) > ROWS_MAX_UNWRITTEN

    def set_table(self, table: dict[str, Any]) -> None:
        """Takes the newest state of a table."""
        table = self.redactor.mask_value(table)
        name = table["table"] = table["table"][:200]
        if name not in self.positions and len(self.positions) >= TABLES_MAX:
            return
        position = self.positions.setdefault(name, len(self.positions) + 1)
        self.tables[name] = {**table, "position": position}

    def add_row(self, row: dict[str, Any]) -> None:
        """Takes a row that differs, as long as its table and the attempt have room for it."""
        stored = row_to_store(row, self.redactor)
        if self.quota.take(stored["table"], len(json.dumps(stored))):
            self.number += 1
            self.rows.append({**stored, "number": self.number})

    def flush(self, *, everything: bool = False) -> None:
        """Writes what is due, or everything. Raises `Fenced`."""
        due = everything or time.monotonic() - self._flushed_at >= TIMES.progress
        if not (self.tables or self.rows) or not (due or len(self.rows) >= ROWS_BATCH):
            return
        if self.tables and due:
            self._write(WRITE_TABLES, list(self.tables.values()))
            self.tables.clear()
        while self.rows:
            batch = self.rows[:ROWS_BATCH]
            self._write(APPEND_ROWS, batch)
            del self.rows[: len(batch)]
            if not everything:
                break
        self._flushed_at = time.monotonic()
        self.announcer.announce("progress")

    def _write(self, statement: str, rows: list[dict[str, Any]]) -> None:
        with connection.cursor() as cursor:
            try:
                values: dict[str, Any] = {"rows": Jsonb(rows)}
                cursor.execute(statement, {**self.keys, **values})
            except (DataError, IntegrityError) as error:
                # The action reported nonsense. That must not end its guard.
                log.warning(
                    "attempt %s: %s reported rows were left out: %s", self.keys["id"], len(rows), error
                )
                return
            if cursor.rowcount < len(rows):
                # Either we are fenced, or an earlier try was committed and its answer was lost.
                cursor.execute(IS_HELD, self.keys)
                if cursor.fetchone() is None:
                    raise Fenced
