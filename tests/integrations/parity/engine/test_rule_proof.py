"""Declared differences are explained by sums exactly as a row-by-row model explains them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from integrations.parity.engine import reader
from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.engine.row_diff import RowDiff
from integrations.parity.model.declared import parse_rules
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql import rule_queries
from tests.integrations.parity.conftest import Pair

TABLES = 60
DEFAULTED, FILLED, BOTH, ROUNDED = "defaulted", "filled", "stamped", "rounded"  # columns, by their rules
NAMES = (DEFAULTED, FILLED, BOTH, ROUNDED)
RULES = parse_rules(
    [
        {"kind": "null_is_default", "table": "*", "column": DEFAULTED, "default": "new"},
        {"kind": "null_is_filled", "table": "*", "column": FILLED},
        {"kind": "null_is_filled", "table": "*", "column": BOTH},
        {"kind": "rounded", "table": "*", "column": BOTH},
        {"kind": "rounded", "table": "*", "column": ROUNDED},
    ]
)
OPTIONS = ComparisonOptions(RULES, structure="off")
KEYS: dict[str, tuple[str, Callable[[int], int | str]]] = {
    "dense": ("int", lambda number: number),
    "sparse": ("bigint", lambda number: number * 10**9 - 5),
    "text": ("text", lambda number: f"key {number}"),
}
Row = tuple[Any, ...]


@dataclass
class Made:
    """A table on both sides: key → row, and whether the target's times keep three digits only."""

    key: str
    before: dict[int, Row]
    after: dict[int, Row]
    coarse: bool

    @property
    def has_defaults(self) -> bool:
        """Whether no value is NULL any more for which there is a default."""
        return all(row[NAMES.index(DEFAULTED)] is not None for row in self.after.values())


