"""What the two databases have beside their rows: next numbers are compared, everything else is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from integrations.parity.beyond_rows.object_reader import read_objects
from integrations.parity.beyond_rows.object_registry import KINDS
from integrations.parity.beyond_rows.uncompared_objects import NAMES
from integrations.parity.server.catalog import quote_name
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sources.source_tables import MatchedTable

SEQUENCE_VALUES = "sequence values"
OTHER_KIND = "servers of two kinds do not write it in the same way"

#: The next value of the sequence that a column owns or takes its default from.
SEQUENCES_OF_COLUMNS = """
select distinct tn.nspname, t.relname, a.attname, sn.nspname, s.relname, q.seqincrement
  from pg_depend d
  left join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
  join pg_class s on s.relkind = 'S' and s.oid = case when d.classid = 'pg_attrdef'::regclass
                                                      then d.refobjid else d.objid end
  join pg_sequence q on q.seqrelid = s.oid join pg_namespace sn on sn.oid = s.relnamespace
  join pg_class t on t.relkind in ('r', 'p') and t.oid = coalesce(f.adrelid, d.refobjid)
  join pg_namespace tn on tn.oid = t.relnamespace
  join pg_attribute a on a.attrelid = t.oid and a.attnum = coalesce(f.adnum, d.refobjsubid)
 where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass
    or d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0"""
NEXT_VALUE = "select case when is_called then last_value + {step} else last_value end from {sequence}"


def compare_next_numbers(
    source: Mapping[tuple[str, str], int], matches: Sequence[MatchedTable], target: Snapshot
) -> list[dict[str, Any]]:
    """Differences of kind “sequence values”: numbers that the target would give out a second time.

    A column that counts in the source has to count in the target, from there on or higher.
    """
    owned = {
        (schema, table, column): (sql.Identifier(of, name), step)
        for schema, table, column, of, name, step in target.fetch_rows(sql.SQL(SEQUENCES_OF_COLUMNS))
    }
    found = []
    for match in matches:
        for column in match.columns:
            number = source.get((match.source.name, column.source.name))
            if number is None:
                continue
            place = match.target.schema, match.target.name, column.target.name
            upcoming = _read_next(target, *owned[place]) if place in owned else None
            if upcoming is None or upcoming < number:
                name = f"{match.label}.{quote_name(column.name)}"
                found.append(_difference(name, number, upcoming))
    return found


def _read_next(target: Snapshot, sequence: sql.Identifier, step: int) -> int:
    query = sql.SQL(NEXT_VALUE).format(step=sql.Literal(step), sequence=sequence)
    return int(target.fetch_value(query))


def _difference(name: str, number: int, upcoming: int | None) -> dict[str, Any]:
    after = None if upcoming is None else f"next is {upcoming}"
    sides = {"source": f"next is {number}", "target": after}
    return {"kind": SEQUENCE_VALUES, "name": name, **sides, "declared": False, "expected": False}


def count_beside_rows(
    source: Mapping[str, int | None], target: Snapshot, schemas: tuple[str, ...]
) -> list[dict[str, Any]]:
    """All objects that are there and not compared: kind, both numbers (None: not known), and why."""
    objects = read_objects(target, schemas)
    found = []
    kinds = [kind.name for kind in KINDS if kind.name != SEQUENCE_VALUES]
    for kind in dict.fromkeys((*kinds, *NAMES, *source)):
        before, after = source.get(kind, 0), objects.count(kind)
        if before != 0 or after != 0:
            found.append({"kind": kind, "source": before, "target": after, "reason": OTHER_KIND})
    return found
