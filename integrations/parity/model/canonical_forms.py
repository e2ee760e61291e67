"""The canonical form of a value, so that what means the same hashes the same, and nothing else does.

PostgreSQL's own hashes are used only where they are lossless: those of numeric (5 and -5), jsonb
(ignores nesting), bigint and timestamps (folded to 32 bits), interval and enum are not, so such
values are hashed by their text, or in a way that keeps every bit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, LiteralString

from psycopg import sql

from integrations.parity.tables import FAMILIES, Column

FIRST_YEAR, LAST_YEAR = "'1700-01-01'", "'2240-01-01'"  # a float8 epoch is exact to 1 µs between these


@dataclass(frozen=True)
class Form:
    """``cast`` brings a column to the form; ``opening`` + seed + ``closing`` hashes it.

    In ``opening`` ``{v}`` is the value, with ``empty`` in place of NULL: that a value was NULL is hashed
    apart (rowhash.py), so it may be a value like any other. ``{bare}`` is the value that may be NULL.
    """

    name: str
    cast: LiteralString
    opening: LiteralString
    empty: LiteralString
    closing: LiteralString = ")"

    def value(self, column: sql.Composable, base: str = "") -> sql.Composable:
        """The column, whose base type that is, in this form."""
        return sql.SQL("{c}::text" if base == "jsonb" else self.cast).format(c=column)

    def open(self, value: sql.Composable) -> sql.Composable:
        """The hash of a value up to where its seed and ``closing`` follow."""
        known = sql.SQL("coalesce({}, {})").format(value, sql.SQL(self.empty))
        return sql.SQL(self.opening).format(v=known, bare=value)


TEXT_HASH: LiteralString = 'hashtextextended({v} COLLATE "C", '
#: \u0000 is legal in json and impossible in jsonb: such a value stays as it was written
JSON_CAST: LiteralString = (
    "(CASE WHEN strpos({c}::text, '\\u0000') > 0 AND {c}::text ~ '(^|[^\\\\])(\\\\\\\\)*\\\\u0000'"
    " THEN {c}::text ELSE {c}::jsonb::text END)"
)
#: numbers in an array lose the zeros at their ends, as they do outside of one
NUMBERS_CAST: LiteralString = (
    "regexp_replace({c}::text, '\\.0+(?=[,}}])|(\\.[0-9]*[1-9])0+(?=[,}}])', '\\1', 'g')"
)
# hashfloat8extended gives back its seed for 0: without a step between, neighbours could change places.
FLOAT_HASH: LiteralString = "hashfloat8extended({v}, hashcharextended('f', "

FORMS = {
    form.name: form
    for form in (
        Form("text", "{c}::text", TEXT_HASH, "''"),
        Form("numbers", NUMBERS_CAST, TEXT_HASH, "''"),
        Form("json", JSON_CAST, TEXT_HASH, "''"),
        Form("numeric", "trim_scale({c}::numeric)", 'hashtextextended({v}::text COLLATE "C", ', "0"),
        Form("integer", "{c}::bigint", "hashcharextended('i', {v} # ", "0"),
        Form("uuid", "{c}::uuid", "uuid_hash_extended({v}, ", "'00000000-0000-0000-0000-000000000000'"),
        Form("float", "{c}::float8", FLOAT_HASH, "0", "))"),
        Form("boolean", "{c}::boolean", "hashcharextended('b', {v}::int::bigint # ", "false"),
        Form(
            "timestamp",
            "{c}::timestamp",  # with a zone: as UTC, which the session is pinned to
            "hashfloat8extended(date_part('epoch', {v}), hashcharextended('t', (CASE WHEN {bare} < "
            + FIRST_YEAR
            + " OR {bare} > "
            + LAST_YEAR
            + ' THEN hashtextextended({bare}::timestamp::text COLLATE "C", 1) ELSE 0 END) # ',
            "'2000-01-01'",
            "))",
        ),
        Form("date", "{c}::date", 'hashtextextended({v}::text COLLATE "C", ', "'2000-01-01'::date"),
        Form("time", "{c}::time", 'hashtextextended({v}::text COLLATE "C", ', "'0:00'::time"),
    )
}

#: forms by name for sides with different encodings: the letters of a text, whatever their bytes are
RECODED = {
    name: replace(
        FORMS[name], opening="hashtextextended(encode(convert_to({v}, 'UTF8'), 'hex') COLLATE \"C\", "
    )
    for name in ("text", "json")
}

#: two families that are not the same, and the form that both can take without loss
ACROSS = {
    frozenset({"integer", "numeric"}): "numeric",
    frozenset({"date", "timestamp"}): "timestamp",
    frozenset({"uuid", "text"}): "text",
    frozenset({"integer", "text"}): "text",
    frozenset({"numeric", "text"}): "text",
    frozenset({"array", "text"}): "text",
}


def form_for(source: Column, target: Column) -> Form | None:
    """The form in which the two can be compared, or None where no form is sound for both."""
    families = {source.family, target.family}
    if source.base == target.base == "_numeric":
        return FORMS["numbers"]
    if families == {"array"}:
        return FORMS["text"] if _same_elements(source, target) else None
    if len(families) == 1:
        return FORMS.get(source.family, FORMS["text"])
    if across := ACROSS.get(frozenset(families)):
        return FORMS[across]
    other = min(families - {"text"}, default="")
    plain = "text" in families and other.startswith("as_text:") and other != "as_text:bytea"
    return FORMS["text"] if plain else None


def _same_elements(source: Column, target: Column) -> bool:
    """Arrays are compared by their text, which of two types of elements has to be the same."""
    elements = {FAMILIES.get(column.base.removeprefix("_"), column.base) for column in (source, target)}
    return source.base == target.base or elements in ({"text"}, {"integer"})


def default_literal(default: Any, form: Form) -> sql.Composable | None:
    """A declared default in the form of its column, or None when it cannot be a value of it."""
    if form.name == "json":
        return sql.SQL("{}::jsonb::text").format(sql.Literal(json.dumps(default)))
    allowed: dict[str, tuple[type, ...]] = {
        "boolean": (bool,), "integer": (int,), "numeric": (int, float, str), "float": (int, float),
    }  # fmt: skip
    if not isinstance(default, allowed.get(form.name, (str,))):
        return None
    if isinstance(default, bool) != (form.name == "boolean") or (default == "" and form.name != "text"):
        return None
    return form.value(sql.SQL("{}").format(sql.Literal(str(default))))