def _round(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    micros = (value.microsecond + 500) // 1000 * 1000
    return value.replace(microsecond=0) + timedelta(microseconds=micros)


def _time(chance: random.Random) -> datetime | None:
    micros = chance.choice([0, 1000, 999_600, 1, 1500, 499, 500])
    value = datetime(2024, 1, 1) + timedelta(seconds=chance.randrange(3), microseconds=micros)
    return None if chance.random() < 0.3 else value


def _value(chance: random.Random, name: str) -> Any:
    if name in (BOTH, ROUNDED):
        return _time(chance)
    known = ["new", "old", ""] if name == DEFAULTED else [0, 1, -1]
    return None if chance.random() < 0.3 else chance.choice(known)


def _migrate(chance: random.Random, row: Row, share: float, coarse: bool) -> Row:
    """The row as a migration leaves it: it fills some NULLs, and rounds some times."""
    values = dict(zip(NAMES, row, strict=True))
    for name in NAMES:
        if values[name] is None and name != ROUNDED and chance.random() < share:
            values[name] = {DEFAULTED: "new", FILLED: 7, BOTH: datetime(2025, 1, 1)}[name]
        if name in (BOTH, ROUNDED) and (coarse or chance.random() < share):
            values[name] = _round(values[name])
    return tuple(values.values())


def _make(chance: random.Random) -> Made:
    rows, share, coarse = chance.choice([3, 40, 90]), chance.choice([0, 0.5, 1.0]), chance.random() < 0.5
    before = {n: tuple(_value(chance, name) for name in NAMES) for n in range(rows)}
    after = {n: _migrate(chance, row, share, coarse) for n, row in before.items()}
    for _ in range(chance.choice([0, 0, 1, 3])):
        number, place = chance.randrange(rows), chance.randrange(len(NAMES))
        values = list(after.get(number, before[number]))
        values[place] = _value(chance, NAMES[place])
        after[number] = tuple(values)
        if chance.random() < 0.2:
            del after[number]
        elif chance.random() < 0.2:
            after[rows + number] = after[number]
    if coarse:
        after = {n: (a, b, _round(c), _round(d)) for n, (a, b, c, d) in after.items()}
    return Made(chance.choice(list(KEYS)), before, after, coarse)


def _explained(source: Row, target: Row) -> Counter[str] | None:
    """How many values of a row each rule explains, by its place; None where something else differs."""
    found: Counter[str] = Counter()
    for name, one, other in zip(NAMES, source, target, strict=True):
        if name == DEFAULTED:
            if (one is not None and other is None) or (one or ("new" if one is None else one)) != (
                "new" if other is None else other
            ):
                return None
            found[f"{name} default"] += one is None and other is not None
            continue
        if name in (FILLED, BOTH):
            fits = _round(one) == _round(other) if name == BOTH else one == other
            if one is not None and not fits:
                return None
            found[f"{name} filled"] += one is None and other is not None
        if name in (BOTH, ROUNDED):
            if name == ROUNDED and _round(one) != _round(other):
                return None
            fine, still_fine = (value if value != _round(value) else None for value in (one, other))
            if still_fine is not None and fine != still_fine:
                return None
            found[f"{name} rounded"] += fine != still_fine
    return found


def _expected(made: Made) -> tuple[int, int, int, dict[str, int]]:
    """Changed, missing and extra rows, and what each rule explains."""
    counts: Counter[str] = Counter()
    changed = 0
    for number in made.before.keys() & made.after.keys():
        explained = _explained(made.before[number], made.after[number])
        changed += explained is None
        counts += explained or Counter()
    missing, extra = len(made.before.keys() - made.after.keys()), len(made.after.keys() - made.before.keys())
    return changed, missing, extra, dict(counts)


def _fill(url: str, tables: list[Made], *, target: bool) -> None:
    with psycopg.connect(url) as connection:
        for place, made in enumerate(tables):
            kind, key_of = KEYS[made.key]
            digits = 3 if target and made.coarse else 6
            connection.execute(
                f"create table t{place} (id {kind} primary key, {DEFAULTED} text, {FILLED} int,"
                f" {BOTH} timestamp({digits}), {ROUNDED} timestamp({digits}))".encode()
            )
            with connection.cursor().copy(f"copy t{place} from stdin".encode()) as copy:
                for number, row in (made.after if target else made.before).items():
                    copy.write_row((key_of(number), *row))


def _named(declared_by: dict[str, int]) -> dict[str, int]:
    words = {"NULL is 'new'": "default", "NULL before": "filled", "rounded to": "rounded"}
    found = {}
    for description, count in declared_by.items():
        column = description.split(":")[0].rpartition(".")[2]
        found[f"{column} {next(name for word, name in words.items() if word in description)}"] = count
    return found


def _wrong(tables: list[Made], result: ComparisonResult) -> list[str]:
    found = {table.table: table for table in result.tables}
    wrong = []
    for place, made in enumerate(tables):
        table = found[f"t{place}"]
        told = (table.changed, table.missing, table.extra, _named(table.declared_by))
        if told != _expected(made) or table.unsound:
            wrong.append(f"{made}: {told} and not {_expected(made)}; {table.unsound}")
    return wrong


@pytest.mark.property
def test_rules_explain_exactly_what_a_model_explains(
    pair: Pair, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed: str = pytestconfig.getoption("--property-round") or "1"
    chance = random.Random(f"rules {seed}")
    tables = [_make(chance) for _ in range(TABLES)]
    _fill(pair.source.url, tables, target=False)
    _fill(pair.target.url, tables, target=True)
    pair.both("analyze")
    with Snapshot(pair.source.server) as snapshot:
        before = take_fingerprint(snapshot, RULES)
    read: list[str] = []
    run = RowDiff.run

    def note(diff: RowDiff, buckets: Mapping[int, int]) -> None:
        read.append(diff.plan.label)
        run(diff, buckets)

    monkeypatch.setattr(RowDiff, "run", note)
    live = pair.compare([rule.as_facts() for rule in RULES], structure="off")
    assert not (wrong := _wrong(tables, live)), f"seed {seed}: {wrong}"
    equal = {f"t{place}" for place, made in enumerate(tables) if _expected(made)[:3] == (0, 0, 0)}
    assert len(equal) > TABLES // 4
    assert not equal & set(read), "rows were read although sums prove what the rules explain"
    read.clear()
    proven = compare_before(before, pair.target.server, OPTIONS, backup=pair.source.server)
    assert not (wrong := _wrong(tables, proven)), f"seed {seed}: {wrong}"
    # The backup says which times were NULL. What the fingerprint holds of them, it proves.
    done = {f"t{place}" for place, made in enumerate(tables) if made.coarse and made.has_defaults} & equal
    assert done
    assert not done & set(read), "rows were read although the fingerprint proves what the rules explain"
    alone = compare_before(before, pair.target.server, OPTIONS)
    assert {table.table for table in alone.tables if table.equal} <= equal


def test_a_backup_of_another_moment_proves_nothing(pair: Pair) -> None:
    """Rows that only the backup has NULL must not explain a NULL that is new."""
    pair.both("create table t (id int primary key, v text)",
              "insert into t values (1, 'new'), (2, null), (3, null)")  # fmt: skip
    rules = parse_rules([{"kind": "null_is_default", "table": "t", "column": "v", "default": "new"}])
    with Snapshot(pair.source.server) as snapshot:
        before = take_fingerprint(snapshot, rules)
    pair.both("update t set v = case when id > 1 then 'new' end")
    (table,) = compare_before(
        before, pair.target.server, ComparisonOptions(rules), backup=pair.source.server
    ).tables
    assert not table.equal
    assert table.unsound == ["the restored backup is not the state of which the fingerprint was taken"]
    (alone,) = compare_before(before, pair.target.server, ComparisonOptions(rules)).tables
    assert not alone.equal


def test_one_real_difference_does_not_make_all_rows_be_read(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.both("create table t (id int primary key, filled int)",
              "insert into t select i, nullif(i % 3, 0) from generate_series(1, 3000) i")  # fmt: skip
    pair.target.run("update t set filled = 9 where filled is null", "update t set filled = 5 where id = 1000")
    buckets: list[int] = []
    run = RowDiff.run

    def note(diff: RowDiff, suspicious: Mapping[int, int]) -> None:
        buckets.extend(suspicious)
        run(diff, suspicious)

    monkeypatch.setattr(RowDiff, "run", note)
    table = pair.table("t", RULES[1].as_facts())
    assert (table.changed, table.declared, len(buckets)) == (1, 1000, 1)
    assert table.examples[0].columns == {"filled": ["1", "5"]}


@pytest.mark.parametrize(
    ("limits", "rows_are_read"),
    [
        ({}, False),
        ({"MAX_SET_BITS": 1}, False),  # a list instead of a bitmap
        ({"MAX_SET_BITS": 1, "MAX_NUMBERS": 1}, True),
        ({"MAX_KEYS": 1}, True),
    ],
)
def test_a_set_of_any_size_gives_the_same_result(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], rows_are_read: bool
) -> None:
    pair.both("create table t (id int primary key, filled int)",
              "insert into t select i, nullif(i % 3, 0) from generate_series(1, 3000) i")  # fmt: skip
    pair.target.run("update t set filled = 9 where filled is null")
    for name, value in limits.items():
        monkeypatch.setattr(rule_queries, name, value)
    monkeypatch.setattr(reader, "PAGES_PER_PART", 2)  # several parts, by two sessions a side
    read: list[str] = []
    run = RowDiff.run

    def note(diff: RowDiff, suspicious: Mapping[int, int]) -> None:
        read.append(diff.plan.label)
        run(diff, suspicious)

    monkeypatch.setattr(RowDiff, "run", note)
    table = pair.table("t", RULES[1].as_facts(), workers=2)
    assert (table.differing, table.declared, table.unsound, bool(read)) == (0, 1000, [], rows_are_read)
