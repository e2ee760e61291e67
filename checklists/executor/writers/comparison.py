"""Ships what a comparison tells while it runs, under the fence: how far each table is, rows that differ."""

from __future__ import annotations

import json
import logging
import time
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection
from psycopg.types.json import Jsonb

from checklists.executor.announcer import Announcer
from checklists.executor.differing import Bounds, kept_row
from checklists.executor.lease import Fenced
from checklists.executor.times import PARTS_MOST, ROWS_BATCH, ROWS_BEHIND, TIMES
from integrations.redact import Redactor

log = logging.getLogger(__name__)
HOLD = """
    WITH held AS (
        UPDATE checklists_attempt SET progress_at = clock_timestamp()
        WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING' RETURNING id)
"""
#: what the columns of both are called in the JSON that is sent
PARTS = """part("table" text, position integer, state text, pages bigint, pages_done bigint,
        rows_done bigint, seconds float8, seconds_left float8, found jsonb)"""
ROWS = """line(number integer, "table" text, kind text, key jsonb, columns jsonb, paths jsonb,
        personal text[], names text[], left_out integer, "text" text, personal_text text)"""
TELL = f"""{HOLD}
    INSERT INTO checklists_tableprogress (attempt_id, "table", position, state, pages, pages_done, rows_done,
                                          seconds, seconds_left, found, at)
    SELECT held.id, part.*, clock_timestamp() FROM held, jsonb_to_recordset(%(told)s) AS {PARTS}
    ON CONFLICT (attempt_id, "table") DO UPDATE
    SET (state, pages, pages_done, rows_done, seconds, seconds_left, found, at) = ROW(
        excluded.state, excluded.pages, excluded.pages_done, excluded.rows_done, excluded.seconds,
        excluded.seconds_left, excluded.found, excluded.at)
"""  # noqa: S608  # put together from the constants above
APPEND = f"""{HOLD}
    INSERT INTO checklists_rowdifference (attempt_id, number, "table", kind, key, columns, paths, personal,
                                          names, left_out, "text", personal_text)
    SELECT held.id, line.* FROM held, jsonb_to_recordset(%(told)s) AS {ROWS}
    ON CONFLICT (attempt_id, number) DO NOTHING
"""  # noqa: S608
HELD = """
    SELECT 1 FROM checklists_attempt WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING'
"""


class Comparing:
    """Tables and rows wait here, already masked, until PostgreSQL holds them.

    Of a table only the newest word waits. Rows are numbered in the order in which they came; what is
    beyond the bounds is left out here too, whatever the action's process thinks of them.
    """

    def __init__(self, attempt_id: UUID, fence: int, redactor: Redactor, announcer: Announcer) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self.places: dict[str, int] = {}  # table → position
        self.parts: dict[str, dict[str, Any]] = {}  # unwritten
        self.rows: list[dict[str, Any]] = []  # unwritten
        self.number, self.bounds = 0, Bounds()
        self._shipped = 0.0

    @property
    def is_behind(self) -> bool:
        """Is so much unwritten that the action should wait?"""
        return len(self.rows) > ROWS_BEHIND

    def set(self, part: dict[str, Any]) -> None:
        """Takes the newest word about a table."""
        part = self.redactor.value(part)
        table = part["table"] = part["table"][:200]
        if table not in self.places and len(self.places) >= PARTS_MOST:
            return
        position = self.places.setdefault(table, len(self.places) + 1)
        self.parts[table] = {**part, "position": position}

    def add(self, row: dict[str, Any]) -> None:
        """Takes a row that differs, as long as its table and the attempt have room for it."""
        kept = kept_row(row, self.redactor)
        if self.bounds.admit(kept["table"], len(json.dumps(kept))):
            self.number += 1
            self.rows.append({**kept, "number": self.number})

    def ship(self, *, everything: bool = False) -> None:
        """Writes what waits when it is time, or all of it. Raises `Fenced`."""
        due = everything or time.monotonic() - self._shipped >= TIMES.progress
        if not (self.parts or self.rows) or not (due or len(self.rows) >= ROWS_BATCH):
            return
        if self.parts and due:
            self._write(TELL, list(self.parts.values()))
            self.parts.clear()
        while self.rows:
            batch = self.rows[:ROWS_BATCH]
            self._write(APPEND, batch)
            del self.rows[: len(batch)]
            if not everything:
                break
        self._shipped = time.monotonic()
        self.announcer.say("progress")

    def _write(self, statement: str, told: list[dict[str, Any]]) -> None:
        with connection.cursor() as cursor:
            try:
                values: dict[str, Any] = {"told": Jsonb(told)}
                cursor.execute(statement, {**self.keys, **values})
            except (DataError, IntegrityError) as error:  # an action that tells nonsense ends nobody's guard
                log.warning("attempt %s: %s told words were left out: %s", self.keys["id"], len(told), error)
                return
            if cursor.rowcount < len(told):  # rows that an unheard answer wrote before, or the fence is gone
                cursor.execute(HELD, self.keys)
                if cursor.fetchone() is None:
                    raise Fenced
