"""What the old application answers to other programs: its calendar, and the webhook of Fincra."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import psycopg

from integrations.sandbox.legacy_database import LegacyDatabase, Row, now
from integrations.sandbox.serving import Answer, Asked

EVENTS = """
SELECT id, title, description, start_date AS start, end_date AS "end", location, campus, recurrence_rule,
       recurrence_end_date AS recurrence_end, service_segments, ministry_tags
FROM events ORDER BY start_date, id
"""
CALENDAR = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Covenant Connect//EN\r\n{events}END:VCALENDAR\r\n"""
EVENT = (
    "BEGIN:VEVENT\r\nSUMMARY:{title}\r\nDTSTART:{start:%Y%m%dT%H%M%S}\r\nDTEND:{end:%Y%m%dT%H%M%S}\r\n"
    "END:VEVENT\r\n"
)


class LegacyReads:
    """Reads without a sign-in, and the one webhook."""

    def __init__(self, database: LegacyDatabase, fincra_key: str = "") -> None:
        self.database, self.fincra_key = database, fincra_key

    def answer(self, asked: Asked) -> Answer | None:
        """None where the path is a page's or nobody's."""
        if (asked.method, asked.path) == ("GET", "/api/events.json"):
            return Answer(
                200, [_plain(row) for row in self._events(asked)], {"Content-Type": "application/json"}
            )
        if (asked.method, asked.path) == ("GET", "/api/events.ics"):
            lines = "".join(EVENT.format(**row) for row in self._events(asked))
            kind = {"Content-Type": "text/calendar; charset=utf-8"}
            return Answer(200, CALENDAR.format(events=lines), kind)
        if (asked.method, asked.path) == ("POST", "/webhooks/fincra"):
            status, body = self._settle(asked)
            return Answer(status, body, {"Content-Type": "application/json"})
        return None

    def _events(self, asked: Asked) -> list[Row]:
        rows, tag = self.database.rows(EVENTS), asked.query.get("tag")
        return [row for row in rows if not tag or tag in (row["ministry_tags"] or [])]

    def _settle(self, asked: Asked) -> tuple[int, dict[str, str]]:
        """Fincra's report about a gift: the only thing that sets a gift to success."""
        if not self.fincra_key:
            return 500, _error("Internal server error")
        signature = asked.headers.get("x-fincra-signature", "")
        if not signature:
            return 401, _error("Missing signature")
        expected = hmac.new(self.fincra_key.encode(), asked.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, expected):
            return 401, _error("Invalid signature")
        try:
            event = asked.json()
            reference, word = str(event["reference"]), str(event["status"])
        except (ValueError, KeyError, TypeError):
            return 400, _error("Fields are missing")
        try:
            return self._book(reference, word, event)
        except psycopg.Error:
            return 500, _error("Internal server error")

    def _book(self, reference: str, word: str, event: dict[str, Any]) -> tuple[int, dict[str, str]]:
        query = "SELECT id, status FROM donations WHERE reference = %(reference)s"
        found = self.database.rows(query, {"reference": reference})
        if not found:
            return 404, _error("Donation not found")
        if found[0]["status"] == "success":
            return 200, {"status": "ignored"}
        changed = {"status": "success" if word == "successful" else "failed", "updated_at": now()}
        if word != "successful":
            changed["error_message"] = str(event.get("failureReason", ""))
        self.database.update("donations", found[0]["id"], changed)
        return 200, {"status": "success"}


def _error(message: str) -> dict[str, str]:
    return {"message": message, "status": "error"}


def _plain(row: Row) -> Row:
    """Moments as Python writes them, without a zone."""
    return json.loads(json.dumps(row, default=lambda value: value.isoformat()))  # type: ignore[no-any-return]  # JSON of a row is a row
