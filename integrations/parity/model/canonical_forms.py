"""The canonical form of a value: values that mean the same have the same hash, and no others.

PostgreSQL's own hash function of a type is used only where it is sound. Those of numeric (5 and -5 collide),
jsonb (ignores nesting), bigint and timestamps (folded to 32 bits), interval and enum are not: such values
are hashed by their text, or in a way that keeps every bit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, LiteralString

from psycopg import sql

from integrations.parity.server.catalog import FAMILIES, CatalogColumn
from integrations.parity.server.column_types import text_of

# Between these years, an epoch in float8 is exact to a microsecond.
FIRST_YEAR, LAST_YEAR = "'1700-01-01'", "'2240-01-01'"


@dataclass(frozen=True)
class CanonicalForm:
    """SQL that casts a column ``{c}``, or its text ``{t}``, to the form (``cast``), and hashes the result.

    ``output`` writes the result as text (`text_of`). The hash is ``opening``, then a seed, then ``closing``.
    In ``opening``, ``{v}`` is the value, with ``empty`` instead of NULL: the row hash contains the NULLs
    separately (sql/row_hash.py), so that ``empty`` may be an ordinary value. ``{bare}`` may be NULL.
    """

    name: str
    cast: LiteralString
    opening: LiteralString
    empty: LiteralString
    closing: LiteralString = ")"
    output: str = ""

    @property
    def recoded(self) -> CanonicalForm:
        """The same form for sides with different encodings."""
        return replace(self, opening=UTF8_HASH) if self.name in ("text", "json") else self

    def cast_expression(self, value: sql.Composable, base: str = "", output: str = "") -> sql.Composable:
        """A value of this base type, which ``output`` writes as text, cast to the form."""
        text = text_of(value, output)
        return sql.SQL("{t}" if base == "jsonb" else self.cast).format(c=value, t=text)

    def text_of(self, value: sql.Composable) -> sql.Composable:
        """A value in this form as text."""
        return text_of(value, self.output)

    def open_hash(self, value: sql.Composable) -> sql.Composable:
        """The first part of the hash of a value; the seed and ``closing`` follow it."""
        not_null = sql.SQL("coalesce({}, {})").format(value, sql.SQL(self.empty))
        return sql.SQL(self.opening).format(v=not_null, bare=value)


TEXT_HASH: LiteralString = 'hashtextextended({v} COLLATE "C", '
#: \u0000 is legal in json and impossible in jsonb: such a value is compared as it was written.
JSON_CAST: LiteralString = (
    "(CASE WHEN strpos({t}, '\\u0000') > 0 AND {t} ~ '(^|[^\\\\])(\\\\\\\\)*\\\\u0000'"
    " THEN {t} ELSE textin(jsonb_out({c}::jsonb)) END)"
)
#: Numbers in arrays, ranges and other types that are made of numbers alone lose their trailing zeros, as they
#: do by themselves.
NUMBERS_CAST: LiteralString = (
    "regexp_replace({t}, '\\.0+(?=[]),}}])|(\\.[0-9]*[1-9])0+(?=[]),}}])', '\\1', 'g')"
)
# hashfloat8extended returns its seed for 0. The additional step keeps two neighbouring columns, one of them
# 0, from having the same hash when their values are swapped.
FLOAT_HASH: LiteralString = "hashfloat8extended({v}, hashcharextended('f', "

FORMS = {
    form.name: form
    for form in (
        CanonicalForm("text", "{t}", TEXT_HASH, "''"),
        CanonicalForm("numbers", NUMBERS_CAST, TEXT_HASH, "''"),
        CanonicalForm("json", JSON_CAST, TEXT_HASH, "''"),
        CanonicalForm(
            "numeric",
            "trim_scale({c}::numeric)",
            'hashtextextended(textin(numeric_out({v})) COLLATE "C", ',
            "0",
            output="numeric_out",
        ),
        CanonicalForm("integer", "{c}::bigint", "hashcharextended('i', {v} # ", "0", output="int8out"),
        CanonicalForm(
            "uuid",
            "{c}::uuid",
            "uuid_hash_extended({v}, ",
            "'00000000-0000-0000-0000-000000000000'",
            output="uuid_out",
        ),
        CanonicalForm("float", "{c}::float8", FLOAT_HASH, "0", "))", "float8out"),
        CanonicalForm("boolean", "{c}::boolean", "hashcharextended('b', {v}::int::bigint # ", "false"),
        CanonicalForm(
            "timestamp",
            "{c}::timestamp",  # with a zone: as UTC, which the session is pinned to
            "hashfloat8extended(date_part('epoch', {v}), hashcharextended('t', (CASE WHEN {bare} < "
            + FIRST_YEAR
            + " OR {bare} > "
            + LAST_YEAR
            + ' THEN hashtextextended(textin(timestamp_out({bare}::timestamp)) COLLATE "C", 1)'
            " ELSE 0 END) # ",
            "'2000-01-01'",
            "))",
            "timestamp_out",
        ),
        CanonicalForm(
            "date",
            "{c}::date",
            'hashtextextended(textin(date_out({v})) COLLATE "C", ',
            "'2000-01-01'::date",
            output="date_out",
        ),
        CanonicalForm(
            "time",
            "{c}::time",
            'hashtextextended(textin(time_out({v})) COLLATE "C", ',
            "'0:00'::time",
            output="time_out",
        ),
    )
}

#: For sides with different encodings: the characters of a text are hashed, whatever their bytes are.
UTF8_HASH: LiteralString = "hashtextextended(encode(convert_to({v}, 'UTF8'), 'hex') COLLATE \"C\", "

#: The text of bytes is twice as long as they are, and PostgreSQL allows no text above 1 GB. The digest of
#: longer bytes is no text of other bytes, because those begin with a backslash.
LONGEST_BYTES = 256 << 20
BYTES_CAST: LiteralString = (
    "(CASE WHEN octet_length({c}) > %s THEN 'sha256 of ' || textin(int4out(octet_length({c}))) || ' bytes: '"
    " || textin(byteaout(sha256({c}))) ELSE {t} END)"
)
#: By the name of any text, which the recipe of a fingerprint holds: shorter bytes have the same hashes.
BYTES_FORM = CanonicalForm("text", BYTES_CAST.replace("%s", str(LONGEST_BYTES)), TEXT_HASH, "''")

#: Two different families, and the form to which both can be cast without loss.
COMMON_FORMS = {
    frozenset({"integer", "numeric"}): "numeric",
    frozenset({"date", "timestamp"}): "timestamp",
    frozenset({"uuid", "text"}): "text",
    frozenset({"integer", "text"}): "text",
    frozenset({"numeric", "text"}): "text",
    frozenset({"array", "text"}): "text",
}


def choose_form(source: CatalogColumn, target: CatalogColumn) -> CanonicalForm | None:
    """The form in which two columns are compared, or None where no form is sound for both."""
    families = {source.family, target.family}
    if source.base == target.base == "bytea":
        return BYTES_FORM
    text = FORMS["numbers" if source.of_numbers and target.of_numbers else "text"]
    if families == {"array"}:
        return text if _same_elements(source, target) else None
    if len(families) == 1:
        return FORMS.get(source.family, text)
    if common := COMMON_FORMS.get(frozenset(families)):
        return FORMS[common]
    other = min(families - {"text"}, default="")
    is_text = "text" in families and other.startswith("as_text:") and other != "as_text:bytea"
    return FORMS["text"] if is_text else None


def _same_elements(source: CatalogColumn, target: CatalogColumn) -> bool:
    """Arrays are compared by their text, so their elements must be written in the same way."""
    names = [column.structure.removesuffix("[]") for column in (source, target)]
    elements = {FAMILIES.get(name, name) for name in names}
    return source.structure == target.structure or elements in ({"text"}, {"integer"})


def default_literal(default: Any, form: CanonicalForm) -> sql.Composable | None:
    """A declared default in the form of its column, or None when it cannot be a value of that column."""
    if form.name == "json":
        return sql.SQL("textin(jsonb_out({}::jsonb))").format(sql.Literal(json.dumps(default)))
    allowed: dict[str, tuple[type, ...]] = {
        "boolean": (bool,),
        "integer": (int,),
        "numeric": (int, float, str),
        "float": (int, float),
    }
    if not isinstance(default, allowed.get(form.name, (str,))):
        return None
    if isinstance(default, bool) != (form.name == "boolean") or (default == "" and form.name != "text"):
        return None
    return form.cast_expression(sql.SQL("{}").format(sql.Literal(str(default))))
