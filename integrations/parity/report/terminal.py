"""A comparison on a terminal: its progress while it runs, and its findings."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from integrations.parity.observer import ReadProgress
from integrations.parity.report import wording
from integrations.parity.report.printable import printable, quote_unless_plain

MAX_ROWS = 20  # per table
REFRESH_SECONDS = 0.1  # between two changes of the line
PAGE_BYTES = 8192  # of a page of PostgreSQL

Facts = Mapping[str, Any]


class ProgressLine:
    """One line with the progress of the comparison; where there is no terminal, only finished tables."""

    def __init__(self, stream: TextIO, *, lines: bool = True) -> None:
        self.stream, self.lines = stream, lines
        self.is_terminal = stream.isatty()
        self.percent = 0.0
        self._shown_at = 0.0

    def progress(self, done: float, total: float, what: str) -> None:
        """For `ComparisonObserver.on_progress`."""
        self.percent = 100 * done / total if total else 0.0
        if what:
            self._show(what)

    def table(self, one: ReadProgress) -> None:
        """For `ComparisonObserver.on_table`."""
        if one.state in ("reading", "asking"):
            self._show(_format_progress(one))

    def log(self, line: str) -> None:
        """For `ComparisonObserver.on_log`: prints a line that stays."""
        if self.lines:
            self.clear()
            self.stream.write(f"{printable(line)}\n")

    def clear(self) -> None:
        """Removes the progress line."""
        if self.is_terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _show(self, line: str) -> None:
        if not self.is_terminal or time.monotonic() - self._shown_at < REFRESH_SECONDS:
            return
        self._shown_at = time.monotonic()
        width = shutil.get_terminal_size().columns - 1
        self.stream.write("\r" + f"{self.percent:3.0f} %  {printable(line)}"[:width] + "\x1b[K")
        self.stream.flush()


def _format_progress(one: ReadProgress) -> str:
    parts = [f"{one.table}: {one.state}"]
    if one.pages:
        parts.append(f"{one.pages_done:,} of {one.pages:,} pages")
    if one.pages_done and one.seconds:
        parts.append(f"{one.pages_done * PAGE_BYTES / one.seconds / 1e6:.0f} MB/s")
    if one.seconds_left is not None:
        parts.append(f"{one.seconds_left:.0f} s left")
    return " · ".join(parts)


def render_text(facts: Facts) -> str:
    """The findings: the verdict first, then the tables, then everything beyond the rows."""
    lines = [f"{facts['verdict']}: {facts['summary']}"]
    if facts["mode"] == "sample":
        lines.append("  A sample can prove that something differs, and never that all is equal.")
    if facts.get("partial"):
        lines.append(f"  Not all of it was compared: {facts['partial']}")
    for table in facts["tables"]:
        lines += [f"  {line}" for line in _format_table(table)]
    lines += [f"  {line}" for line in _format_checks(facts)]
    return "\n".join(map(printable, lines)) + "\n"


def _format_table(table: Facts) -> Iterator[str]:
    name, least = table["table"], "at least " if table["at_least"] else ""
    yield from (f"{name}: {reason}" for reason in table["unsound"])
    yield from (f"{name}: differs in {place}" for place in table["places"])
    if table["differing"]:
        kinds = ", ".join(
            f"{table[kind]:,} {kind}" for kind in ("changed", "missing", "extra") if table[kind]
        )
        yield f"{name}: {least}{kinds}; {table['source_rows']:,} rows → {table['target_rows']:,}"
    yield from (f"{name} {_format_row(row)}" for row in table["examples"][:MAX_ROWS])
    if (more := table["differing"] - len(table["examples"][:MAX_ROWS])) > 0 and table["examples"]:
        yield f"{name}: and {more:,} rows more (other outputs have up to --keep of them)"
    yield from (f"{name}: {count:,} declared ({rule})" for rule, count in table["declared_by"].items())
    yield from (f"{name}: {note}" for note in table["notes"])


def describe_rows(table: Facts) -> list[str]:
    """The first rows that differ, a line for each."""
    return [_format_row(row) for row in table["examples"][:MAX_ROWS]]


def _format_row(row: Facts) -> str:
    """A changed row with both versions of its changed columns; any other row with its only version."""
    places = {"missing": [0], "extra": [1]}.get(row["kind"], [0, 1])
    versions = ((name, " → ".join(repr(pair[at]) for at in places)) for name, pair in row["columns"].items())
    what = ", ".join(f"{name}: {version}" for name, version in versions)
    key = {name: value if value is None else quote_unless_plain(value) for name, value in row["key"].items()}
    return f"[{wording.describe_key(key)}] {row['kind']}: {what}"


def _format_checks(facts: Facts) -> Iterator[str]:
    yield from (f"schema: {one}, not declared" for one in facts["schema"].get("undeclared", []))
    yield from (f"schema: {one} is on one side only, declared" for one in facts["schema"].get("declared", []))
    yield from wording.describe_structure(facts)
    yield from (f"sequence {wording.describe_sequence(one)}" for one in facts["sequences"])
    for one in (*facts["totals"], *facts.get("checks", []), *facts.get("spots", [])):
        if not one["equal"]:
            reason = f"; {one['reason']}" if one.get("reason") else ""
            yield f"{wording.describe_check(one)}: not the same{reason}"
    yield from (f"condition: {one}" for one in facts.get("conditions", []))
    yield from (f"not compared: {one}" for one in facts["unsound"])
    yield from (f"note: {one}" for one in facts.get("notes", []))
    yield from (f"present, not compared: {one}" for one in wording.describe_uncompared(facts))
    yield from (f"left out on purpose: {one}" for one in facts["not_compared"])
    yield from (f"matches nothing: {rule}" for rule in facts.get("unmatched_rules", []))
    yield from (f"declared, but not found: {rule}" for rule in facts["unmet_rules"])
