"""The form that a column of MariaDB or MySQL has in common with one of PostgreSQL, and its SQL there."""

from __future__ import annotations

from integrations.parity.server.catalog import CatalogColumn
from integrations.parity.sources.source_tables import Adjustment, MatchedColumn, SourceColumn

INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum"})
BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
TIMES = frozenset({"datetime", "timestamp"})
OTHER_TEXTS = frozenset({"uuid", "inet4", "inet6"})
#: Longer texts are hashed by themselves: the text of a row must not be longer than max_allowed_packet.
LONG = 4_000_000  # characters

#: Kind of the source → family of the target → form. What is not here has no common form.
NUMBER_FORMS = {"integer": "numeric", "numeric": "numeric"}
ZERO_DATE = "zero dates are NULL"
PADDING = "blanks at the end are padding"


def choose_common_form(source: SourceColumn, target: CatalogColumn) -> str:
    """The name of the form, or empty where no form is sound for both."""
    family = target.family
    if source.is_json or source.kind in TEXTS:
        return _form_of_text(source, target)
    if source.kind in INTEGERS or source.kind in ("year", "bit"):
        return _form_of_integer(source, target)
    if source.kind == "decimal":
        return {**NUMBER_FORMS, "float": "float", "text": "written" if not source.scale else ""}.get(
            family, ""
        )
    if source.kind in ("float", "double"):
        return _form_of_float(source, target)
    if source.kind in BYTES:
        return _form_of_bytes(source, target)
    if source.kind in OTHER_TEXTS:
        return "uuid" if family == source.kind == "uuid" else "written" if _is_written(target) else ""
    if source.kind == "set":
        is_plain = not any(label.startswith("{") for label in source.labels)
        return "set" if family == "array" and is_plain else "text" if family == "text" else ""
    return _form_of_time(source, target)


def _form_of_text(source: SourceColumn, target: CatalogColumn) -> str:
    if target.family == "json":
        return "json"
    if target.family == "text":
        long = source.length > LONG or source.is_json
        return "padded" if target.base == "bpchar" else "long_text" if long else "text"
    if target.family == "uuid":
        return "uuid"
    return "written" if _is_written(target) and source.kind != "enum" else ""


def _is_written(target: CatalogColumn) -> bool:
    """Whether the text of a value of the target says all about it."""
    return target.family not in ("array", "json", "float", "boolean") and target.base != "bytea"


def _form_of_integer(source: SourceColumn, target: CatalogColumn) -> str:
    bits = {"as_text:bit": "bits", "as_text:varbit": "bits"} if source.kind == "bit" else {}
    forms = {"integer": "integer", "numeric": "numeric", "boolean": "boolean", "text": "written", **bits}
    return forms.get(target.family, "")


def _form_of_float(source: SourceColumn, target: CatalogColumn) -> str:
    if target.family == "float":
        return "float" if (source.kind == "float") == (target.base == "float4") else "float4"
    return {"float": "float4", "double": "float"}[source.kind] if target.family == "numeric" else ""


def _form_of_bytes(source: SourceColumn, target: CatalogColumn) -> str:
    if target.base == "bytea":
        return "bytes"
    if target.family == "uuid":
        return "uuid" if source.length == 16 else ""
    return "bytes_of_text" if target.family == "text" and target.base != "bpchar" else ""


def _form_of_time(source: SourceColumn, target: CatalogColumn) -> str:
    if source.kind == "date":
        return {"date": "date", "timestamp": "timestamp"}.get(target.family, "")
    if source.kind in TIMES:
        return "timestamp" if target.family in ("timestamp", "date") else ""
    if source.kind == "time":
        return {"time": "time", "as_text:interval": "interval"}.get(target.family, "")
    return ""


def follow_from_types(source: SourceColumn, target: CatalogColumn, form: str) -> tuple[Adjustment, ...]:
    """The differences that come from the types alone; they are declared, and counted."""
    found = []
    if source.kind == "date" or source.kind in TIMES:
        found.append(Adjustment("zero", f"{target.name}: {ZERO_DATE} (by its type)"))
    held = target_digits(target)
    if form in ("timestamp", "time") and held < source.digits:
        text = f"{target.name}: rounded to {held} digits of a second (by its type)"
        found.append(Adjustment("rounded", text, digits=held))
    if form == "padded" and source.kind != "char":
        found.append(Adjustment("padding", f"{target.name}: {PADDING} (by its type)"))
    return tuple(found)


def target_digits(target: CatalogColumn) -> int:
    """Digits of a second that the type of the target keeps."""
    kept = target.type.partition("(")[2].partition(")")[0]
    return int(kept) if kept.isdigit() and target.family in ("timestamp", "time") else 6


def describe_types(source: SourceColumn, target: CatalogColumn, form: str) -> str:
    """What two types of a pair mean for the comparison; empty where there is nothing to say."""
    if form == "boolean":
        return f"{source.type} as boolean: 0 is false, 1 is true, and no other number is equal"
    if form == "timestamp" and source.kind == "datetime" and target.base == "timestamptz":
        return "its times have no zone in the source, and were taken as UTC"
    if form in ("float", "float4") and target.family == "numeric":
        return "compared as the binary number that both mean"
    if form == "float4":
        return "compared with the digits that a number of 32 bits has"
    if form == "json":
        return "compared by the meaning of its JSON"
    if form == "uuid" and source.kind != "uuid":
        return "compared by its 32 hex digits, in lower case"
    if form == "set":
        return "a set as an array of its labels, in the order of the set"
    if form == "text" and source.charset not in ("utf8mb4", "utf8mb3", "utf8", "ascii", ""):
        return f"converted from {source.charset}"
    return f"{source.type} compared with the text of {target.type}" if form == "written" else ""


