"""The fingerprint of a database: row counts and hashes per table, by which a copy is proven equal.

The server hashes the whole text of each row with two seeds and sums the hashes. The text is that of
``record_out()``: a cast to text could be a user's own, and leave out a part. It is unambiguous and binds each
value to its row and column; the sum does not depend on the order of rows; two seeds make it 128 bits. The
settings that the text depends on are fixed first. Not used, because unsound: sums of hashes of single
columns, ``hash_record_extended``, and PostgreSQL's own hashes of numeric, jsonb or timestamps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypedDict

import psycopg
from psycopg import sql

from integrations.clients import postgres
from integrations.clients.postgres_causes import advise_on_refusal, is_lost_connection
from integrations.clients.postgres_errors import describe_error, find_function_without_schema
from integrations.errors import Problem

SESSION_SETTINGS = {
    "bytea_output": "hex",
    "datestyle": "ISO, YMD",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "lc_monetary": "C",
    "row_security": "off",  # a policy is then an error, instead of leaving out rows without a word
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "xmlbinary": "base64",
}
TIME_LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")
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
select count(*),
coalesce(sum(hashtextextended(textin(record_out(cutover_row.*)) collate "C", {})::numeric), 0)::text,
coalesce(sum(hashtextextended(textin(record_out(cutover_row.*)) collate "C", {})::numeric), 0)::text
from only {} as cutover_row
"""
LARGE_OBJECTS = """
select count(*), coalesce(sum(hashtextextended(oid::text || ':' || md5(lo_get(oid)), {})::numeric), 0)::text,
coalesce(sum(hashtextextended(oid::text || ':' || md5(lo_get(oid)), {})::numeric), 0)::text
from pg_largeobject_metadata
"""


class HashedRows(TypedDict):
    """The number of rows, and their 128 bits as two numbers in one text."""

    rows: int
    hash: str


class BackupFingerprint(TypedDict):
    """What `compute_fingerprint` returns, as JSON values.

    ``tables``: ``schema.name`` → rows and hash. ``views``: materialised view → rows, None when it was never
    filled (a restore computes them anew). ``foreign``: names of foreign tables, whose rows no backup holds.
    ``extensions``: name → version.
    """

    tables: dict[str, HashedRows]
    views: dict[str, int | None]
    foreign: list[str]
    large_objects: HashedRows
    extensions: dict[str, str]


OnTable = Callable[[str, int, int], None]  # name of the table, tables done, tables in all


def pin_session_settings(connection: postgres.Connection) -> None:
    """Fixes the settings that the text of values depends on, and removes time limits, for this session."""
    for name, value in SESSION_SETTINGS.items():
        connection.execute("select set_config(%s, %s, false)", [name, value])
    for name in TIME_LIMITS:
        connection.execute("select set_config(%s, '0', false)", [name])
    if connection.info.server_version >= 170000:
        connection.execute("select set_config('transaction_timeout', '0', false)")


def list_tables(connection: postgres.Connection) -> list[tuple[str, str]]:
    """Returns schema and name of every table that a fingerprint covers, sorted."""
    return [(row[0], row[1]) for row in connection.execute(RELATIONS, [["r"]])]


@contextmanager
def _naming_table(name: str) -> Iterator[None]:
    """Adds the table's name to what PostgreSQL says of it, and the cause where that is a function.

    The search_path is fixed here, as in pg_dump and pg_restore. Planning a query runs functions in the
    table's indexes, so one that names another table without its schema fails when the table is only read.
    """
    try:
        yield
    except psycopg.Error as error:
        if is_lost_connection(error):
            raise
        means, advice = "There is no fingerprint of it.", advise_on_refusal(error.sqlstate or "")
        if function := find_function_without_schema(error):
            means = (
                f"The function {function} names another object without its schema, and backup and restore "
                "run with an empty search_path: a backup could not be restored."
            )
            advice = f"ALTER FUNCTION {function} … SET search_path = …, or write the schema before the name."
        raise Problem(
            f"The table {name} cannot be read: {describe_error(error)}.", means=means, next=advice
        ) from None


