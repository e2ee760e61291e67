"""Whether a server is a standby, and how far it is behind its primary."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import conninfo

Connection = psycopg.Connection[tuple[Any, ...]]

#: Outside of recovery these functions return NULL. `sender_host` is NULL for roles without
#: pg_read_all_stats, and `primary_conninfo` is not listed for roles without pg_read_all_settings.
#: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
QUERY = """
select pg_last_xact_replay_timestamp(),
       extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8,
       pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint,
       (select sender_host || ':' || sender_port from pg_stat_wal_receiver limit 1),
       (select setting from pg_settings where name = 'primary_conninfo')
 where pg_is_in_recovery()
"""


@dataclass(frozen=True)
class Standby:
    """A standby and its lag.

    ``replayed_at``: when the last transaction that it has replayed was committed, by the primary's clock
    (ISO 8601), empty while it has replayed none. ``seconds``: how long ago that was by the standby's clock;
    on an idle primary this grows without any lag. ``bytes_behind``: WAL that it has received and not
    replayed, None where it receives none. ``primary``: ``host:port``, empty where the role may not see it.
    """

    replayed_at: str
    seconds: float | None
    bytes_behind: int | None
    primary: str

    @property
    def description(self) -> str:
        """What it is, and how far behind, as a part of a sentence."""
        of = f" of {self.primary}" if self.primary else ""
        ago = "" if self.seconds is None else f" ({self.seconds:,.0f} s ago)"
        until = f"it has replayed what was committed until {self.replayed_at}{ago}"
        if not self.replayed_at:
            until = "until when it has replayed its primary is not known"
        behind = "how much it has not received yet is not known"
        if self.bytes_behind is not None:
            behind = f"{self.bytes_behind:,} bytes are received and not replayed"
        return f"a standby{of}: {until}, and {behind}"

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def read_standby(connection: Connection) -> Standby | None:
    """The standby that this connection leads to; None when it leads to a primary."""
    row = connection.execute(QUERY).fetchone()
    if row is None:
        return None
    replayed_at, seconds, behind, sender, settings = row
    moment = replayed_at.isoformat() if isinstance(replayed_at, datetime) else ""
    return Standby(moment, seconds, behind, sender or _read_primary(settings or ""))


def _read_primary(settings: str) -> str:
    """``host:port`` of a ``primary_conninfo``, which may also hold a password."""
    try:
        found = conninfo.conninfo_to_dict(settings)
    except psycopg.Error:
        return ""
    host = found.get("host") or found.get("hostaddr")
    return f"{host}:{found.get('port') or 5432}" if host else ""