def quote_source(name: str) -> str:
    """A name in backquotes."""
    return "`{}`".format(name.replace("`", "``"))


def sql_text(text: str) -> str:
    """A text as SQL, whatever it holds."""
    return f"convert(x'{text.encode().hex()}' using utf8mb4)" if text else "''"


def exact_source(column: MatchedColumn) -> str:
    """The value in its form, without any adjustment but those that the types need."""
    return _write_value(column, quote_source(column.source.name))


def adjusted_source(column: MatchedColumn) -> str:
    """The value in its form as it is hashed, rounded. It may be anything where `is_null_source`."""
    name = quote_source(column.source.name)
    rounded = column.adjustment("rounded")
    if rounded is None:
        return _write_value(column, name)
    kind = "time" if column.form == "time" else "datetime"
    # A date such as 2024-00-10 cannot be cast, and must not become NULL.
    name = f"coalesce(cast({name} as {kind}({rounded.digits})), {name})"
    return _write_value(column, name, max(rounded.digits, column.source.digits))


def is_null_source(column: MatchedColumn) -> str:
    """Whether the value counts as NULL. The result of a function says nothing: one that would be longer than
    max_allowed_packet is NULL as well."""
    name = quote_source(column.source.name)
    return f"({name} is null or {name} = 0)" if column.adjustment("zero") else f"{name} is null"


def touched_source(column: MatchedColumn, kind: str) -> str:
    """Whether the adjustment of that kind explains the value."""
    name = quote_source(column.source.name)
    if kind == "default":
        return f"{name} is null"
    if kind == "zero":
        return f"coalesce({name} = 0, 0)"
    if kind == "padding":
        return f"coalesce(right({name}, 1) = ' ' and {name} not like '', 0)"
    rounded = column.adjustment(kind)
    assert rounded is not None
    cast = "time" if column.form == "time" else "datetime"
    return f"coalesce({name} <> cast({name} as {cast}({rounded.digits})), 0)"


def shown_source(column: SourceColumn) -> str:
    """The value as a text for people."""
    name = quote_source(column.name)
    if column.kind in BYTES:
        return f"concat('\\\\x', lower(hex({name})))"
    if column.kind == "bit":
        return f"bin({name} + 0)"
    return f"convert({name} using utf8mb4)" if column.charset else f"cast({name} as char)"


def _write_value(column: MatchedColumn, name: str, digits: int | None = None) -> str:
    source, form = column.source, column.form
    if form in ("float", "float4"):
        return _write_float(column, name)
    if form == "bits":
        return f"lpad(bin({name} + 0), {_bits(source)}, '0')"
    if source.kind in INTEGERS or source.kind in ("bit", "year", "decimal"):
        # The zeros of ZEROFILL are for display; those of BIT are bytes.
        is_plain = "zerofill" not in source.type and source.kind != "bit"
        text = f"cast({name} as char)" if is_plain else f"cast({name} + 0 as char)"
        return _trim_zeros(text) if source.scale else text
    if source.kind == "date" or source.kind == "time" or source.kind in TIMES:
        return _write_time(column, name, source.digits if digits is None else digits)
    return _write_text(column, name)


def _write_text(column: MatchedColumn, name: str) -> str:
    """Texts and bytes, in the forms of these."""
    text = _utf8(column.source, name)
    is_bytes = column.source.kind in BYTES
    forms = {
        "padded": f"trim(trailing ' ' from {text})",
        "long_text": f"concat(char_length({text}), ':', md5({text}))",
        "uuid": f"lower(hex({name}))" if is_bytes else f"lower(replace({text}, '-', ''))",
        "bytes": f"concat(length({name}), ':', md5({name}))",
        "bytes_of_text": f"concat(length({name}), ':', md5({name}))",
    }
    return forms.get(column.form, text)


def _bits(source: SourceColumn) -> int:
    return int(source.type.partition("(")[2].rstrip(")") or 1)


def _utf8(source: SourceColumn, name: str) -> str:
    if source.charset in ("utf8mb4", ""):
        return name if source.charset else f"cast({name} as char)"
    return f"convert({name} using utf8mb4)"


def _write_time(column: MatchedColumn, name: str, digits: int) -> str:
    text = f"cast({name} as char)"
    if column.form == "timestamp" and column.source.kind == "date":
        return f"concat({text}, ' 00:00:00')"
    return _trim_zeros(text) if digits else text


def _trim_zeros(text: str) -> str:
    """Without the zeros at the end of a number with a point, and without a point at its end."""
    return f"trim(trailing '.' from trim(trailing '0' from {text}))"


def _write_float(column: MatchedColumn, name: str) -> str:
    """The bits of a double in hex: no function gives them, but the binary form of a point has them.

    Adding 0 makes -0 a 0, as on the other side.
    """
    number = f"{name} + 0e0"
    if column.form == "float4" and column.source.kind == "double":
        in_range = f"abs({name}) between 1.2e-38 and 3.4e38"
        number = f"if({in_range}, cast({name} as float), {name}) + 0e0"
    return f"lower(hex(reverse(substring(st_aswkb(point({number}, 0)), 6, 8))))"