def compute_fingerprint(
    connection: postgres.Connection, on_table: OnTable = lambda name, done, total: None
) -> BackupFingerprint:
    """Returns the fingerprint of the database as the connection's transaction sees it.

    Call `pin_session_settings` first. ``on_table`` is called before each table and may raise to stop.
    """
    tables: dict[str, HashedRows] = {}
    names = list_tables(connection)
    for done, (schema, name) in enumerate(names):
        on_table(f"{schema}.{name}", done, len(names))
        with _naming_table(f"{schema}.{name}"):
            tables[f"{schema}.{name}"] = _hash_rows(connection, ROWS, sql.Identifier(schema, name))
    views = {
        f"{schema}.{name}": None if unpopulated else _count_view_rows(connection, schema, name)
        for schema, name, _, unpopulated in connection.execute(RELATIONS, [["m"]]).fetchall()
    }
    foreign = [f"{row[0]}.{row[1]}" for row in connection.execute(RELATIONS, [["f"]]).fetchall()]
    large = _hash_rows(connection, LARGE_OBJECTS)
    extensions = connection.execute("select extname, extversion from pg_extension order by 1").fetchall()
    return {
        "tables": tables,
        "views": views,
        "foreign": foreign,
        "large_objects": large,
        "extensions": dict(extensions),
    }


def _hash_rows(connection: postgres.Connection, query: str, *names: sql.Identifier) -> HashedRows:
    seeds = [sql.Literal(seed) for seed in SEEDS]
    row = connection.execute(sql.SQL(query).format(*seeds, *names)).fetchone()
    assert row is not None
    return {"rows": row[0], "hash": f"{row[1]}:{row[2]}"}


def _count_view_rows(connection: postgres.Connection, schema: str, name: str) -> int:
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def read_sequences(connection: postgres.Connection) -> dict[str, int | None]:
    """Returns the last value of each sequence, None for one that was never used.

    Sequences are in no snapshot: read them before and after a dump to bound what the dump can hold.
    """
    rows = connection.execute(
        "select schemaname || '.' || sequencename, last_value from pg_sequences order by 1"
    )
    return dict(rows.fetchall())


def compute_digest(fingerprint: BackupFingerprint) -> str:
    """Returns the SHA-256 of a fingerprint's tables and large objects, in hex: equal for equal rows."""
    part = {"tables": fingerprint["tables"], "large_objects": fingerprint["large_objects"]}
    text = json.dumps(part, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def count_rows(fingerprint: BackupFingerprint) -> int:
    """Returns the number of rows in all tables."""
    return sum(table["rows"] for table in fingerprint["tables"].values())


def describe_differences(source: BackupFingerprint, copy: BackupFingerprint) -> list[str]:
    """Returns one sentence for each difference between two fingerprints; empty when they are equal."""
    found = _describe_names(source["tables"], copy["tables"], "The table")
    for name in sorted(set(source["tables"]) & set(copy["tables"])):
        ours, theirs = source["tables"][name], copy["tables"][name]
        if ours["rows"] != theirs["rows"]:
            found.append(f"The table {name} has {theirs['rows']} rows instead of {ours['rows']}.")
        elif ours["hash"] != theirs["hash"]:
            found.append(f"The table {name} has its {ours['rows']} rows, but not all with the same values.")
    found += _describe_names(source["views"], copy["views"], "The materialised view")
    found += [
        f"The materialised view {name} has {copy['views'][name]} rows instead of {count}."
        for name, count in source["views"].items()
        if name in copy["views"] and copy["views"][name] != count
    ]
    if source["large_objects"] != copy["large_objects"]:
        counts = copy["large_objects"]["rows"], source["large_objects"]["rows"]
        found.append(f"The large objects differ ({counts[0]} instead of {counts[1]}, or in content).")
    found += _describe_names(source["extensions"], copy["extensions"], "The extension")
    return found


def _describe_names(source: Collection[str], copy: Collection[str], noun: str) -> list[str]:
    missing = [f"{noun} {name} is missing." for name in sorted(set(source) - set(copy))]
    return missing + [f"{noun} {name} is not in the source." for name in sorted(set(copy) - set(source))]


def describe_sequence_differences(
    before: Mapping[str, int | None], after: Mapping[str, int | None], copy: Mapping[str, int | None]
) -> list[str]:
    """Returns one sentence for each sequence of a copy that is missing, or whose value is outside of the
    values that the source had before and after the dump."""
    found = [f"The sequence {name} is missing." for name in sorted(set(before) - set(copy))]
    for name in sorted(set(before) & set(after) & set(copy)):
        if not _is_between(before[name], after[name], copy[name]):
            found.append(f"The sequence {name} stands at {copy[name]} instead of {before[name]}.")
    return found


def _is_between(before: int | None, after: int | None, value: int | None) -> bool:
    if value in (before, after):
        return True
    if value is None or after is None:
        return False
    return before is None or min(before, after) <= value <= max(before, after)
