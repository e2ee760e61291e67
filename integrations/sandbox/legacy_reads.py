"""The old application's JSON: the rows of the new API's key reads, by the old names and in its own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from integrations.sandbox.serving import Answer, Asked

DONATIONS = """
SELECT id, user_id, church_id, donor_name, amount, currency, status, provider, reference,
       payment_info, created_at, updated_at
FROM donations ORDER BY created_at DESC, id DESC LIMIT 50
"""
EVENTS = """
SELECT id, church_id, department_id, title, location, starts_at, ends_at, segments
FROM events ORDER BY starts_at DESC, id DESC LIMIT 50
"""
PRAYER = """
SELECT id, user_id, name, request, is_public, is_answered, tags, created_at
FROM prayer_requests WHERE is_public ORDER BY created_at DESC, id DESC LIMIT 50
"""
CHURCHES = "SELECT id, name, address, created_at FROM churches ORDER BY name, id"
GIVING = """
SELECT currency, status, count(*) AS gifts, sum(amount) AS total
FROM donations GROUP BY currency, status ORDER BY currency, status
"""

#: path → name of the list in the answer, its question
READS = {
    "/api/donations": ("donations", DONATIONS),
    "/api/events": ("events", EVENTS),
    "/api/prayer-requests": ("prayer_requests", PRAYER),
    "/api/churches": ("churches", CHURCHES),
    "/api/reports/giving": ("totals", GIVING),
}


class LegacyReads:
    """Answers reads from the old database, each in a read-only session: a freeze does not touch them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def answer(self, asked: Asked) -> Answer | None:
        """The answer to one of `READS`; None where the path is another's. What the database refuses is a
        500, as Flask has it."""
        if asked.method != "GET" or asked.path not in READS:
            return None
        name, query = READS[asked.path]
        try:
            with psycopg.connect(
                self.url, row_factory=dict_row, connect_timeout=3, application_name="covenant-flask",
                options="-c statement_timeout=5000 -c default_transaction_read_only=on",
            ) as connection:  # fmt: skip
                rows = connection.execute(query).fetchall()
        except psycopg.Error:
            return Answer(500, {"error": "Internal Server Error"})
        return Answer(200, {name: [_as_flask(row) for row in rows], "count": len(rows)})


def _as_flask(row: Mapping[str, Any]) -> dict[str, Any]:
    """Money as a float, moments as Python writes them: microseconds, no zone."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value
