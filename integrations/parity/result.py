"""What a comparison found, as dataclasses that become JSON facts of a bounded size with a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.parity.structure import shortened
from integrations.parity.structure import undeclared as parts_undeclared

LIMIT = 380_000  # bytes of JSON that a result may have
EXAMPLES = 100  # rows shown of a table
FEW = 20  # parts of the structure told of each kind where there is room for no more


def digest_of(value: Any) -> str:
    """SHA-256 over the value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Example:
    """One row that differs: its key by column, ``changed``, ``missing`` or ``extra``, and both values."""

    key: Mapping[str, str | None]
    kind: str
    columns: Mapping[str, list[str | None]]  # column → [source, target]
    paths: Mapping[str, list[str]] = field(default_factory=dict)  # column of JSON → paths that differ


@dataclass
class TableResult:
    """One table's comparison.

    ``differing`` rows are changed (same key, other values) + missing (only in the source) + extra
    (only in the target), none of them declared; with ``at_least`` no more than a lower bound is
    known, and ``places`` says where. ``declared`` counts cells and rows that a declared rule
    explains, by rule in ``declared_by``. ``unsound`` says what could not be compared: nothing is
    known about that. ``settled`` rows differed first and agreed when asked again.
    """

    table: str
    source_rows: int = 0
    target_rows: int = 0
    changed: int = 0
    missing: int = 0
    extra: int = 0
    at_least: bool = False
    places: list[str] = field(default_factory=list)
    declared: int = 0
    declared_by: dict[str, int] = field(default_factory=dict)
    unsound: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    settled: int = 0
    notes: list[str] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    digest: str = ""
    seconds: float = 0.0
    mode: str = "full"  # full · recheck · sample
    partial: str = ""  # why it is not whole; said in `unsound`, too
    pages: int = 0  # 8 kB pages of the bigger side
    by_column: dict[str, int] = field(default_factory=dict)  # changed rows of the examples, by column
    repair: list[str] = field(default_factory=list)  # SQL that would repair the examples; never run

    @property
    def differing(self) -> int:
        """Rows that differ and were not declared."""
        return self.changed + self.missing + self.extra

    @property
    def equal(self) -> bool:
        """Whether all that is compared of it is proven equal, but for declared differences."""
        return not self.differing and not self.unsound

    def as_facts(self, examples: int = EXAMPLES) -> dict[str, Any]:
        """JSON values with at most that many examples, and statements that would repair them."""
        facts = {name: value for name, value in vars(self).items() if name != "examples"}
        shown = [vars(example) for example in self.examples[:examples]]
        facts.update(equal=self.equal, differing=self.differing, seconds=round(self.seconds, 3))
        cut = {"examples": shown, "repair": self.repair[:examples]}
        return {**facts, **cut, "examples_cut": self.differing > len(shown)}


