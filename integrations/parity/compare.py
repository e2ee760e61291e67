"""Compares two sides table by table: buckets first, then the rows of those that differ."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

from psycopg import sql

from integrations.errors import Problem
from integrations.parity.baseline import PROBE, Fingerprint
from integrations.parity.declared import Declared
from integrations.parity.differences import Tally, judge
from integrations.parity.examples import show
from integrations.parity.look import Look, Looked
from integrations.parity.options import Options
from integrations.parity.plan import TablePlan, make_plans
from integrations.parity.result import Result, digest_of
from integrations.parity.sequences import sequences_behind
from integrations.parity.snapshot import Server, Snapshot
from integrations.parity.tables import Table, read_foreign_tables, read_tables
from integrations.parity.totals import ask_total, compare_total
from integrations.parity.watch import Watch

__all__ = ["Comparison", "Options", "compare_before", "compare_live"]


def compare_live(source: Server, target: Server, options: Options, watch: Watch | None = None) -> Result:
    """Live against live (or against a restored backup, which is a live database too).

    Raises `Problem` when the two cannot be compared at all, `Unreachable` when one is lost.
    """
    with ExitStack() as stack:
        first = stack.enter_context(Snapshot(source, longest=options.longest))
        second = stack.enter_context(Snapshot(target, longest=options.longest))
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


class Comparison:
    """One comparison under way. ``source`` may be None only where there is a fingerprint."""

    def __init__(
        self, source: Snapshot | None, target: Snapshot, before: Fingerprint | None, options: Options,
        watch: Watch,
    ) -> None:  # fmt: skip
        self.source, self.target, self.before = source, target, before
        self.options, self.watch = options, watch
        self.declared = Declared(options.rules)
        self.kept = {(one.table.schema, one.table.name): one for one in before.tables} if before else {}
        self.look = Look(source, target, self.kept, self.declared)

    def run(self) -> Result:
        """Everything, in order; the digest of the result is of what is found at its end."""
        self._require_same_hashes()
        result = self._empty_result()
        plans, schema, result.not_compared = make_plans(self._source_tables(), self._tables, self.declared)
        looked = self._look_at_all(plans)
        self._settle(looked)
        for one in looked:
            self._finish(one)
        result.tables = [one.result for one in looked]
        result.schema = schema.as_facts()
        self._beside_the_rows(result)
        result.unmet_rules = self.declared.unmet
        result.finished = self._now()
        return result

    def _require_same_hashes(self) -> None:
        probes = {self.target.value(PROBE)}
        if self.source:
            probes.add(self.source.value(PROBE))
        if self.before:
            probes.add(self.before.probe)
        if len(probes) > 1:
            raise Problem(
                f"The two servers hash the same text differently ({' / '.join(sorted(probes))}).",
                means="Encoding or kind of processor is not the same, so row hashes say nothing.",
                next="Restore one side's backup on a server like the other, and compare with that.",
            )

    def _empty_result(self) -> Result:
        live = self.source.server.address if self.source else ""
        source = {"address": self.before.address if self.before else live}
        if self.before:
            source |= {"taken_at": self.before.taken_at, "digest": self.before.digest, "backup": live}
        return Result(
            mode="before" if self.before else "live",
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
        self._tables = read_tables(self.target, self.options.schemas)
        if self.before:
            return {place: kept.table for place, kept in self.kept.items()}
        assert self.source is not None
        return read_tables(self.source, self.options.schemas)

    def _look_at_all(self, plans: list[TablePlan]) -> list[Looked]:
        whole = sum(max(plan.source.estimate, 1) for plan in plans)
        done, looked = 0, []
        for plan in plans:
            self.watch.progress(done, whole, plan.label)
            self.watch.check()
            looked.append(self.look.look(plan))
            self.watch.log(_line(looked[-1]))
            done += max(plan.source.estimate, 1)
        self.watch.progress(whole, whole, "")
        return looked

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

    def _ask_again(self, one: Looked) -> None:
        if one.tally.overflow:
            one.result.notes.append("too many rows differ to ask them again: these are of the first look")
            return
        assert one.source is not None
        assert one.target is not None
        before, after = one.source.rows_at(one.tally.keys), one.target.rows_at(one.tally.keys)
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
        if one.source and one.target and tally.keys:
            declared = self.look.extra_declared(one.plan)
            result.examples = show(one.plan, one.source, one.target, tally.keys, declared)
        facts = replace(result, seconds=0, examples=[]).as_facts()
        result.digest = digest_of(facts)

    def _beside_the_rows(self, result: Result) -> None:
        result.sequences = [vars(one) for one in sequences_behind(self.target, self.options.schemas)]
        for total in self.options.totals:
            after = ask_total(self.target, self._tables.values(), total)
            if self.before and total.name in self.before.totals:
                before = self.before.totals[total.name]
            elif self.source is not None:
                tables = read_tables(self.source, self.options.schemas).values()
                before = ask_total(self.source, tables, total)
            else:
                before = "the fingerprint was taken without this total"
            result.totals.append(compare_total(total, before, after))


def _line(one: Looked) -> str:
    rows = f"{one.result.source_rows:,} rows"
    verdict = f"{one.tally.differing} differ" if one.tally.differing else "equal"
    said = "; ".join([verdict if not one.result.unsound else "not proven", *one.result.unsound])
    return f"{one.plan.label}: {rows}, {said}, {one.result.seconds:.2f} s"
