"""What must be unchanged for a kept pass to be valid: server, history, types, and the file of each table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.snapshot import Snapshot

#: Labels of an enum and members of a composite type decide how a value is written, and they change without
#: any row being written. The start time is in it because an older copy of the files may be put in place
#: while the server is down. The timeline is that of the current WAL: after a promotion, the last checkpoint
#: may be of the old timeline for minutes.
IDENTITY = """
select (select system_identifier from pg_control_system())::text,
       case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
            else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
       end::text || ' ' || pg_is_in_recovery(),
       (select oid from pg_database where datname = current_database())::text,
       pg_postmaster_start_time()::text, current_setting('server_version'),
       md5(concat((select string_agg(concat_ws(' ', enumtypid, enumsortorder, enumlabel), ',' order by oid)
                     from pg_enum),
                  (select string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid), ','
                                     order by attrelid, attnum)
                     from pg_attribute join pg_class c on c.oid = attrelid where c.relkind = 'c'))),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""

#: The files of a table, its partitions and what inherits from it: another file means that the rows were
#: rewritten, or are those of another table. And its columns: a column added with a default gives every row a
#: value without rewriting it.
FILES = """
select n.nspname, c.relname, md5(concat_ws(' ', c.oid, pg_relation_filenode(c.oid),
         (select string_agg(concat_ws(' ', t.relid, pg_relation_filenode(t.relid)), ',' order by t.relid)
            from pg_partition_tree(c.oid) t where c.relkind = 'p'),
         (with recursive below(oid) as (
            select inhrelid from pg_inherits where inhparent = c.oid and c.relkind = 'r'
            union select h.inhrelid from pg_inherits h join below b on h.inhparent = b.oid)
          select string_agg(concat_ws(' ', oid, pg_relation_filenode(oid)), ',' order by oid) from below),
         (select string_agg(concat_ws(' ', a.attrelid, a.attnum, a.attname, a.atttypid, a.attmissingval,
                           case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end),
                            ',' order by a.attrelid, a.attnum)
            from pg_attribute a
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
           where a.attnum > 0 and (a.attrelid = c.oid or c.relkind = 'p' and a.attrelid in
                 (select relid from pg_partition_tree(c.oid))))))
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""

CHANGES = {
    "system": "it is another server (another system identifier)",
    "timeline": "its history took another way (a new timeline, or a standby was promoted)",
    "database": "it is another database of that name: it was restored or made anew",
    "started": "the server was started again, which may have put older files in place",
    "version": "it is another version of PostgreSQL",
    "types": "the labels of an enum, or a composite type, were changed",
}


@dataclass(frozen=True)
class ServerState:
    """A server and its history at one snapshot.

    ``horizon``: every transaction with a smaller number had ended, and the snapshot sees what it wrote.
    ``upcoming``: the number of the first transaction that had not begun.
    """

    system: str
    timeline: str
    database: str
    started: str
    version: str
    types: str
    horizon: int
    upcoming: int

    def find_change(self, now: ServerState) -> str:
        """Why a pass kept in this state is not valid ``now``; empty when it is."""
        for name, reason in CHANGES.items():
            if getattr(self, name) != getattr(now, name):
                return reason
        if now.upcoming < self.upcoming:
            return "its transactions are counted from a smaller number: it was restored"
        # age() compares 32-bit transaction numbers, which wrap around.
        if now.upcoming - self.horizon >= 1 << 31:
            return "more than two billion transactions ran since"
        return ""

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def read_server_state(snapshot: Snapshot) -> ServerState | str:
    """The state of the server in this snapshot, or why the server does not tell it."""
    try:
        with snapshot.savepoint():
            return ServerState(*snapshot.fetch_rows(sql.SQL(IDENTITY))[0])
    except psycopg.Error as error:
        return f"the server does not tell its identity: {safe_message(error)}"


def read_file_digests(snapshot: Snapshot) -> dict[tuple[str, str], str]:
    """(schema, name) of a table → a digest of its files and columns."""
    with snapshot.savepoint():  # pg_partition_tree() locks every partition
        return {(schema, name): files for schema, name, files in snapshot.fetch_rows(sql.SQL(FILES))}


#: Values of these types are written as names of objects, which may be renamed.
NAME_TYPES = frozenset({
    "regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regrole",
    "regnamespace", "regconfig", "regdictionary", "regcollation", "aclitem",
})  # fmt: skip


def has_name_types(types: Iterable[str]) -> bool:
    """Whether the text of a value may change although its row was not written."""
    return any(name.removeprefix("_") in NAME_TYPES for name in types)