@dataclass
class Result:
    """A whole comparison; ``mode`` is ``live`` or ``before``; addresses hold no secrets."""

    mode: str
    source: dict[str, Any]
    target: dict[str, Any]
    started: str = ""
    finished: str = ""
    tables: list[TableResult] = field(default_factory=list)
    schema: dict[str, Any] = field(default_factory=dict)
    sequences: list[dict[str, Any]] = field(default_factory=list)
    totals: list[dict[str, Any]] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)
    declared: list[dict[str, Any]] = field(default_factory=list)
    unmet_rules: list[str] = field(default_factory=list)
    partial: str = ""  # why not every table was compared
    cost: dict[str, Any] = field(default_factory=dict)  # pages_read, seconds
    structure: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # kind → what is not the same
    structure_judged: bool = False  # whether undeclared differences of structure stand against “equal”
    checks: list[dict[str, Any]] = field(default_factory=list)  # rules in SQL, with both answers
    spots: list[dict[str, Any]] = field(default_factory=list)  # named entities, side by side

    @property
    def problems(self) -> list[str]:
        """Everything that stands against “equal”, each a part of a sentence."""
        found = []
        if differing := sum(table.differing for table in self.tables):
            tables = sum(bool(table.differing) for table in self.tables)
            least = "at least " if any(table.at_least for table in self.tables) else ""
            found.append(
                f"{least}{_count(differing, 'row')} {'differs' if differing == 1 else 'differ'}"
                f" in {_count(tables, 'table')}"
            )
        if unsound := sum(len(table.unsound) for table in self.tables) + len(self.unsound):
            found.append(f"{_count(unsound, 'part')} could not be compared")
        if undeclared := self.schema.get("undeclared"):
            found.append(f"{_count(len(undeclared), 'schema difference')} not declared ({_some(undeclared)})")
        known = [s for s in self.sequences if not s["reason"]]
        if behind := [f"{s['sequence']} at {s['next']}, highest {s['highest']}" for s in known]:
            found.append(f"{_count(len(behind), 'sequence')} behind ({_some(behind)})")
        if unread := [s["sequence"] for s in self.sequences if s["reason"]]:
            found.append(f"{_count(len(unread), 'sequence')} could not be read ({_some(unread)})")
        if wrong := [total["table"] for total in self.totals if not total["equal"]]:
            found.append(f"{_count(len(wrong), 'total')} not the same ({_some(wrong)})")
        if rules := [check["name"] for check in self.checks if not check["equal"]]:
            found.append(f"{_count(len(rules), 'rule')} answered differently ({_some(rules)})")
        if spots := [spot["table"] for spot in self.spots if not spot["equal"]]:
            found.append(f"{_count(len(spots), 'spot check')} not the same ({_some(spots)})")
        if self.structure_judged and (other := parts_undeclared(self.structure)):
            found.append(f"{_count(len(other), 'part')} of the structure not the same ({_some(other)})")
        return found

    @property
    def equal(self) -> bool:
        """The verdict: everything was compared, and nothing differs that is not declared."""
        return bool(self.tables) and not self.problems

    @property
    def declared_count(self) -> int:
        """Cells and rows that declared rules explain, in all tables."""
        return sum(table.declared for table in self.tables)

    @property
    def sound(self) -> bool:
        """Whether everything could be compared, whatever came of it."""
        return bool(self.tables) and not self.unsound and not any(table.unsound for table in self.tables)

    @property
    def summary(self) -> str:
        """One line for a person."""
        rows = sum(table.source_rows for table in self.tables)
        verdict = "; ".join(self.problems) or ("all equal" if self.tables else "nothing was compared")
        line = f"{_count(len(self.tables), 'table')}, {_count(rows, 'row')}: {verdict}"
        if self.declared_count:
            one = self.declared_count == 1
            line += f"; {_count(self.declared_count, 'difference')} {'is' if one else 'are'} declared"
        return line + "."

    @property
    def digest(self) -> str:
        """SHA-256 over all that was found, without times: the same findings give the same digest."""
        tables = [(table.table, table.digest) for table in self.tables]
        return digest_of([
            self.mode, tables, self.schema, self.sequences, self.totals, self.not_compared, self.unsound,
            self.declared, self.structure, self.structure_judged, self.checks, self.spots,
        ])  # fmt: skip

    def as_facts(self) -> dict[str, Any]:
        """JSON values below `LIMIT` bytes: where it must, it shows fewer examples and never fewer counts."""
        examples = EXAMPLES
        while True:
            facts = self._facts(examples)
            if len(json.dumps(facts)) <= LIMIT:
                return facts
            if examples == 0:
                return {**facts, "structure": shortened(self.structure, FEW)}
            examples //= 2

    def _facts(self, examples: int) -> dict[str, Any]:
        named = {name: value for name, value in vars(self).items() if name != "tables"}
        ordered = sorted(self.tables, key=lambda table: (table.equal, -table.differing, table.table))
        return {
            **named,
            "equal": self.equal,
            "summary": self.summary,
            "declared_count": self.declared_count,
            "rows": sum(table.source_rows for table in self.tables),
            "tables": [table.as_facts(examples) for table in ordered],
            "digest": self.digest,
        }


def _count(number: int, noun: str) -> str:
    """“1 204 311 rows”: with thin groups of three, as everywhere in the panel."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", "\u202f")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
