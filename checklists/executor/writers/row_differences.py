"""A row that differs, made fit to be kept: masked, with what is unseen made visible, bounded, searchable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from checklists.executor.times import ROWS_BYTES, ROWS_OF_A_TABLE, ROWS_OF_AN_ATTEMPT
from integrations.redact import UNSEEN, Redactor, clean

KINDS = ("changed", "missing", "extra")
COLUMNS = 200  # columns kept of one row
LONGEST = 2000  # characters kept of one value
CONTROLS = 0x2400  # Unicode has a picture of each control character from here on


class Bounds:
    """Counts rows and bytes, and says which row is still kept: 10 000 of a table, 50 000 of an attempt."""

    def __init__(self) -> None:
        self.of_table: Counter[str] = Counter()
        self.rows = self.bytes = 0

    def admit(self, table: str, size: int) -> bool:
        """Is there room for one more row of this many bytes? If so it is counted."""
        full = self.rows >= ROWS_OF_AN_ATTEMPT or self.bytes + size > ROWS_BYTES
        if full or self.of_table[table] >= ROWS_OF_A_TABLE:
            return False
        self.of_table[table] += 1
        self.rows, self.bytes = self.rows + 1, self.bytes + size
        return True


def kept_row(row: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The row as `RowDifference` keeps it. ``row`` has table, kind, key, columns, paths and personal."""
    masked = _masked(row, redactor)
    personal = set(masked["personal"])
    parts = [(name in personal, text) for name, text in _texts(masked)]
    return {
        **masked,
        "table": masked["table"][:200],
        "names": [name for name, *_ in masked["columns"]] if row["kind"] == "changed" else [],
        "left_out": max(0, len(row["columns"]) - COLUMNS),
        "text": "\n".join(text for hidden, text in parts if not hidden),
        "personal_text": "\n".join(text for hidden, text in parts if hidden),
    }


def _texts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every value by column, those of the key first."""
    for name, *values in [*row["key"], *row["columns"]]:
        yield from ((name, value) for value in values if value)


def _masked(row: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The row with secrets masked in it; most rows hold none, and then one look at all of it is enough."""
    shaped = {
        "table": str(row["table"]),
        "kind": str(row["kind"]),
        "key": [[str(name), _text(value)] for name, value in row["key"].items()],
        "columns": [
            [str(name), _text(before), _text(after)]
            for name, (before, after) in islice(row["columns"].items(), COLUMNS)
        ],
        "paths": {str(name): [str(path) for path in paths] for name, paths in row["paths"].items()},
        "personal": [str(name) for name in row["personal"]],
    }
    whole = "\t".join(_strings(shaped))  # one line of text is looked at faster than many
    return shaped if redactor.text(whole) == whole else _each(shaped, redactor)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


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


def _each(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        masked = redactor.text(value)
        cleaned = "\n".join(clean(line) for line in value.split("\n"))
        return visible(value) if masked == cleaned else masked
    if isinstance(value, dict):
        return {_each(name, redactor): _each(inner, redactor) for name, inner in value.items()}
    if isinstance(value, list):
        return [_each(inner, redactor) for inner in value]
    return value


def visible(text: str) -> str:
    """The text with a picture or the number of each character that cannot be seen: a row may differ in
    nothing else."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else _picture(ord(found[0])), text)


def _picture(number: int) -> str:
    if number < 0x20:
        return chr(CONTROLS + number)
    return "␡" if number == 0x7F else f"⟨U+{number:04X}⟩"
