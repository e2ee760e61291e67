"""A result as CSV (RFC 4180): a line for each table, for each row that differs by column, for each finding.

NULL is ``\\N`` and a text that begins with a backslash has one more, as PostgreSQL's COPY writes them. A text
that a spreadsheet would take for a formula has an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.parity.report.findings import describe_sides, list_findings

HEAD = ("entry", "table", "key", "column", "source", "target", "text")
FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")

Facts = Mapping[str, Any]


def render_csv(facts: Facts) -> str:
    """The whole document; `HEAD` names its columns."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(HEAD)
    writer.writerow(_line("verdict", text=f"{facts['verdict']}: {facts['summary']}"))
    writer.writerow(_line("sides", text=describe_sides(facts)))
    for table in facts["tables"]:
        writer.writerows(_table_lines(table))
    for finding in list_findings(facts):
        writer.writerow(_line(finding.kind, finding.table, text=finding.text))
    return written.getvalue()


def _table_lines(table: Facts) -> Iterator[list[str]]:
    rows = (str(table[side]) for side in ("source_rows", "target_rows"))
    yield _line("table", table["table"], "", "", *rows, text="equal" if table["equal"] else "not equal")
    for row in table["examples"]:
        key = json.dumps(row["key"], ensure_ascii=False)
        for name, (before, after) in row["columns"].items():
            yield _line(row["kind"], table["table"], key, name, _value(before), _value(after))


def _value(text: str | None) -> str:
    if text is None:
        return r"\N"
    return f"\\{text}" if text.startswith("\\") else text


def _line(*cells: str, text: str = "") -> list[str]:
    filled = [*cells, *[""] * (len(HEAD) - 1 - len(cells)), text]
    return [f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell for cell in filled]
