"""Which changes of a column's type rewrite the table, and which fail on the values that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Names that people and the catalog use for the same type, as PostgreSQL calls it inside.
SAME = {
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "decimal": "numeric",
    "real": "float4",
}
#: Ranges that narrowing to a smaller integer would leave.
LIMITS = {"int2": (-(2**15), 2**15 - 1), "int4": (-(2**31), 2**31 - 1)}
WIDTH = {"int2": 2, "int4": 4, "int8": 8}
TIMES = {"timestamp", "timestamptz", "time", "timetz"}


@dataclass(frozen=True)
class ColumnType:
    """A type as PostgreSQL names it inside (int4, varchar, _text for arrays), with its modifiers."""

    name: str
    modifiers: tuple[int, ...] = ()

    def __str__(self) -> str:
        shown = f"{self.name[1:]}[]" if self.name.startswith("_") else self.name
        return shown + (f"({','.join(map(str, self.modifiers))})" if self.modifiers else "")


@dataclass(frozen=True)
class Conversion:
    """What a change of type means: ``fails`` is a condition on the column ``{c}`` that cannot pass."""

    rewrites: bool
    words: str
    fails: str = ""
    fails_unseen: bool = False  # can fail, and no query can tell beforehand
    changes: str = ""  # condition on ``{c}`` of values that come out different


def from_tree(type_name: dict[str, Any]) -> ColumnType:
    """The type in a parse tree's ``typeName``."""
    name = type_name["names"][-1]["String"]["sval"].lower()
    array = "_" if type_name.get("arrayBounds") else ""
    modifiers = tuple(
        m["A_Const"]["ival"].get("ival", 0)
        for m in type_name.get("typmods", [])
        if "ival" in m.get("A_Const", {})
    )
    return ColumnType(array + SAME.get(name, name), modifiers)


def from_catalog(name: str, typmod: int) -> ColumnType:
    """The type from ``pg_type.typname`` and ``pg_attribute.atttypmod``."""
    base = name.removeprefix("_")
    if typmod < 0:
        return ColumnType(name)
    if base in {"varchar", "bpchar"}:
        return ColumnType(name, (typmod - 4,))
    if base == "numeric":
        scale = (((typmod - 4) & 0x7FF) ^ 1024) - 1024
        return ColumnType(name, (((typmod - 4) >> 16) & 0xFFFF, scale))
    return ColumnType(name, (typmod,))


def convert(old: ColumnType | None, new: ColumnType) -> Conversion:
    """What ``ALTER COLUMN … TYPE new`` means for a column of type ``old`` (None: not known)."""
    if old is None:
        return Conversion(True, f"to {new}; its present type is not known here, so a rewrite is assumed")
    if old == new:
        return Conversion(False, f"is {new} already")
    said = f"{old} becomes {new}"
    family = _FAMILIES.get(old.name), _FAMILIES.get(new.name)
    if family == ("characters", "characters"):
        return _characters(old, new, said)
    if family == ("integer", "integer"):
        return _integers(new, said, narrows=WIDTH[new.name] < WIDTH[old.name])
    if old.name == new.name == "numeric":
        return _numerics(old, new, said)
    if old.name == new.name and old.name in TIMES:
        return _times(old, new, said)
    if (old.name, new.name) == ("json", "jsonb"):
        return Conversion(
            True,
            f"{said}: every value is parsed again, repeated keys fall together",
            fails="strpos({c}::text, '\\u0000') > 0",
        )
    if {old.name, new.name} == {"timestamp", "timestamptz"}:
        return Conversion(True, f"{said}: read in the session's time zone", changes="{c} IS NOT NULL")
    return Conversion(True, f"{said}: a value without a cast stops it", fails_unseen=True)


_FAMILIES = {"varchar": "characters", "text": "characters", "bpchar": "characters"} | dict.fromkeys(
    WIDTH, "integer"
)


def _characters(old: ColumnType, new: ColumnType, said: str) -> Conversion:
    widens = not new.modifiers or (bool(old.modifiers) and new.modifiers[0] >= old.modifiers[0])
    if "bpchar" in (old.name, new.name):
        padded = f"{said}: blanks at the end are not kept alike"
        too_long = f"length({{c}}) > {new.modifiers[0]}" if not widens else ""
        return Conversion(True, padded, fails=too_long)
    if widens:
        return Conversion(False, f"{said}, no value is touched")
    return Conversion(True, f"{said}: longer values do not fit", fails=f"length({{c}}) > {new.modifiers[0]}")


def _integers(new: ColumnType, said: str, *, narrows: bool) -> Conversion:
    if not narrows:
        return Conversion(True, f"{said}: every row is written again")
    low, high = LIMITS[new.name]
    return Conversion(True, f"{said}: larger values do not fit", f"{{c}} NOT BETWEEN {low} AND {high}")


def _numerics(old: ColumnType, new: ColumnType, said: str) -> Conversion:
    if not new.modifiers:
        return Conversion(False, f"{said}, no value is touched")
    precision, scale = (*new.modifiers, 0)[:2]
    if old.modifiers and (*old.modifiers, 0)[1] == scale and precision >= old.modifiers[0]:
        return Conversion(False, f"{said}, no value is touched")
    return Conversion(
        True,
        f"{said}: values are rounded to {scale} places, larger ones do not fit",
        fails=f"abs(round({{c}}, {scale})) >= 10::numeric ^ {precision - scale}",
        changes=f"{{c}} <> round({{c}}, {scale})",
    )


def _times(old: ColumnType, new: ColumnType, said: str) -> Conversion:
    before, after = (old.modifiers or (6,))[0], (new.modifiers or (6,))[0]
    if after >= before:
        return Conversion(False, f"{said}, no value is touched")
    return Conversion(
        True,
        f"{said}: values are rounded to {after} digits of a second",
        changes=f"{{c}} <> {{c}}::{new.name}({after})",
    )
