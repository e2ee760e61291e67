"""Tells whether a cutover has changed since a page was rendered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

#: Everything that changes a page: the length of the record, the status of each attempt, and those of the
#: latest run of the preflight and of the latest previews.
_READ = """
    SELECT c.id, coalesce(h.seq, 0), left(md5(nullif(concat(a.standing, p.standing, v.standing), '')), 10),
           greatest(a.progress, p.progress)
    FROM checklists_cutover c
    LEFT JOIN checklists_audithead h ON h.cutover_id = c.id
    LEFT JOIN LATERAL (
        SELECT md5(string_agg(concat_ws('|', id, status, cancel_requested_at, effect_started_at,
                   reconciliation, finding ->> 'at', summary), ',' ORDER BY id)) AS standing,
               (extract(epoch FROM max(progress_at)) * 1000000)::bigint AS progress
        FROM checklists_attempt WHERE cutover_id = c.id
    ) a ON true
    LEFT JOIN LATERAL (
        SELECT concat_ws('|', id, status) AS standing,
               (extract(epoch FROM progress_at) * 1000000)::bigint AS progress
        FROM checklists_preflightrun WHERE cutover_id = c.id ORDER BY requested_at DESC LIMIT 1
    ) p ON true
    LEFT JOIN LATERAL (
        SELECT string_agg(concat(id, status), ',' ORDER BY requested_at) AS standing
        FROM (SELECT id, status, requested_at FROM checklists_itempreview WHERE cutover_id = c.id
              ORDER BY requested_at DESC LIMIT 20) latest
    ) v ON true
    WHERE c.id = ANY(%s)
"""

_WRITTEN = re.compile(r"([0-9]{1,15})-([0-9a-f]{0,10})-([0-9]{1,18})")


@dataclass(frozen=True)
class Revision:
    """The version of the data of a page. Equal revisions give the same page, apart from ages.

    ``seq`` is the length of the record, ``standing`` a digest of how every attempt and the preflight stand,
    ``progress`` the time of the latest progress in microseconds.
    """

    seq: int = 0
    standing: str = ""
    progress: int = 0

    def __str__(self) -> str:
        return f"{self.seq}-{self.standing}-{self.progress}"

    @classmethod
    def parse(cls, text: str) -> Revision:
        """Reads the result of `str`. Any other text gives the first revision."""
        found = _WRITTEN.fullmatch(text)
        return cls(int(found[1]), found[2], int(found[3])) if found else cls()

    def changed_since(self, other: Revision) -> bool:
        """Whether more than the progress of attempts has changed."""
        return (self.seq, self.standing) != (other.seq, other.standing)


def read_revisions(cutovers: Iterable[int]) -> dict[int, Revision]:
    """The revision of each cutover (by id) at this moment, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(cutovers)])
        return {
            pk: Revision(seq, standing or "", progress or 0)
            for pk, seq, standing, progress in cursor.fetchall()
        }
