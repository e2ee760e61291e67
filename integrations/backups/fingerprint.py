"""What a database holds, in a few numbers a table, so that two databases can be told to be the same.

Each row's whole text (``(t.*)::text``: unambiguous, values bound to their row and column) is hashed in
the server with two seeds, and the hashes are summed: the order of rows does not matter, 128 bits do.
The settings that text depends on are pinned. Not used, because unsound: hashes of single columns
summed, ``hash_record_extended``, and PostgreSQL's own hashes of numeric, jsonb or timestamps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from psycopg import sql

from integrations.clients import postgres

PINNED = {
    "bytea_output": "hex",
    "datestyle": "ISO, YMD",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "lc_monetary": "C",
    "row_security": "off",  # a policy then is an error, and not rows left out in silence
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "xmlbinary": "base64",
}
NO_LIMIT = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
SEEDS = (7046029254386353131, 1609587929392839161)

RELATIONS = """
select n.nspname, c.relname, c.relkind, c.relkind = 'm' and not c.relispopulated
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = any(%s) and n.nspname !~ '^(pg_|information_schema$)' and c.relpersistence <> 't'
and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                and d.deptype = 'e')
order by 1, 2
"""
ROWS = """
select count(*), coalesce(sum(hashtextextended((cutover_row.*)::text collate "C", {})::numeric), 0)::text,
coalesce(sum(hashtextextended((cutover_row.*)::text collate "C", {})::numeric), 0)::text
from only {} as cutover_row
"""
LARGE_OBJECTS = """
select count(*), coalesce(sum(hashtextextended(oid::text || ':' || md5(lo_get(oid)), {})::numeric), 0)::text,
coalesce(sum(hashtextextended(oid::text || ':' || md5(lo_get(oid)), {})::numeric), 0)::text
from pg_largeobject_metadata
"""

Tell = Callable[[str, int, int], None]  # name of a table, tables done, tables in all


def pin(connection: postgres.Connection) -> None:
    """Sets what the text of values depends on, for this session, and takes limits of time away."""
    for name, value in PINNED.items():
        connection.execute("select set_config(%s, %s, false)", [name, value])
    for name in NO_LIMIT:
        connection.execute("select set_config(%s, '0', false)", [name])
    if connection.info.server_version >= 170000:
        connection.execute("select set_config('transaction_timeout', '0', false)")


def take(connection: postgres.Connection, tell: Tell = lambda name, done, total: None) -> dict[str, Any]:
    """The fingerprint of the database as the connection's transaction sees it (`pin` first).

    ``tables``: name → rows and hash. ``views``: materialised views → rows (they are computed anew by
    a restore). ``foreign``: names of foreign tables, whose rows no backup holds. JSON values.
    """
    tables: dict[str, Any] = {}
    found = connection.execute(RELATIONS, [["r"]]).fetchall()
    for done, (schema, name, *_) in enumerate(found):
        tell(f"{schema}.{name}", done, len(found))
        tables[f"{schema}.{name}"] = _hashed(connection, ROWS, sql.Identifier(schema, name))
    views = {
        f"{schema}.{name}": None if unpopulated else _count(connection, sql.Identifier(schema, name))
        for schema, name, _, unpopulated in connection.execute(RELATIONS, [["m"]]).fetchall()
    }
    foreign = [f"{row[0]}.{row[1]}" for row in connection.execute(RELATIONS, [["f"]]).fetchall()]
    large = _hashed(connection, LARGE_OBJECTS)
    extensions = connection.execute("select extname, extversion from pg_extension order by 1").fetchall()
    return {
        "tables": tables,
        "views": views,
        "foreign": foreign,
        "large_objects": large,
        "extensions": dict(extensions),
    }


def _hashed(connection: postgres.Connection, query: str, *names: sql.Identifier) -> dict[str, Any]:
    seeds = [sql.Literal(seed) for seed in SEEDS]
    row = connection.execute(sql.SQL(query).format(*seeds, *names)).fetchone()
    assert row is not None
    return {"rows": row[0], "hash": f"{row[1]}:{row[2]}"}


def _count(connection: postgres.Connection, name: sql.Identifier) -> int:
    row = connection.execute(sql.SQL("select count(*) from {}").format(name)).fetchone()
    assert row is not None
    return int(row[0])


def sequences(connection: postgres.Connection) -> dict[str, int | None]:
    """Where each sequence stands (None: not yet used). Sequences are in no snapshot: two readings, one
    before and one after a dump, bound what it can hold."""
    rows = connection.execute(
        "select schemaname || '.' || sequencename, last_value from pg_sequences order by 1"
    )
    return dict(rows.fetchall())


def digest(fingerprint: Mapping[str, Any]) -> str:
    """SHA-256 of the rows' part of a fingerprint: equal for equal contents."""
    part = {name: fingerprint[name] for name in ("tables", "large_objects")}
    text = json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def rows(fingerprint: Mapping[str, Any]) -> int:
    """Rows of all tables."""
    return sum(int(table["rows"]) for table in fingerprint["tables"].values())


def differences(source: Mapping[str, Any], copy: Mapping[str, Any]) -> list[str]:
    """What differs, a sentence each, in words for a person; empty when the two are the same."""
    found = list(_named(source["tables"], copy["tables"], "The table"))
    for name in sorted(set(source["tables"]) & set(copy["tables"])):
        ours, theirs = source["tables"][name], copy["tables"][name]
        if ours["rows"] != theirs["rows"]:
            found.append(f"The table {name} has {theirs['rows']} rows instead of {ours['rows']}.")
        elif ours["hash"] != theirs["hash"]:
            found.append(f"The table {name} has its {ours['rows']} rows, but not all with the same values.")
    found += _named(source["views"], copy["views"], "The materialised view")
    found += [
        f"The materialised view {name} has {copy['views'][name]} rows instead of {count}."
        for name, count in source["views"].items()
        if name in copy["views"] and copy["views"][name] != count
    ]
    if source["large_objects"] != copy["large_objects"]:
        counts = copy["large_objects"]["rows"], source["large_objects"]["rows"]
        found.append(f"The large objects differ ({counts[0]} instead of {counts[1]}, or in content).")
    found += _named(source["extensions"], copy["extensions"], "The extension")
    return found


def _named(source: Mapping[str, Any], copy: Mapping[str, Any], what: str) -> list[str]:
    missing = [f"{what} {name} is missing." for name in sorted(set(source) - set(copy))]
    return missing + [f"{what} {name} is not in the source." for name in sorted(set(copy) - set(source))]


def sequence_differences(
    before: Mapping[str, int | None], after: Mapping[str, int | None], copy: Mapping[str, int | None]
) -> list[str]:
    """Sequences of a copy that stand outside of what they were before and after the dump."""
    found = [f"The sequence {name} is missing." for name in sorted(set(before) - set(copy))]
    for name in sorted(set(before) & set(after) & set(copy)):
        if not _within(before[name], after[name], copy[name]):
            found.append(f"The sequence {name} stands at {copy[name]} instead of {before[name]}.")
    return found


def _within(before: int | None, after: int | None, here: int | None) -> bool:
    if here in (before, after):
        return True
    if here is None or after is None:
        return False
    return before is None or min(before, after) <= here <= max(before, after)
