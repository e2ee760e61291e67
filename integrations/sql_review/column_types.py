"""Which changes of a column's type rewrite the table, and which fail on the values that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations.sql_review.json_values import refused_by_jsonb, shortened_by_jsonb

#: Other names of a type → the name in PostgreSQL's catalog.
ALIASES = {
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "decimal": "numeric",
    "real": "float4",
}
#: Types that are an integer with a sequence for its default → that integer.
SERIALS = {
    "serial": "integer",
    "bigserial": "bigint",
    "smallserial": "smallint",
    "serial4": "integer",
    "serial8": "bigint",
    "serial2": "smallint",
}
#: Smallest and largest value of an integer type.
LIMITS = {"int2": (-(2**15), 2**15 - 1), "int4": (-(2**31), 2**31 - 1)}
WIDTH = {"int2": 2, "int4": 4, "int8": 8}
TIMES = {"timestamp", "timestamptz", "time", "timetz"}


@dataclass(frozen=True)
class ColumnType:
    """A type by its name in PostgreSQL's catalog (int4, varchar, _text for arrays), with its modifiers."""

    name: str
    modifiers: tuple[int, ...] = ()

    def __str__(self) -> str:
        shown = f"{self.name[1:]}[]" if self.name.startswith("_") else self.name
        return shown + (f"({','.join(map(str, self.modifiers))})" if self.modifiers else "")


@dataclass(frozen=True)
class TypeConversion:
    """What a change of type means. ``fails`` and ``changes`` are SQL conditions on the column ``{c}``."""

    rewrites: bool
    explanation: str
    fails: str = ""  # values that make the statement fail
    fails_uncounted: bool = False  # values can make it fail, and no query can count them beforehand
    changes: str = ""  # values that come out different


def read_tree_type(type_name: dict[str, Any]) -> ColumnType:
    """Returns the type in a parse tree's ``typeName``."""
    name = type_name["names"][-1]["String"]["sval"].lower()
    array = "_" if type_name.get("arrayBounds") else ""
    modifiers = tuple(
        m["A_Const"]["ival"].get("ival", 0)
        for m in type_name.get("typmods", [])
        if "ival" in m.get("A_Const", {})
    )
    return ColumnType(array + ALIASES.get(name, name), modifiers)


def read_catalog_type(name: str, typmod: int) -> ColumnType:
    """Returns the type from ``pg_type.typname`` and ``pg_attribute.atttypmod``."""
    base = name.removeprefix("_")
    if typmod < 0:
        return ColumnType(name)
    if base in {"varchar", "bpchar"}:
        return ColumnType(name, (typmod - 4,))
    if base == "numeric":
        scale = (((typmod - 4) & 0x7FF) ^ 1024) - 1024
        return ColumnType(name, (((typmod - 4) >> 16) & 0xFFFF, scale))
    return ColumnType(name, (typmod,))


def convert_type(old: ColumnType | None, new: ColumnType, *, server: int = 0) -> TypeConversion:
    """Returns what ``ALTER COLUMN … TYPE new`` means for a column of type ``old`` (None: not known).

    ``server`` is the version of PostgreSQL as libpq gives it (150004), 0 where it is not known.
    """
    if old is None:
        return TypeConversion(True, f"to {new}; its present type is not known here, so a rewrite is assumed")
    if old == new:
        return TypeConversion(False, f"is {new} already")
    change = f"{old} becomes {new}"
    family = _FAMILIES.get(old.name), _FAMILIES.get(new.name)
    if family == ("characters", "characters"):
        return _convert_characters(old, new, change)
    if family == ("integer", "integer"):
        return _convert_integers(new, change, narrows=WIDTH[new.name] < WIDTH[old.name])
    if old.name == new.name == "numeric":
        return _convert_numerics(old, new, change)
    if old.name == new.name and old.name in TIMES:
        return _convert_times(old, new, change)
    if (old.name, new.name) == ("json", "jsonb"):
        return TypeConversion(
            True,
            f"{change}: every value is parsed again; of keys that are there twice the last one stays",
            fails=refused_by_jsonb(server),
            changes=shortened_by_jsonb(server),
        )
    if {old.name, new.name} == {"timestamp", "timestamptz"}:
        return TypeConversion(True, f"{change}: read in the session's time zone", changes="{c} IS NOT NULL")
    return _convert_by_cast(old, new, change) or TypeConversion(
        True, f"{change}: a value without a cast stops it", fails_uncounted=True
    )


