"""A comparison on a terminal: how far it is while it runs, and what it found."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from integrations.parity import wording
from integrations.parity.watch import TableProgress

ROWS = 20  # rows shown of a table
OFTEN = 0.1  # seconds between two changes of the line
PAGE = 8192  # bytes of one of PostgreSQL's pages

Facts = Mapping[str, Any]


class Live:
    """One line that says how far the comparison is; on anything but a terminal only what is done."""

    def __init__(self, stream: TextIO, *, lines: bool = True) -> None:
        self.stream, self.lines = stream, lines
        self.moves = stream.isatty()
        self.percent = 0.0
        self._shown_at = 0.0

    def progress(self, done: float, total: float, what: str) -> None:
        """For `Watch.progress`."""
        self.percent = 100 * done / total if total else 0.0
        if what:
            self._show(what)

    def table(self, one: TableProgress) -> None:
        """For `Watch.table`."""
        if one.state in ("reading", "asking"):
            self._show(_line(one))

    def log(self, line: str) -> None:
        """For `Watch.log`: a line that stays."""
        if self.lines:
            self.clear()
            self.stream.write(f"{line}\n")

    def clear(self) -> None:
        """Takes the moving line away."""
        if self.moves:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _show(self, line: str) -> None:
        if not self.moves or time.monotonic() - self._shown_at < OFTEN:
            return
        self._shown_at = time.monotonic()
        width = shutil.get_terminal_size().columns - 1
        self.stream.write("\r" + f"{self.percent:3.0f} %  {line}"[:width] + "\x1b[K")
        self.stream.flush()


def _line(one: TableProgress) -> str:
    parts = [f"{one.table}: {one.state}"]
    if one.pages:
        parts.append(f"{one.pages_done:,} of {one.pages:,} pages")
    if one.pages_done and one.seconds:
        parts.append(f"{one.pages_done * PAGE / one.seconds / 1e6:.0f} MB/s")
    if one.seconds_left is not None:
        parts.append(f"{one.seconds_left:.0f} s left")
    return " · ".join(parts)


def text(facts: Facts) -> str:
    """What was found: the verdict first, then what stands against it, then what to know beside."""
    lines = [f"{facts['verdict']}: {facts['summary']}"]
    if facts["mode"] == "sample":
        lines.append("  A sample can prove that something differs, and never that all is equal.")
    if facts.get("partial"):
        lines.append(f"  Not all of it was compared: {facts['partial']}")
    for table in facts["tables"]:
        lines += [f"  {line}" for line in _table(table)]
    lines += [f"  {line}" for line in _beside(facts)]
    return "\n".join(lines) + "\n"


def _table(table: Facts) -> Iterator[str]:
    name, least = table["table"], "at least " if table["at_least"] else ""
    yield from (f"{name}: {reason}" for reason in table["unsound"])
    yield from (f"{name}: differs in {place}" for place in table["places"])
    if table["differing"]:
        kinds = ", ".join(
            f"{table[kind]:,} {kind}" for kind in ("changed", "missing", "extra") if table[kind]
        )
        yield f"{name}: {least}{kinds}; {table['source_rows']:,} rows → {table['target_rows']:,}"
    yield from (f"{name} {_row(row)}" for row in table["examples"][:ROWS])
    if (more := table["differing"] - len(table["examples"][:ROWS])) > 0 and table["examples"]:
        yield f"{name}: and {more:,} rows more (--html and --json have up to --keep of them)"
    yield from (f"{name}: {count:,} declared ({rule})" for rule, count in table["declared_by"].items())
    yield from (f"{name}: {note}" for note in table["notes"])


def _row(row: Facts) -> str:
    """A changed row with both versions of what changed; any other with the version that there is."""
    places = {"missing": [0], "extra": [1]}.get(row["kind"], [0, 1])
    versions = ((name, " → ".join(repr(pair[at]) for at in places)) for name, pair in row["columns"].items())
    what = ", ".join(f"{name}: {version}" for name, version in versions)
    return f"[{wording.key(row['key'])}] {row['kind']}: {what}"


def _beside(facts: Facts) -> Iterator[str]:
    yield from (f"schema: {one}, not declared" for one in facts["schema"].get("undeclared", []))
    yield from wording.structure(facts)
    yield from (f"sequence {wording.sequence(one)}" for one in facts["sequences"])
    for one in (*facts["totals"], *facts.get("checks", []), *facts.get("spots", [])):
        if not one["equal"]:
            yield f"{wording.name(one)}: not the same{'; ' + one['reason'] if one.get('reason') else ''}"
    yield from (f"not compared: {one}" for one in (*facts["unsound"], *facts["not_compared"]))
    yield from (f"declared, and met nothing: {rule}" for rule in facts["unmet_rules"])
