"""A full pass kept in a file: bucket sums of both sides, and the state of both servers at that moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from integrations.parity.engine.checksummed_file import read_content, read_facts
from integrations.parity.engine.kept_ranges import KeptRanges, TablePlace, add_line
from integrations.parity.engine.pass_journal import PassJournal, read_journal
from integrations.parity.errors import ParityError
from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.sums import BucketSums
from integrations.parity.result import TableResult
from integrations.parity.server.server_state import ServerState

FORMAT = 2  # since 2 a journal; 1 was one JSON object
WHAT = "kept pass"
INSTEAD = "compare in full and keep that pass"
#: Of a result these are not kept: they hold values of rows.
WITH_VALUES = frozenset({"examples", "repair", "by_column", "places"})


@dataclass(frozen=True)
class KeptTableSums:
    """One table's sums on both sides, and what has to be unchanged for them to be valid.

    ``files`` are the digests of the table's files (`read_file_digests`) on source and target.
    """

    recipe: list[str]
    buckets: BucketScheme
    files: tuple[str, str]
    source: BucketSums
    target: BucketSums

    def as_facts(self) -> dict[str, Any]:
        """JSON values; `from_facts` reads them."""
        sums = {"source": self.source.as_facts(), "target": self.target.as_facts()}
        return {"recipe": self.recipe, "buckets": asdict(self.buckets), "files": list(self.files), **sums}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> KeptTableSums:
        """The sums from `as_facts`."""
        source, target = (BucketSums.from_facts(facts[side]) for side in ("source", "target"))
        files = (facts["files"][0], facts["files"][1])
        return cls(facts["recipe"], BucketScheme(**facts["buckets"]), files, source, target)


@dataclass(frozen=True)
class FinishedTable:
    """What a table was found to be, without values of rows, and how it was read.

    ``recipe`` as in `TablePlan`; ``read_at``: when the snapshots were taken (ISO 8601).
    """

    recipe: list[str]
    read_at: str
    facts: Mapping[str, Any]

    @property
    def result(self) -> TableResult:
        """The result, with no row named."""
        known = {one.name for one in fields(TableResult)}
        return TableResult(**{name: value for name, value in self.facts.items() if name in known})

    def as_facts(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, recipe: list[str], read_at: str, result: TableResult) -> FinishedTable:
        """What is kept of a result."""
        facts = {name: value for name, value in vars(result).items() if name not in WITH_VALUES}
        return cls(recipe, read_at, facts)


@dataclass
class KeptPass:
    """Everything that a recheck needs of a full pass, or a later run of one that was stopped.

    ``compared``: a digest of the rules and conditions that the results depend on. ``ranges``: those that were
    read of tables that were not read to their end.
    """

    taken_at: str
    source: ServerState
    target: ServerState
    compared: str = ""
    tables: dict[TablePlace, KeptTableSums] = field(default_factory=dict)
    finished: dict[TablePlace, FinishedTable] = field(default_factory=dict)
    ranges: dict[TablePlace, KeptRanges] = field(default_factory=dict)

    def open_journal(self, path: Path) -> PassJournal:
        """A file for this pass; what is read from now on is appended to it."""
        states = {"source": self.source.as_facts(), "target": self.target.as_facts()}
        header = {"format": FORMAT, "taken_at": self.taken_at, "compared": self.compared, **states}
        return PassJournal(path, header)


def entry_of(place: TablePlace, sums: KeptTableSums | None, finished: FinishedTable) -> dict[str, Any]:
    """The line of a table in the journal."""
    kept = sums.as_facts() if sums else None
    return {"table": list(place), "sums": kept, "finished": finished.as_facts()}


def read_kept_pass(path: Path, sha256: str = "") -> KeptPass:
    """The pass of a file; raises `ParityError` when it is gone, was changed or has another format."""
    content = read_content(path, sha256, what=WHAT, instead=INSTEAD)
    if content.startswith(b"{"):
        facts = read_facts(path, sha256, 1, what=WHAT, instead=INSTEAD)
        tables = {(schema, name): KeptTableSums.from_facts(kept) for schema, name, kept in facts["tables"]}
        source, target = ServerState(**facts["source"]), ServerState(**facts["target"])
        return KeptPass(facts["taken_at"], source, target, tables=tables)
    return _read_lines(path, read_journal(path, content, WHAT))


def _read_lines(path: Path, lines: Iterator[dict[str, Any]]) -> KeptPass:
    header = next(lines, {})
    if header.get("format") != FORMAT:
        raise ParityError(f"The {WHAT} {path} has a format that this version does not know.")
    source, target = ServerState(**header["source"]), ServerState(**header["target"])
    kept = KeptPass(header["taken_at"], source, target, header["compared"])
    for line in lines:
        if "ranges" in line:
            add_line(kept.ranges, line)
        elif "table" in line:
            place = (line["table"][0], line["table"][1])
            kept.finished[place] = FinishedTable(**line["finished"])
            if line["sums"]:
                kept.tables[place] = KeptTableSums.from_facts(line["sums"])
                kept.ranges.pop(place, None)
    return kept