_FLOATS = ("float4", "float8")


def _convert_by_cast(old: ColumnType, new: ColumnType, change: str) -> TypeConversion | None:
    """Between numbers, and to text; None for other pairs."""
    is_number = old.name in (*WIDTH, *_FLOATS, "numeric")
    if is_number and new.name in WIDTH:
        low, high = LIMITS.get(new.name, (-(2**63), 2**63 - 1))
        rounded = f"{change}: values are rounded to whole numbers, larger ones do not fit"
        # A float has values that are no numbers; as numeric they are compared like any other.
        fails = f"round({{c}}::numeric) NOT BETWEEN {low} AND {high}"
        return TypeConversion(True, rounded, fails=fails, changes="{c}::numeric <> round({c}::numeric)")
    if is_number and new.name == "numeric":
        return _convert_numerics(ColumnType("numeric"), new, change, "{c}::numeric", is_rewritten=True)
    if is_number and new.name in _FLOATS:
        inexact = f"{change}: only so many digits are kept"
        return TypeConversion(True, inexact, changes=f"{{c}}::{new.name}::numeric <> {{c}}::numeric")
    if new.name in ("text", "varchar") and old.name not in ("bpchar", "_char") and not new.modifiers:
        return TypeConversion(True, f"{change}: every value is written as text")
    if new.name == "varchar":
        too_long = f"length({{c}}::text) > {new.modifiers[0]}"
        return TypeConversion(True, f"{change}: longer values do not fit", fails=too_long)
    return None


_FAMILIES = {"varchar": "characters", "text": "characters", "bpchar": "characters"} | dict.fromkeys(
    WIDTH, "integer"
)


def _convert_characters(old: ColumnType, new: ColumnType, change: str) -> TypeConversion:
    widens = not new.modifiers or (bool(old.modifiers) and new.modifiers[0] >= old.modifiers[0])
    if "bpchar" in (old.name, new.name):
        padded = f"{change}: blanks at the end are not kept alike"
        too_long = f"length({{c}}) > {new.modifiers[0]}" if not widens else ""
        return TypeConversion(True, padded, fails=too_long)
    if widens:
        return TypeConversion(False, f"{change}, no value is touched")
    return TypeConversion(
        True, f"{change}: longer values do not fit", fails=f"length({{c}}) > {new.modifiers[0]}"
    )


def _convert_integers(new: ColumnType, change: str, *, narrows: bool) -> TypeConversion:
    if not narrows:
        return TypeConversion(True, f"{change}: every row is written again")
    low, high = LIMITS[new.name]
    return TypeConversion(True, f"{change}: larger values do not fit", f"{{c}} NOT BETWEEN {low} AND {high}")


def _convert_numerics(
    old: ColumnType, new: ColumnType, change: str, value: str = "{c}", *, is_rewritten: bool = False
) -> TypeConversion:
    if not new.modifiers:
        return TypeConversion(is_rewritten, f"{change}, no value is touched")
    precision, scale = (*new.modifiers, 0)[:2]
    if old.modifiers and (*old.modifiers, 0)[1] == scale and precision >= old.modifiers[0]:
        return TypeConversion(False, f"{change}, no value is touched")
    return TypeConversion(
        True,
        f"{change}: values are rounded to {scale} places, larger ones do not fit",
        fails=f"abs(round({value}, {scale})) >= 10::numeric ^ {precision - scale}",
        changes=f"{value} <> round({value}, {scale})",
    )


def _convert_times(old: ColumnType, new: ColumnType, change: str) -> TypeConversion:
    before, after = (old.modifiers or (6,))[0], (new.modifiers or (6,))[0]
    if after >= before:
        return TypeConversion(False, f"{change}, no value is touched")
    return TypeConversion(
        True,
        f"{change}: values are rounded to {after} digits of a second",
        changes=f"{{c}} <> {{c}}::{new.name}({after})",
    )
