"""The values of rows, column by column, to show in what they differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import sql

from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.common_rows import is_none_of, located_rows
from integrations.parity.sql.keys import RowKey, key_predicate
from integrations.parity.sql.queries import (
    LOCATIONS_PER_QUERY,
    Location,
    RowHashes,
    SideQueries,
    array_expression,
    token_name,
)
from integrations.parity.sql.shown_values import shown_text

MAX_JSON_LENGTH = 50_000  # characters of JSON in which differing paths are looked for
VALUE_SEED = sql.SQL("3::bigint")  # of the hash of one value
TID_MIN_VERSION = 150000
LINE = sql.SQL('textin(tidout(r.ctid)) COLLATE "C"')


@dataclass(frozen=True)
class RowValues:
    """Rows that are the same, by column: values as text, cut; hashes of the canonical values; JSON, cut much
    later; how many ``rows`` there are.
    """

    hashed: RowHashes
    values: Mapping[str, str | None]
    hashes: Mapping[str, int | None]
    documents: Mapping[str, str | None]
    rows: int = 1


def read_values_at(side: SideQueries, keys: Collection[RowKey]) -> dict[RowKey, list[RowValues]]:
    """The values of the rows that have these keys; of rows that are the same, once."""
    found: dict[RowKey, list[RowValues]] = {key: [] for key in keys}
    without_key = not side.plan.key and not side.plan.table(side.expressions.side).is_view
    read = _read_one_of_each if without_key else _read_all
    for key, values in read(side, keys):
        if key in found:
            found[key].append(values)
    return found


def _read_all(side: SideQueries, keys: Collection[RowKey]) -> Iterator[tuple[RowKey, RowValues]]:
    # Equal hashes may have two texts, as 1.0 and 1.00 have. One of them is shown.
    arrays = [sql.SQL("min({})").format(array) for array in _value_arrays(side)]
    for key, row_hash, tokens, rows, *values in side.snapshot.stream_rows(side.select_groups(keys, *arrays)):
        yield tuple(key), _read_values(side, RowHashes(row_hash, tuple(tokens)), values, rows)


def _read_one_of_each(side: SideQueries, keys: Collection[RowKey]) -> Iterator[tuple[RowKey, RowValues]]:
    """Without a key, a million rows may be the same: their values are written for one of them only."""
    rows, places = _find_one_of_each(side, keys)
    found: dict[RowHashes, RowValues] = {}
    for partition in sorted({partition for partition, _ in places}):
        lines = sorted(line for other, line in places if other == partition)
        for start in range(0, len(lines), LOCATIONS_PER_QUERY):
            query = _select_values_at(side, partition, lines[start : start + LOCATIONS_PER_QUERY])
            for line, *values in side.snapshot.stream_rows(query):
                hashes = places[partition, line]
                found[hashes] = replace(_read_values(side, hashes, values), rows=rows[hashes])
    for hashes in sorted(found, key=_order):
        yield (str(hashes.row),), found[hashes]


def _find_one_of_each(
    side: SideQueries, keys: Collection[RowKey]
) -> tuple[dict[RowHashes, int], dict[Location, RowHashes]]:
    """How many rows there are of each hash, and where one of them is."""
    rows: dict[RowHashes, int] = {}
    places: dict[Location, RowHashes] = {}
    for value in side.common.keys() & {int(text) for (text,) in keys if text}:
        hashes = RowHashes(value, ())
        rows[hashes], place = side.common[value]
        places[place] = hashes
    if len(rows) == len(keys):
        return rows, places
    partitioned = side.plan.table(side.expressions.side).partitioned
    tracked = range(len(side.plan.tracked_rules))
    # A constant among them would be hashed for each row.
    groups = ["1", *["2"] * bool(tracked), *["3"] * partitioned]
    tokens = (sql.SQL("h.{}").format(token_name(number)) for number in tracked)
    query = sql.SQL("SELECT h.value, {}, {}, count(*), {} FROM {} WHERE {} AND {} GROUP BY {}").format(
        array_expression(tokens, "bigint"),
        sql.SQL("h.partition" if partitioned else "0::bigint"),
        _first_line(side.snapshot),
        located_rows(side),
        is_none_of(hashes.row for hashes in rows),
        key_predicate(side.expressions, keys),
        sql.SQL(", ").join(map(sql.SQL, groups)),
    )
    for row_hash, found, partition, count, line in side.snapshot.stream_rows(query):
        hashes = RowHashes(row_hash, tuple(found))
        if hashes not in rows:
            places[partition, line] = hashes
        rows[hashes] = rows.get(hashes, 0) + count
    return rows, places


def _first_line(snapshot: Snapshot) -> sql.Composable:
    """The ctid of one row of a group, as text. Not every older release has a min() for it."""
    if snapshot.connection.info.server_version >= TID_MIN_VERSION:
        return sql.SQL("textin(tidout(min(h.line)))")
    return sql.SQL('min(textin(tidout(h.line)) COLLATE "C")')


def _select_values_at(side: SideQueries, partition: int, lines: Sequence[str]) -> sql.Composable:
    in_partition = sql.SQL(" AND r.tableoid = {}::oid").format(sql.Literal(partition))
    return sql.SQL("SELECT {}, {} FROM {} WHERE r.ctid = ANY({}::tid[]){}").format(
        LINE,
        sql.SQL(", ").join(_value_arrays(side)),
        side.expressions.from_clause,
        sql.Literal(list(lines)),
        in_partition if partition else sql.SQL(""),
    )


def _order(hashes: RowHashes) -> tuple[int, list[tuple[bool, int]]]:
    return hashes.row, [(token is None, token or 0) for token in hashes.tokens]


def _value_arrays(queries: SideQueries) -> Iterator[sql.Composable]:
    """Texts, hashes and JSON as three arrays: an answer may have fewer columns than a table."""
    side, pairs = queries.expressions, queries.plan.pairs
    in_bytes = sql.SQL(' COLLATE "C"')
    yield array_expression((shown_text(side, pair) for pair in pairs), "text") + in_bytes
    yield array_expression((side.hash(pair, side.canonical(pair), VALUE_SEED) for pair in pairs), "bigint")
    documents = (pair for pair in pairs if pair.form.name == "json")
    cut = sql.SQL("left({}, {})")
    yield (
        array_expression(
            (cut.format(side.value_text(pair), sql.Literal(MAX_JSON_LENGTH)) for pair in documents),
            "text",
        )
        + in_bytes
    )


def _read_values(side: SideQueries, hashed: RowHashes, values: Sequence[Any], rows: int = 1) -> RowValues:
    texts, hashes, documents = values
    names = [pair.name for pair in side.plan.pairs]
    json_names = [pair.name for pair in side.plan.pairs if pair.form.name == "json"]
    return RowValues(
        hashed,
        dict(zip(names, texts, strict=True)),
        dict(zip(names, hashes, strict=True)),
        dict(zip(json_names, documents, strict=True)),
        rows,
    )
