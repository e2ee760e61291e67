"""Prepares a row that differs for storing: masked, invisible characters shown, limited in size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from checklists.executor.timings import ROWS_MAX_BYTES, ROWS_MAX_PER_ATTEMPT, ROWS_MAX_PER_TABLE
from integrations.redact import UNSEEN, Redactor, strip_control_characters

KINDS = ("changed", "missing", "extra")
COLUMNS_MAX = 200  # columns kept of one row
VALUE_MAX = 2000  # characters kept of one value
CONTROL_PICTURES = 0x2400  # the first of Unicode's pictures of control characters


class RowQuota:
    """Counts the stored rows and bytes of one attempt: 10 000 rows of a table, 50 000 of the attempt."""

    def __init__(self) -> None:
        self.rows_of_table: Counter[str] = Counter()
        self.rows = self.bytes = 0

    def take(self, table: str, size: int) -> bool:
        """Counts one more row of ``size`` bytes; False when there is no room for it."""
        full = self.rows >= ROWS_MAX_PER_ATTEMPT or self.bytes + size > ROWS_MAX_BYTES
        if full or self.rows_of_table[table] >= ROWS_MAX_PER_TABLE:
            return False
        self.rows_of_table[table] += 1
        self.rows, self.bytes = self.rows + 1, self.bytes + size
        return True


def row_to_store(row: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The fields of a `RowDifference`. ``row`` has table, kind, key, columns, paths and personal."""
    masked = _masked(row, redactor)
    personal = set(masked["personal"])
    parts = [(name in personal, text) for name, text in _texts(masked)]
    return {
        **masked,
        "table": masked["table"][:200],
        "names": [name for name, *_ in masked["columns"]] if row["kind"] == "changed" else [],
        "left_out": max(0, len(row["columns"]) - COLUMNS_MAX),
        "text": "\n".join(text for hidden, text in parts if not hidden),
        "personal_text": "\n".join(text for hidden, text in parts if hidden),
    }


def _texts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every value by column, those of the key first."""
    for name, *values in [*row["key"], *row["columns"]]:
        yield from ((name, value) for value in values if value)


def _masked(row: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The row with secrets masked. Most rows hold none: then masking the whole text once is enough."""
    shaped = {
        "table": str(row["table"]),
        "kind": str(row["kind"]),
        "key": [[str(name), _text(value)] for name, value in row["key"].items()],
        "columns": [
            [str(name), _text(before), _text(after)]
            for name, (before, after) in islice(row["columns"].items(), COLUMNS_MAX)
        ],
        "paths": {str(name): [str(path) for path in paths] for name, paths in row["paths"].items()},
        "personal": [str(name) for name in row["personal"]],
    }
    whole = "\t".join(_strings(shaped))  # one long text is searched faster than many short ones
    return shaped if redactor.mask_text(whole) == whole else _mask_each(shaped, redactor)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= VALUE_MAX else f"{text[:VALUE_MAX]}…"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _mask_each(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        masked = redactor.mask_text(value)
        cleaned = "\n".join(strip_control_characters(line) for line in value.split("\n"))
        return show_invisible(value) if masked == cleaned else masked
    if isinstance(value, dict):
        return {_mask_each(name, redactor): _mask_each(inner, redactor) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mask_each(inner, redactor) for inner in value]
    return value


def show_invisible(text: str) -> str:
    """Replaces each invisible character by a picture or its number.

    Two values may differ in nothing else, and would look equal.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else _picture(ord(found[0])), text)


def _picture(number: int) -> str:
    if number < 0x20:
        return chr(CONTROL_PICTURES + number)
    return "␡" if number == 0x7F else f"⟨U+{number:04X}⟩"
