"""Rows that somebody writes past the panel; the database has to refuse them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import psycopg

from tests.chaos.surroundings import Surroundings

#: The row is locked: an attempt that ends meanwhile is not live any more, and its item may be started again.
FORGED_ATTEMPT = """
WITH old AS (
    SELECT * FROM checklists_attempt WHERE status IN ('CLAIMED', 'RUNNING') AND direction = 'FORWARD'
    ORDER BY (effect = 'AT_MOST_ONCE') DESC, queued_at DESC LIMIT 1 FOR UPDATE)
INSERT INTO checklists_attempt
SELECT (jsonb_populate_record(NULL::checklists_attempt, to_jsonb(old) || jsonb_build_object(
    'id', gen_random_uuid(), 'number', old.number + 100, 'status', 'QUEUED', 'fence', 0, 'owner', '{}'::jsonb,
    'claimed_at', NULL, 'effect_started_at', NULL, 'lease_expires_at', NULL, 'heartbeat_at', NULL,
    'log_next', 1
))).* FROM old
"""
FORGED_RECORD = """
UPDATE checklists_auditentry SET payload = payload || '{"by": "somebody else"}'
WHERE id = (SELECT id FROM checklists_auditentry WHERE kind = 'attempt.began' ORDER BY id DESC LIMIT 1)
"""


@dataclass
class Forgeries:
    """Tries them, and counts what the database says."""

    around: Surroundings
    refused: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)

    def forge_live_attempt(self) -> None:
        """As somebody with the application role's password: a second live attempt of an item that runs."""
        url = self.around.panel_url(self.around.loopback)
        self._try("a second live attempt", FORGED_ATTEMPT, url)

    def forge_record(self) -> None:
        """As the tables' owner, who has every right: another text in the record."""
        self._try("an edited record", FORGED_RECORD, self.around.postgres.url("cutover"))

    def _try(self, what: str, statement: str, url: str) -> None:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as session:
                session.execute("SET statement_timeout = 2000")
                if session.execute(statement).rowcount:
                    self.accepted.append(what)
        except psycopg.OperationalError:
            return  # it is away, or too slow: neither accepted nor refused
        except psycopg.Error:
            self.refused[what] += 1
