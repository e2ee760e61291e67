"""A question, no writes: has anything happened in a cutover since a page was made?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

#: Everything that changes what a page says: the record's length, and how each attempt stands.
_READ = """
    SELECT c.id, coalesce(h.seq, 0), a.standing, a.progress
    FROM checklists_cutover c
    LEFT JOIN checklists_audithead h ON h.cutover_id = c.id
    LEFT JOIN LATERAL (
        SELECT left(md5(string_agg(concat_ws('|', id, status, cancel_requested_at, effect_started_at,
                        reconciliation, finding ->> 'at', summary), ',' ORDER BY id)), 10) AS standing,
               (extract(epoch FROM max(progress_at)) * 1000000)::bigint AS progress
        FROM checklists_attempt WHERE cutover_id = c.id
    ) a ON true
    WHERE c.id = ANY(%s)
"""

_WRITTEN = re.compile(r"([0-9]{1,15})-([0-9a-f]{0,10})-([0-9]{1,18})")


@dataclass(frozen=True)
class Revision:
    """What a page was made from. Two that are equal would have made the same page, ages apart.

    ``seq`` is the length of the record, ``standing`` a digest of how every attempt stands,
    ``progress`` the time of the latest progress in microseconds.
    """

    seq: int = 0
    standing: str = ""
    progress: int = 0

    def __str__(self) -> str:
        return f"{self.seq}-{self.standing}-{self.progress}"

    @classmethod
    def parse(cls, text: str) -> Revision:
        """Reads what `str` wrote; anything else is the revision before everything."""
        found = _WRITTEN.fullmatch(text)
        return cls(int(found[1]), found[2], int(found[3])) if found else cls()

    def changed_since(self, other: Revision) -> bool:
        """Did more happen than progress?"""
        return (self.seq, self.standing) != (other.seq, other.standing)


def revisions_of(cutovers: Iterable[int]) -> dict[int, Revision]:
    """The revision of each cutover (by id) at this moment, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(cutovers)])
        return {
            pk: Revision(seq, standing or "", progress or 0)
            for pk, seq, standing, progress in cursor.fetchall()
        }
