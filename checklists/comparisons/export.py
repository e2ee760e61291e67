"""Comparisons as CSV in which spreadsheets find no formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from checklists.comparisons.differing_rows import RowFilter
from checklists.comparisons.masking import PersonalMask, ShownCell, ShownRow, ShownValue
from checklists.comparisons.summary import TableSummary
from checklists.models import Attempt

ROWS_PER_BATCH = 500
#: A spreadsheet runs a cell that begins with one of these, also after blanks.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ROW_COLUMNS = (
    "table",
    "row",
    "kind",
    "key",
    "column",
    "before is",
    "before",
    "after is",
    "after",
    "paths that differ",
)
TABLE_COLUMNS = ("table", "equal", "rows before", "rows after", "differ", "declared", "seconds", "remark")


def csv_line(cells: Iterable[object]) -> str:
    """One line of CSV; text that a spreadsheet would run gets a ``'`` in front."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(["" if cell is None else _escape_formula(cell) for cell in cells])
    return buffer.getvalue()


def _escape_formula(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA_STARTS) else cell


def csv_rows_after(
    attempt: Attempt, wanted: RowFilter, mask: PersonalMask, number: int
) -> tuple[str, int | None]:
    """The lines of the next batch of rows after row ``number``, and the number of its last row.

    That number is None when there are no more rows.
    """
    rows = mask.mask_rows(wanted.find_rows(attempt, mask).filter(number__gt=number)[:ROWS_PER_BATCH])
    text = "".join(csv_line(cells) for row in rows for cells in _cells_of(row))
    return text, rows[-1].number if len(rows) == ROWS_PER_BATCH else None


def _cells_of(row: ShownRow) -> Iterator[Sequence[object]]:
    for cell in row.cells or (None,):
        yield (row.table, row.number, row.kind, row.key, *_versions_of(cell))


def _versions_of(cell: ShownCell | None) -> Sequence[object]:
    if cell is None:
        return ("", "", "", "", "", "")
    return (cell.column, *_state_and_text(cell.before), *_state_and_text(cell.after), ", ".join(cell.paths))


def _state_and_text(value: ShownValue) -> Sequence[object]:
    return (str(value.state), value.text)


def csv_tables(tables: Iterable[TableSummary]) -> Iterator[str]:
    """A line for each table of a comparison, after one with the names of the columns."""
    yield csv_line(TABLE_COLUMNS)
    for table in tables:
        equal = "" if table.equal is None else "yes" if table.equal else "no"
        remark = table.partial or ("" if table.is_finished else "not compared")
        yield csv_line(
            (
                table.table,
                equal,
                table.source_rows,
                table.target_rows,
                table.differing,
                table.declared,
                round(table.seconds, 3),
                f"at least; {remark}" if table.at_least else remark,
            )
        )
