"""Comparisons as files: lines of CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from checklists.comparisons.rows import Filter
from checklists.comparisons.sight import Cell, ShownRow, Sight, Value
from checklists.comparisons.whole import TableLine
from checklists.models import Attempt

BATCH = 500  # rows read at once
#: A cell that begins with one of these is run by spreadsheets, also behind blanks.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
OF_ROWS = (
    "table", "row", "kind", "key", "column", "before is", "before", "after is", "after", "paths that differ",
)  # fmt: skip
OF_TABLES = ("table", "equal", "rows before", "rows after", "differ", "declared", "seconds", "remark")


def line(cells: Iterable[object]) -> str:
    """One line of CSV; text that a spreadsheet would run gets a ``'`` in front."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(["" if one is None else _harmless(one) for one in cells])
    return buffer.getvalue()


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def rows_after(attempt: Attempt, wanted: Filter, sight: Sight, number: int) -> tuple[str, int | None]:
    """The next lines after that row, and the number to go on from: None when there are no more."""
    rows = sight.rows(wanted.rows(attempt, sight).filter(number__gt=number)[:BATCH])
    text = "".join(line(cells) for row in rows for cells in _cells(row))
    return text, rows[-1].number if len(rows) == BATCH else None


def _cells(row: ShownRow) -> Iterator[Sequence[object]]:
    for cell in row.cells or (None,):
        yield (row.table, row.number, row.kind, row.key, *_pair(cell))


def _pair(cell: Cell | None) -> Sequence[object]:
    if cell is None:
        return ("", "", "", "", "", "")
    return (cell.column, *_side(cell.before), *_side(cell.after), ", ".join(cell.paths))


def _side(value: Value) -> Sequence[object]:
    return (str(value.state), value.text)


def table_lines(lines: Iterable[TableLine]) -> Iterator[str]:
    """The comparison table by table."""
    yield line(OF_TABLES)
    for one in lines:
        equal = "" if one.equal is None else "yes" if one.equal else "no"
        remark = one.partial or ("" if one.is_over else "not compared")
        counts = (one.source_rows, one.target_rows, one.differing, one.declared, round(one.seconds, 3))
        yield line((one.table, equal, *counts, f"at least; {remark}" if one.at_least else remark))
