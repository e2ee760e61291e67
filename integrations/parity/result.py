"""The result of a comparison: dataclasses that become JSON facts of limited size, and a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.parity.beyond_rows.structure import count_expected, list_undeclared, truncate_structure

LIMIT = 380_000  # bytes of JSON that a result may have
EXAMPLES = 100  # rows per table
#: Facts of a table that are left out where they are empty, so that digests are those of before.
LATER_FIELDS = frozenset({"restricted", "names", "expressions"})
FEW = 20  # structure differences of each kind where the size leaves no room for more


def compute_digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of the value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_restriction(source: str, target: str) -> str:
    """The condition that rows had to meet on both sides; empty where all were compared."""
    return source if source == target else f"source: {source}; target: {target}"


@dataclass
class DifferingRow:
    """One row that differs.

    ``key``: column → text. ``kind``: ``changed``, ``missing`` or ``extra``. ``columns``: column → texts of
    [source, target]. ``paths``: JSON column → the paths at which it differs.
    """

    key: Mapping[str, str | None]
    kind: str
    columns: Mapping[str, list[str | None]]
    paths: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass
class TableResult:
    """The comparison of one table; its fields are the names of its JSON facts.

    ``differing`` rows are changed (same key, other values), missing (only in the source) or extra (only in
    the target), and not declared; with ``at_least`` that is a lower bound, and ``places`` are the key
    ranges. ``declared`` counts values and rows that declared rules explain, ``declared_by`` by rule.
    ``unsound`` says what could not be compared; nothing is known about that. ``settled`` rows differed at
    first and agreed when they were read again.
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
    examples: list[DifferingRow] = field(default_factory=list)
    digest: str = ""
    seconds: float = 0.0
    mode: str = "full"  # full · recheck · sample
    partial: str = ""  # why it was not read to its end; also in `unsound`
    pages: int = 0  # 8 kB pages of the larger side
    by_column: dict[str, int] = field(default_factory=dict)  # changed rows of the examples, by column
    repair: list[str] = field(default_factory=list)  # SQL that would repair the examples; never run
    restricted: str = ""  # the SQL that a row had to meet to be compared
    names: list[str] = field(default_factory=list)  # what has another name in the target
    expressions: list[str] = field(default_factory=list)  # columns that were compared through SQL

    @property
    def differing(self) -> int:
        """Rows that differ and are not declared."""
        return self.changed + self.missing + self.extra

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is proven equal, except for declared differences."""
        return not self.differing and not self.unsound

    def as_facts(self, examples: int = EXAMPLES) -> dict[str, Any]:
        """JSON values with at most ``examples`` rows and statements that would repair them."""
        facts = {
            name: value
            for name, value in vars(self).items()
            if name != "examples" and (value or name not in LATER_FIELDS)
        }
        shown = [vars(example) for example in self.examples[:examples]]
        facts.update(equal=self.equal, differing=self.differing, seconds=round(self.seconds, 3))
        cut = {"examples": shown, "repair": self.repair[:examples]}
        return {**facts, **cut, "examples_cut": self.differing > len(shown)}


@dataclass
class ComparisonResult:
    """A whole comparison; ``mode`` is live, before, sample or recheck. Addresses contain no secrets."""

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
    unmatched_rules: list[str] = field(default_factory=list)  # rules that name nothing of either side
    partial: str = ""  # why not every table was compared
    cost: dict[str, Any] = field(default_factory=dict)  # pages_read, seconds
    structure: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # kind → differences
    structure_judged: bool = False  # whether those of every kind count against “equal”
    judged_kinds: list[str] = field(default_factory=list)  # the kinds whose differences count
    uncompared: list[dict[str, Any]] = field(default_factory=list)  # objects that are there: kind, numbers
    checks: list[dict[str, Any]] = field(default_factory=list)  # rules in SQL, with both answers
    spots: list[dict[str, Any]] = field(default_factory=list)  # named entities, side by side
    notes: list[str] = field(default_factory=list)  # how it was read, where that is not one snapshot a side
    selection: str = ""  # which tables and rows were selected; empty for all

    @property
    def problems(self) -> list[str]:
        """Everything that counts against “equal”, as parts of a sentence."""
        return [
            *self._problems_of_rules(),
            *self._problems_of_tables(),
            *self._problems_of_sequences(),
            *self._problems_of_checks(),
        ]

    def _problems_of_rules(self) -> Iterator[str]:
        if wrong := self.unmatched_rules:
            yield f"{_count(len(wrong), 'rule')} {'matches' if len(wrong) == 1 else 'match'} nothing " + (
                f"({_name_first(wrong)})"
            )

    def _problems_of_tables(self) -> Iterator[str]:
        if differing := sum(table.differing for table in self.tables):
            tables = sum(bool(table.differing) for table in self.tables)
            least = "at least " if any(table.at_least for table in self.tables) else ""
            verb = "differs" if differing == 1 else "differ"
            yield f"{least}{_count(differing, 'row')} {verb} in {_count(tables, 'table')}"
        if unsound := sum(len(table.unsound) for table in self.tables) + len(self.unsound):
            yield f"{_count(unsound, 'part')} could not be compared"
        if undeclared := self.schema.get("undeclared"):
            count = _count(len(undeclared), "schema difference")
            yield f"{count} not declared ({_name_first(undeclared)})"

    def _problems_of_sequences(self) -> Iterator[str]:
        known = [s for s in self.sequences if not s["reason"]]
        if behind := [f"{s['sequence']} at {s['next']}, highest {s['highest']}" for s in known]:
            yield f"{_count(len(behind), 'sequence')} behind ({_name_first(behind)})"
        if unread := [s["sequence"] for s in self.sequences if s["reason"]]:
            yield f"{_count(len(unread), 'sequence')} could not be read ({_name_first(unread)})"

    def _problems_of_checks(self) -> Iterator[str]:
        if wrong := [total["table"] for total in self.totals if not total["equal"]]:
            yield f"{_count(len(wrong), 'total')} not the same ({_name_first(wrong)})"
        silent = [check["name"] for check in self.checks if check.get("reason")]
        if rules := [one["name"] for one in self.checks if not one["equal"] and not one.get("reason")]:
            yield f"{_count(len(rules), 'rule')} answered differently ({_name_first(rules)})"
        if silent:
            yield f"{_count(len(silent), 'rule')} without an answer ({_name_first(silent)})"
        if spots := [spot["table"] for spot in self.spots if not spot["equal"]]:
            yield f"{_count(len(spots), 'spot check')} not the same ({_name_first(spots)})"
        if other := self.undeclared_structure:
            yield f"{_count(len(other), 'part')} of the structure not the same ({_name_first(other)})"

    @property
    def undeclared_structure(self) -> list[str]:
        """Kind and name of each difference of a judged kind that was neither declared nor announced."""
        return list_undeclared(self.structure, self.judged_kinds)

    @property
    def expected_count(self) -> int:
        """Differences of objects that were announced."""
        return count_expected(self.structure)

    @property
    def equal(self) -> bool:
        """The verdict: everything was compared, and no undeclared difference was found."""
        return bool(self.tables) and not self.problems

    @property
    def declared_count(self) -> int:
        """Values and rows that declared rules explain, in all tables."""
        return sum(table.declared for table in self.tables)

    @property
    def sound(self) -> bool:
        """Whether everything could be compared, with any result."""
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
        if expected := self.expected_count:
            line += f"; {_count(expected, 'part')} of the structure changed as announced"
        if restricted := sum(bool(table.restricted) for table in self.tables):
            line += f"; of {_count(restricted, 'table')} only the rows that meet a condition"
        if expressions := sum(len(table.expressions) for table in self.tables):
            line += f"; {_count(expressions, 'column')} compared through SQL"
        if self.selection:
            line += f"; selected: {self.selection}"
        return line + "."

    @property
    def conditions(self) -> list[str]:
        """What the verdict holds under, in words: names, rows and columns that were compared otherwise."""
        found = []
        for table in self.tables:
            found += table.names
            found += [f"{table.table}: only the rows where {table.restricted}"] if table.restricted else []
            found += [f"{table.table}.{expression}" for expression in table.expressions]
        return found

    @property
    def digest(self) -> str:
        """SHA-256 over all findings, without times: the same findings give the same digest."""
        tables = [(table.table, table.digest) for table in self.tables]
        return compute_digest(
            [
                self.mode,
                tables,
                self.schema,
                self.sequences,
                self.totals,
                self.not_compared,
                self.unsound,
                self.declared,
                self.structure,
                self.judged_kinds,
                self.uncompared,
                self.checks,
                self.spots,
                *(part for part in (self.unmatched_rules, self.conditions) if part),
            ]
        )

    def as_facts(self) -> dict[str, Any]:
        """JSON values below `LIMIT` bytes: a large result has fewer examples, and always all counts."""
        examples = EXAMPLES
        while True:
            facts = self._facts(examples)
            if len(json.dumps(facts)) <= LIMIT:
                return facts
            if examples == 0:
                return {**facts, "structure": truncate_structure(self.structure, FEW)}
            examples //= 2

    def _facts(self, examples: int) -> dict[str, Any]:
        named = {name: value for name, value in vars(self).items() if name != "tables"}
        ordered = sorted(self.tables, key=lambda table: (table.equal, -table.differing, table.table))
        return {
            **named,
            "equal": self.equal,
            "summary": self.summary,
            "declared_count": self.declared_count,
            "expected_count": self.expected_count,
            "rows": sum(table.source_rows for table in self.tables),
            "tables": [table.as_facts(examples) for table in ordered],
            "digest": self.digest,
            **({"conditions": self.conditions} if self.conditions else {}),
        }


def _count(number: int, noun: str) -> str:
    """“1 204 311 rows”, with narrow no-break spaces between groups of three."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", "\u202f")


def _name_first(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
