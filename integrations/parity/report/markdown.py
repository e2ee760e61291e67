"""A result as Markdown with tables, for a pull request or a wiki; no text of a database is markup in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from integrations.parity.report import wording
from integrations.parity.report.findings import describe_sides, list_findings
from integrations.parity.report.printable import printable

#: Signs that begin markup somewhere in CommonMark or in the tables of GitHub.
SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&$:@^=\"'/])")
MAX_ROWS = 100  # rows that differ, of one table

Facts = Mapping[str, Any]


def render_markdown(facts: Facts) -> str:
    """The whole document."""
    lines = [f"# {escape(facts['verdict'])}", "", escape(facts["summary"]), "", escape(describe_sides(facts))]
    lines += ["", "## Tables", "", *_table_of_tables(facts["tables"])]
    for table in facts["tables"]:
        if table["examples"]:
            lines += ["", f"## {escape(table['table'])}", "", *_table_of_rows(table)]
    if findings := list_findings(facts):
        rows = ((one.kind, one.table or "whole database", one.text) for one in findings)
        lines += ["", "## Findings", "", *_rows(("what", "table", "finding"), rows)]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """A text that is shown as it is, in one line."""
    return SPECIAL.sub(r"\\\1", printable(text))


def _table_of_tables(tables: Iterable[Facts]) -> Iterator[str]:
    names = ("source_rows", "target_rows", "changed", "missing", "extra", "declared")
    head = ("table", "rows before", "rows after", "changed", "missing", "extra", "declared", "verdict")
    rows = ([one["table"], *(str(one[name]) for name in names), _verdict(one)] for one in tables)
    return _rows(head, rows)


def _verdict(table: Facts) -> str:
    if table["differing"]:
        return "different"
    if table["unsound"] or not table["equal"]:
        return "could not be compared"
    return "equal in the rows that were selected" if table.get("restricted") else "equal"


def _table_of_rows(table: Facts) -> Iterator[str]:
    cells = (
        (wording.describe_key(row["key"]) or "(no key)", row["kind"], name, *map(_value, pair))
        for row in table["examples"][:MAX_ROWS]
        for name, pair in row["columns"].items()
    )
    yield from _rows(("key", "kind", "column", "source", "target"), cells)
    if (more := table["differing"] - len(table["examples"][:MAX_ROWS])) > 0:
        yield ""
        yield f"and {more} rows more"


def _value(value: Any) -> str:
    return "NULL" if value is None else repr(value)


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield _row(names)
    yield _row(["---"] * len(names), escaped=True)
    for row in rows:
        yield _row(row)


def _row(cells: Iterable[str], *, escaped: bool = False) -> str:
    return f"| {' | '.join(cell if escaped else escape(cell) for cell in cells)} |"
