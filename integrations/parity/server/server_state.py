"""What must be the same for a kept pass to hold: the server, its history, its types, each table's file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.refusals import refusal
from integrations.parity.snapshot import Snapshot

#: Labels of an enum and members of a composite type decide how a value is written; they change without
#: a row being touched. A restart may hide that an older copy of the files was put in place. The timeline
#: is that of what is written now: the last checkpoint may be of before a promotion, for minutes.
ORIGIN = """
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

#: The file of a table, or those of its partitions: another one means that rows were written anew. And
#: its columns: one that is added with a default gives every row a value without touching it.
FILES = """
select n.nspname, c.relname, md5(concat_ws(' ', c.oid, pg_relation_filenode(c.oid),
         (select string_agg(concat_ws(' ', t.relid, pg_relation_filenode(t.relid)), ',' order by t.relid)
            from pg_partition_tree(c.oid) t where c.relkind = 'p'),
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

WORDS = {
    "system": "it is another server (another system identifier)",
    "timeline": "its history took another way (a new timeline, or a standby was promoted)",
    "database": "it is another database of that name: it was restored or made anew",
    "started": "the server was started again, which may have put older files in place",
    "version": "it is another version of PostgreSQL",
    "types": "the labels of an enum, or a composite type, were changed",
}


@dataclass(frozen=True)
class State:
    """A server and its history at one snapshot.

    Every transaction below ``horizon`` had ended by then: what it wrote was seen. ``upcoming`` is the
    first that had not begun.
    """

    system: str
    timeline: str
    database: str
    started: str
    version: str
    types: str
    horizon: int
    upcoming: int

    def changed(self, now: State) -> str:
        """Why what was kept at this state does not hold at that one, or nothing."""
        for name, words in WORDS.items():
            if getattr(self, name) != getattr(now, name):
                return words
        if now.upcoming < self.upcoming:
            return "its transactions are counted from a smaller number: it was restored"
        if now.upcoming - self.horizon >= 1 << 31:
            return "more than two billion transactions ran since"
        return ""

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def read_state(snapshot: Snapshot) -> State | str:
    """The state of what this snapshot sees, or why it cannot be told."""
    try:
        with snapshot.attempt():
            return State(*snapshot.rows(sql.SQL(ORIGIN))[0])
    except psycopg.Error as error:
        return f"the server does not tell its identity: {refusal(error)}"


def read_files(snapshot: Snapshot) -> dict[tuple[str, str], str]:
    """Table, as (schema, name) → a digest of its files and columns."""
    return {(schema, name): files for schema, name, files in snapshot.rows(sql.SQL(FILES))}


#: values of these types are written by the names of things that may be renamed
BY_NAME = ("regclass", "regproc", "regprocedure", "regoper", "regoperator", "regtype", "regrole",
           "regnamespace", "regconfig", "regdictionary", "regcollation", "aclitem")  # fmt: skip


def by_name(types: Iterable[str]) -> bool:
    """Whether a value of one of these types may be written otherwise though no row was touched."""
    return any(name.removeprefix("_") in BY_NAME for name in types)
