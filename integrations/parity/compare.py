"""Compares two sides table by table: buckets first, then the rows of those that differ."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import psycopg
from psycopg import sql

from integrations.errors import Problem, Unreachable
from integrations.parity.baseline import PROBE, Fingerprint
from integrations.parity.beside import Beside
from integrations.parity.declared import Declared
from integrations.parity.differences import Tally, judge
from integrations.parity.encodings import must_recode
from integrations.parity.examples import show
from integrations.parity.look import Look, Looked
from integrations.parity.options import Options
from integrations.parity.passes import FullPass
from integrations.parity.plan import TablePlan, make_plans
from integrations.parity.questions import Hashed, Key, asked
from integrations.parity.refusals import refusal
from integrations.parity.repair import repair
from integrations.parity.result import EXAMPLES, Example, Result, digest_of
from integrations.parity.sizes import pages_of
from integrations.parity.snapshot import Server, Snapshot, of_each, opened
from integrations.parity.tables import Table, read_foreign_tables, read_tables
from integrations.parity.tour import Tour
from integrations.parity.watch import Watch, one_at_a_time, wants_rows

__all__ = ["Comparison", "Options", "compare_before", "compare_live"]


def compare_live(source: Server, target: Server, options: Options, watch: Watch | None = None) -> Result:
    """Live against live (or against a restored backup, which is a live database too).

    Raises `Problem` when the two cannot be compared at all, `Unreachable` when one is lost.
    """
    with opened(source, target, options.longest) as (first, second):
        return Comparison(first, second, None, options, watch or Watch()).run()


def compare_before(
    before: Fingerprint, target: Server, options: Options, watch: Watch | None = None,
    *, backup: Server | None = None,
) -> Result:  # fmt: skip
    """The fingerprint taken before against the live database after.

    ``backup`` is the restored backup of the state before: with it the rows that differ are named.
    """
    with ExitStack() as stack:
        second = stack.enter_context(Snapshot(target, longest=options.longest))
        first = stack.enter_context(Snapshot(backup, longest=options.longest)) if backup else None
        return Comparison(first, second, before, options, watch or Watch()).run()


Hashes = Mapping[Key, list[Hashed]]  # of the rows that differ, as they are now

UNNAMED = "not all rows that differ could be named"
TOLD_AT_ONCE = 1000  # rows that differ whose values are asked for with one question


class Comparison:
    """One comparison under way. ``source`` may be None only where there is a fingerprint."""

    def __init__(
        self, source: Snapshot | None, target: Snapshot, before: Fingerprint | None, options: Options,
        watch: Watch,
    ) -> None:  # fmt: skip
        self.source, self.target, self.before = source, target, before
        self.options, self.watch = options, one_at_a_time(watch)
        self.declared = Declared(options.rules)
        self.kept = {(one.table.schema, one.table.name): one for one in before.tables} if before else {}
        self.look = Look(source, target, self.kept, self.declared, options, self.watch)
        self.tour = Tour(self.look, self._finish)

    def run(self) -> Result:
        """Everything, in order; the digest of the result is of what is found at its end.

        Raises `Problem` when that fails as a whole.
        """
        try:
            return self._run()
        except psycopg.Error as error:
            raise Problem(
                f"The comparison could not go on: {refusal(error)}.", next="See to that, then compare again."
            ) from None

    def _run(self) -> Result:
        started = time.monotonic()
        self._require_sides_of_a_sample()
        recode = self._must_recode()
        result = self._empty_result()
        plans, schema, result.not_compared = make_plans(
            self._source_tables(), self._tables, self.declared, recode=recode
        )
        result.schema = schema.as_facts()
        known = {table.label for table in self._tables.values()}
        result.unsound += [
            f"there is no view {name} to compare" for name in self.options.views if name not in known
        ]
        with self.look.reader:
            looked = self.tour.run(plans, self._sizes(plans))
        result.tables = [one.result for one in looked]
        try:
            self._after_the_tables(result, looked)
        except Unreachable as lost:
            result.partial = result.partial or f"{lost} What is beside the rows was not looked at."
        result.unsound += [result.partial] if result.partial else []
        result.unmet_rules = self.declared.unmet
        result.cost = {"pages_read": self.look.reader.pages, "seconds": round(time.monotonic() - started, 3)}
        return result

    def _after_the_tables(self, result: Result, looked: list[Looked]) -> None:
        result.partial = self.tour.gone
        if self.tour.gone:
            return
        self._settle(looked)
        plans = [one.plan for one in looked]
        Beside(self.source, self.target, self.before, self.options, self.declared).look(
            result, plans, self._tables
        )
        result.finished = self._now()

    def _sizes(self, plans: list[TablePlan]) -> dict[str, dict[str, int]]:
        """Pages of each table on each side that is read."""

        def ask(snapshot: Snapshot) -> dict[tuple[str, str], int]:
            side = "source" if snapshot is self.source else "target"
            return pages_of(snapshot, [plan.table(side) for plan in plans])

        if self.source is None:
            pages = {"target": ask(self.target)}
        else:
            pages = dict(zip(("source", "target"), of_each(self.source, self.target, ask), strict=True))
        return {
            plan.label: {
                side: found.get((plan.table(side).schema, plan.table(side).name), 0)
                for side, found in pages.items()
            }
            for plan in plans
        }

    def _require_sides_of_a_sample(self) -> None:
        if self.options.sample and (self.before or type(self.look.method) is not FullPass):
            raise Problem(
                "A sample is taken of two live databases only.",
                means="A fingerprint or a kept pass has sums of all rows, and none of a part of them.",
                next="Leave the sample out, or compare live with the restored backup.",
            )
        if not 0 <= self.options.sample <= 100:
            raise Problem(f"A sample of {self.options.sample:g} % cannot be taken: say a number up to 100.")

    def _must_recode(self) -> bool:
        live = [side.value(PROBE) for side in (self.source, self.target) if side]
        return must_recode(live, self.before.probe if self.before else "")

    def _empty_result(self) -> Result:
        live = self.source.server.address if self.source else ""
        source = {"address": self.before.address if self.before else live}
        if self.before:
            source |= {"taken_at": self.before.taken_at, "digest": self.before.digest, "backup": live}
        return Result(
            mode="before" if self.before else "sample" if self.options.sample else "live",
            source=source,
            target={"address": self.target.server.address},
            started=self._now(),
            declared=[rule.as_facts() for rule in self.options.rules],
            unsound=[
                f"{name} is a foreign table: its rows are another server's"
                for name in read_foreign_tables(self.target, self.options.schemas)
                if not self.declared.find("not_compared", name)
            ],
        )

    def _now(self) -> str:
        shape = sql.SQL('SELECT to_char(clock_timestamp(), \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')')
        return str(self.target.value(shape))

    def _source_tables(self) -> dict[tuple[str, str], Table]:
        ask = partial(read_tables, schemas=self.options.schemas, views=self.options.views)
        if self.before:
            self._tables = ask(self.target)
            return {place: kept.table for place, kept in self.kept.items()}
        assert self.source is not None
        found, self._tables = of_each(self.source, self.target, ask)
        return found

    def _settle(self, looked: list[Looked]) -> None:
        """Asks rows that differ again after a while: on a live system “not yet” is not “wrong”."""
        again = [one for one in looked if one.tally.keys and one.source and one.target]
        if not again or not self.options.settle:
            return
        self.watch.log(f"Asking the rows that differ again in {self.options.settle:g} s.")
        until = time.monotonic() + self.options.settle
        while (left := until - time.monotonic()) > 0:
            self.watch.check()
            time.sleep(min(left, 0.2))
        for snapshot in filter(None, (self.source, self.target)):
            snapshot.renew()
        for one in again:
            self._ask_again(one)
            self._finish(one)
            self.watch.finished(one.result)

    def _ask_again(self, one: Looked) -> None:
        one.asked_again = True
        if one.tally.overflow:
            one.result.notes.append("too many rows differ to ask them again: these are of the first look")
            return
        assert one.source is not None
        assert one.target is not None
        with self._noting(one, "the rows that differ could not be asked again"):
            before, after = asked(one.source, one.target, lambda side: side.rows_at(one.tally.keys))
            self._settled(one, before, after)

    def _settled(self, one: Looked, before: Hashes, after: Hashes) -> None:
        now = Tally(new_rows=one.tally.new_rows, rules=one.tally.rules)
        for key in one.tally.keys:
            judge(one.plan, key, before[key], after[key], now, self.look.extra_declared(one.plan))
        one.result.settled = max(0, one.tally.differing - now.differing)
        one.tally = now

    def _finish(self, one: Looked) -> None:
        """Counts and examples into the result, and its digest over all of it."""
        tally, result = one.tally, one.result
        result.changed, result.missing, result.extra = tally.changed, tally.missing, tally.extra
        result.declared_by = {words: count for words, count in sorted(tally.rules.items()) if count}
        if tally.new_rows and (rule := self.declared.find("new_rows", one.plan.label)):
            result.declared_by[rule.words] = tally.new_rows
        result.declared = sum(result.declared_by.values())
        with self._noting(one, UNNAMED):
            result.examples = next(self._shown(one, EXAMPLES), [])
            result.repair = repair(self.target, one.plan, result.examples) if result.examples else []
        result.by_column = dict(
            Counter(name for row in result.examples if row.kind == "changed" for name in row.columns)
        )
        facts = replace(result, seconds=0, examples=[], pages=0, notes=[], repair=[]).as_facts()
        result.digest = digest_of(facts)
        if wants_rows(self.watch) and (one.asked_again or not self.options.settle):
            with self._noting(one, UNNAMED):
                for examples in self._shown(one, TOLD_AT_ONCE):
                    for example in examples:
                        self.watch.difference(one.plan.label, example)

    @contextmanager
    def _noting(self, one: Looked, what: str) -> Iterator[None]:
        """Where rows cannot be asked for more, what was counted of them stands, and a note says why."""
        try:
            with ExitStack() as savepoints:
                for snapshot in filter(None, (self.source, self.target)):
                    savepoints.enter_context(snapshot.attempt())
                yield
        except psycopg.Error as error:
            note = f"{what}: {refusal(error)}"
            one.result.notes += [note] if note not in one.result.notes else []

    def _shown(self, one: Looked, at_once: int) -> Iterator[list[Example]]:
        """The kept rows that differ, with both values, so many at once."""
        if not one.source or not one.target:
            return
        declared = self.look.extra_declared(one.plan)
        for start in range(0, len(one.tally.keys), at_once):
            keys = one.tally.keys[start : start + at_once]
            yield show(one.plan, one.source, one.target, keys, declared, at_once)
