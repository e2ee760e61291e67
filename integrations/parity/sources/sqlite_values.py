"""Values of SQLite in the forms of `value_forms`: a column of SQLite may hold values of any type.

What is of another type than the target's column gets a text that no value of the target has: it is a
difference, and its row is named.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from integrations.parity.server.catalog import CatalogColumn
from integrations.parity.sources.row_buckets import md5_of
from integrations.parity.sources.source_tables import Adjustment, MatchedColumn

Value = None | int | float | str | bytes
Writer = Callable[[int | float | str | bytes], str]

DATE = re.compile(r"\d{4}-\d\d-\d\d")
MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6})0*)?\s*(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
CLOCK = re.compile(r"(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6})0*)?", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d++(?:\.\d*+)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
HEX_UUID = re.compile(r"[0-9a-f]{32}")

FORMS_BY_FAMILY = {
    "integer": "integer", "numeric": "numeric", "boolean": "boolean", "uuid": "uuid", "json": "json",
    "date": "date", "timestamp": "timestamp", "time": "time",
}  # fmt: skip


def choose_sqlite_form(target: CatalogColumn) -> str:
    """The form of a column of the target; the types of SQLite's columns say too little. Empty: none."""
    if target.family == "text":
        return "padded" if target.base == "bpchar" else "text"
    if target.family == "float":
        return "float4" if target.base == "float4" else "float"
    if target.base == "bytea":
        return "bytes"
    if target.family.startswith("as_text:"):
        return "written"
    return FORMS_BY_FAMILY.get(target.family, "")


def of_another_type(value: object) -> str:
    """A text that no value of the target has in any form: PostgreSQL's texts hold no NUL."""
    return f"\0{type(value).__name__} {value!r}".replace("|", "\\x7c")


def write_sqlite(column: MatchedColumn, value: Value) -> str | None:
    """The exact value in the form of its column; NULL is None."""
    return None if value is None else WRITERS[column.form](value)


def adjust_sqlite(column: MatchedColumn, value: Value) -> str | None:
    """The value as it is hashed: rounded, and with the declared default."""
    text = write_sqlite(column, value)
    if text is None:
        default = column.adjustment("default")
        return default.default if default else None
    rounded = column.adjustment("rounded")
    return round_digits(text, rounded.digits) if rounded else text


def is_touched(column: MatchedColumn, adjustment: Adjustment, value: Value) -> bool:
    """Whether an adjustment explains the value."""
    if adjustment.kind == "default":
        return value is None
    if adjustment.kind == "padding":
        return isinstance(value, str) and value.endswith(" ")
    return write_sqlite(column, value) != adjust_sqlite(column, value)


def _integer(value: int | float | str | bytes) -> str:
    return str(value) if isinstance(value, int) else of_another_type(value)


def _numeric(value: int | float | str | bytes) -> str:
    """A REAL by its shortest decimal text, as programs write it; a text only where it is a number."""
    text = repr(value) if isinstance(value, float) else value
    if isinstance(text, int):
        return str(text)
    if not isinstance(text, str) or not NUMBER.fullmatch(text):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(text), of_another_type(value))
    plain = f"{Decimal(text):f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("", "-", "-0") else plain


def _float(value: int | float | str | bytes) -> str:
    if not isinstance(value, int | float) or (isinstance(value, int) and abs(value) > 2**53):
        return of_another_type(value)
    return struct.pack(">d", value + 0.0).hex()


def _float4(value: int | float | str | bytes) -> str:
    if not isinstance(value, int | float) or not 1.2e-38 <= abs(value) <= 3.4e38:
        return _float(value)
    return struct.pack(">d", struct.unpack(">f", struct.pack(">f", value))[0]).hex()


def _boolean(value: int | float | str | bytes) -> str:
    return str(value) if isinstance(value, int) and value in (0, 1) else of_another_type(value)


def _text(value: int | float | str | bytes) -> str:
    return str(value) if isinstance(value, int | str) else of_another_type(value)


def _padded(value: int | float | str | bytes) -> str:
    return _text(value).rstrip(" ")


def _uuid(value: int | float | str | bytes) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value).replace("-", "").lower()
    return text if HEX_UUID.fullmatch(text) else of_another_type(value)


def _bytes(value: int | float | str | bytes) -> str:
    return f"{len(value)}:{md5_of(value)}" if isinstance(value, bytes) else of_another_type(value)


def _date(value: int | float | str | bytes) -> str:
    if isinstance(value, str) and DATE.fullmatch(value) and _is_real(date.fromisoformat, value):
        return value
    return of_another_type(value)


def _timestamp(value: int | float | str | bytes) -> str:
    """ISO 8601, with or without a zone: a zone is turned into UTC, and none is UTC."""
    if isinstance(value, str) and DATE.fullmatch(value):
        value = f"{value} 00:00:00"
    found = MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return of_another_type(value)
    day, minutes, seconds, digits, zone = found.groups()
    text = f"{day} {minutes}{seconds or ':00'}.{(digits or '').ljust(6, '0')}"
    try:
        moment = datetime.fromisoformat(text)
        if zone and zone != "Z":
            moment = datetime.fromisoformat(text + zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return of_another_type(value)
    return _moment_text(moment)


def _moment_text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds").rstrip("0").rstrip(".")


def _time(value: int | float | str | bytes) -> str:
    found = CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return of_another_type(value)
    minutes, seconds, digits = found.groups()
    text = f"{minutes}{seconds or ':00'}.{(digits or '').ljust(6, '0')}"
    if not _is_real(time.fromisoformat, text):
        return of_another_type(value)
    return text.rstrip("0").rstrip(".")


def _is_real(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def round_digits(text: str, digits: int) -> str:
    """A time with so many digits of a second, rounded as PostgreSQL does; what is no time stays as it is."""
    day = "" if " " in text else "2000-01-01 "
    try:
        moment = datetime.fromisoformat(day + text)
    except ValueError:
        return text
    step = 10 ** (6 - digits)
    over = moment.microsecond % step
    try:
        moment += timedelta(microseconds=(step if 2 * over >= step else 0) - over)
    except OverflowError:
        return text
    if day and moment.day == 2:
        return "24:00:00"
    return _moment_text(moment).removeprefix(day)


WRITERS: dict[str, Writer] = {
    "integer": _integer, "numeric": _numeric, "float": _float, "float4": _float4, "boolean": _boolean,
    "text": _text, "padded": _padded, "written": _text, "uuid": _uuid, "bytes": _bytes, "date": _date,
    "timestamp": _timestamp, "time": _time,
}  # fmt: skip


def show_sqlite(value: Value) -> str | None:
    """The value as a text for people."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None:
        return None
    return f"\\x{value.hex()}" if isinstance(value, bytes) else repr(value)
