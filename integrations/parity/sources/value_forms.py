"""The common forms of values of two kinds of servers: which there are, and how PostgreSQL writes them.

A form is a text that is the same where two values are the same, and another one where they are not. The text
of a row is made of these, so that no two rows have the same: where a form may hold any letters, its length
stands before it; the others hold no ``|``.
"""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

from integrations.parity.server.catalog import CatalogColumn
from integrations.parity.sources.source_tables import MatchedColumn

#: Forms of which a value may hold any letters.
FREE = frozenset({"text", "padded", "written", "uuid", "set"})

#: A number that no float4 holds stays what it is.
AS_FLOAT4: LiteralString = (
    "(CASE WHEN abs({c}::float8) BETWEEN 1.2e-38 AND 3.4e38 THEN {c}::float4::float8 ELSE {c}::float8 END)"
)
#: The labels of a set between commas. An array that no set could be keeps its own text.
SET: LiteralString = (
    "(SELECT CASE WHEN {t} = '{{}}' THEN '' WHEN {t} ~ '^[[]|^[{{][{{]' OR bool_or(e IS NULL OR e = ''"
    " OR strpos(e, ',') > 0) THEN '{{' || {t} ELSE string_agg(e, ',' ORDER BY o) END"
    " FROM unnest({t}::text[]) WITH ORDINALITY AS u(e, o))"
)
#: Hours may be more than a day. What has months, or is beyond a year, has no counterpart and keeps its text.
INTERVAL: LiteralString = (
    "(CASE WHEN extract(year FROM {c}) = 0 AND extract(month FROM {c}) = 0"
    " AND abs(extract(epoch FROM {c})) < 3e7"
    " THEN textin(interval_out(make_interval(secs => extract(epoch FROM {c})::float8))) ELSE {t} END)"
)
#: Form → SQL with ``{c}`` for the column and ``{t}`` for its text; NULL stays NULL.
TARGET_FORMS: dict[str, LiteralString] = {
    "text": "{t}",
    "padded": "rtrim({t}, ' ')",
    "written": "{t}",
    "long_text": "textin(int4out(length({t}))) || ':' || md5({t})",
    "integer": "textin(int8out({c}::bigint))",
    "numeric": "textin(numeric_out(trim_scale({c}::numeric)))",
    "float": "encode(float8send({c}::float8 + 0), 'hex')",
    "float4": "encode(float8send(" + AS_FLOAT4 + " + 0), 'hex')",
    "boolean": "CASE {c} WHEN true THEN '1' WHEN false THEN '0' END",
    "uuid": "replace({t}, '-', '')",
    "date": "textin(date_out({c}))",
    "timestamp": "textin(timestamp_out({c}::timestamp))",
    "time": "textin(time_out({c}))",
    "interval": INTERVAL,
    "bits": "{t}",
    "bytes": "textin(int4out(octet_length({c}))) || ':' || md5({c})",
    "bytes_of_text": "textin(int4out(octet_length(convert_to({t}, 'UTF8')))) || ':'"
    " || md5(convert_to({t}, 'UTF8'))",
    "set": SET,
}
#: Forms that hold a time whose digits may be rounded → the type that rounds.
ROUNDED: dict[str, LiteralString] = {"timestamp": "timestamp", "time": "time"}

MAX_SHOWN = 500  # characters of a value


def target_column(column: CatalogColumn) -> sql.Composable:
    """The column in a row ``r``."""
    return sql.Identifier("r", column.name)


def exact_target(match: MatchedColumn) -> sql.Composable:
    """The value in its form, without any adjustment."""
    return _in_form(match, target_column(match.target))


def adjusted_target(match: MatchedColumn) -> sql.Composable:
    """The value in its form, rounded and with the declared default, as it is hashed."""
    value = exact_target(match)
    if rounded := match.adjustment("rounded"):
        value = _in_form(match, _round(match, rounded.digits))
    if default := match.adjustment("default"):
        value = sql.SQL("coalesce({}, {})").format(value, sql.Literal(default.default))
    return value


def touched_target(match: MatchedColumn, kind: str) -> sql.Composable:
    """Whether the target holds what the adjustment of that kind says should not be left there."""
    if kind == "default":
        return sql.SQL("{} IS NULL").format(target_column(match.target))
    rounded = match.adjustment(kind)
    if kind != "rounded" or rounded is None or not rounded.is_tracked:
        return sql.SQL("false")
    column = sql.SQL("{}::{}").format(target_column(match.target), sql.SQL(ROUNDED[match.form]))
    return sql.SQL("coalesce({} <> {}, false)").format(column, _round(match, rounded.digits))


def _round(match: MatchedColumn, digits: int) -> sql.Composable:
    kind = sql.SQL(ROUNDED[match.form])
    value = sql.SQL("{}::{}").format(target_column(match.target), kind)
    return sql.SQL("({})::{}({})").format(value, kind, sql.Literal(digits))


def _in_form(match: MatchedColumn, column: sql.Composable) -> sql.Composable:
    # An array is read back from its own text: a cast of its elements may be a user's.
    template = sql.SQL(TARGET_FORMS[match.form])
    return sql.SQL("({})").format(template.format(c=column, t=_text_of(match)))


def _text_of(match: MatchedColumn) -> sql.Composable:
    return match.target.text
