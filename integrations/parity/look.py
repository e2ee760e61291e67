"""Looks at one table: sums of its buckets on both sides, then the rows of buckets that differ."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from integrations.parity.baseline import KeptTable
from integrations.parity.choosing import OF_NULL
from integrations.parity.declared import Declared
from integrations.parity.differences import Tally, suspicious
from integrations.parity.drill import Drill
from integrations.parity.options import Options
from integrations.parity.passes import FullPass, Method
from integrations.parity.plan import TablePlan
from integrations.parity.progress import Meter
from integrations.parity.questions import Questions
from integrations.parity.reading import Exceeded, Reader
from integrations.parity.refusals import why_unread
from integrations.parity.result import TableResult, digest_of
from integrations.parity.snapshot import Snapshot
from integrations.parity.sums import Sum, Sums
from integrations.parity.watch import Watch

NEEDS_BACKUP = "only the restored backup can tell more: give it to the comparison"
PLACES = 20  # differing parts named of a table whose rows cannot be asked


@dataclass
class Looked:
    """A table after its pass: what is needed to ask for its rows again."""

    plan: TablePlan
    result: TableResult
    meter: Meter
    tally: Tally = field(default_factory=Tally)
    source: Questions | None = None
    target: Questions | None = None
    asked_again: bool = False


class Look:
    """Looks at tables on two sides, or on one side and in a fingerprint (``kept``) of the other."""

    def __init__(
        self, source: Snapshot | None, target: Snapshot, kept: Mapping[tuple[str, str], KeptTable],
        declared: Declared, options: Options, watch: Watch,
    ) -> None:  # fmt: skip
        self.source, self.target, self.kept, self.declared = source, target, kept, declared
        self.options, self.watch = options, watch
        self.reader = Reader(options, watch)
        self.method: Method = FullPass(self.reader)

    def look(self, plan: TablePlan, meter: Meter) -> Looked:
        """One table; what goes wrong with it alone is said in its result and ends nothing else."""
        started = time.monotonic()
        one = Looked(plan, TableResult(plan.label, key=list(plan.key), pages=meter.pages), meter)
        one.result.unsound += plan.unsound
        one.result.not_compared += plan.left_out
        meter.tell("reading")
        sides = [snapshot for snapshot in (self.source, self.target) if snapshot]
        self.reader.share(sides)
        try:
            with ExitStack() as savepoints:
                for snapshot in sides:
                    savepoints.enter_context(snapshot.attempt())
                self._pass(one)
        except psycopg.DataError as error:
            if (less := plan.without_json()) is not None:
                return self.look(less, meter.again())
            one.result.unsound.append(why_unread(error))
        except psycopg.Error as error:
            one.result.unsound.append(why_unread(error))
        except Exceeded as bound:
            one.result.partial = f"not read, or not to its end: {bound}"
            one.result.unsound.append(one.result.partial)
        one.result.seconds = time.monotonic() - started
        return one

    def _pass(self, one: Looked) -> None:
        kept = self.kept.get((one.plan.source.schema, one.plan.source.name))
        if kept is not None and kept.recipe == one.plan.recipe and not kept.failed:
            self._pass_kept(one, kept)
        elif self.source is not None:
            if kept is not None:
                one.result.notes.append("compared with the restored backup, not with the fingerprint")
            self._pass_live(one, self.source)
        else:
            reason = (
                kept.failed if kept and kept.failed else "columns or declared rules are not those of then"
            )
            one.result.source_rows = kept.rows if kept else 0
            one.result.unsound.append(f"the fingerprint cannot be used ({reason}); {NEEDS_BACKUP}")

    def _pass_live(self, one: Looked, source: Snapshot) -> None:
        buckets = self.method.buckets(one.plan, source, one.meter.pages)
        one.source = Questions(source, one.plan, "source", buckets, self.options.sample)
        one.target = Questions(self.target, one.plan, "target", buckets, self.options.sample)
        before, after = self.method.both(one.source, one.target, one.meter, one.result)
        if self.options.sample:
            one.result.mode = "sample"
            one.result.unsound.append(
                f"only a sample of about {self.options.sample:g} % of its rows was looked at"
            )
        if bad := self._weigh(one, before, after):
            self._drill(one, bad)

    def _pass_kept(self, one: Looked, kept: KeptTable) -> None:
        one.target = Questions(self.target, one.plan, "target", kept.buckets)
        bad = self._weigh(one, kept.sums, after := self.reader.one(one.target, one.meter))
        if bad and self.source is not None:
            one.source = Questions(self.source, one.plan, "source", kept.buckets)
            self._prove(one, kept, bad)
            self._drill(one, bad)
        elif bad:
            self._tell_places(one, kept, after, bad)

    def _weigh(self, one: Looked, before: Sums, after: Sums) -> dict[int, int]:
        one.result.source_rows, one.result.target_rows = before.rows, after.rows
        one.result.digest = digest_of([one.plan.recipe, before.digest, after.digest])
        return suspicious(one.plan, before, after, one.tally)

    def _prove(self, one: Looked, kept: KeptTable, bad: Collection[int]) -> None:
        """Says so when the restored backup is not the state of the fingerprint, where rows are asked for."""
        assert one.source is not None
        if kept.sums.replaced(bad, one.source.sums_of(bad)) != kept.sums:
            one.result.unsound.append(
                "the restored backup is not the state of which the fingerprint was taken"
            )

    def _drill(self, one: Looked, bad: Mapping[int, int]) -> None:
        assert one.source is not None
        assert one.target is not None
        one.meter.tell("asking")
        extra = self.extra_declared(one.plan)
        Drill(one.plan, one.source, one.target, one.tally, extra, self.options.keep, self.watch.check).run(
            bad
        )
        _prove_rows(one)

    def extra_declared(self, plan: TablePlan) -> bool:
        """Whether rows that only the target has are declared."""
        return self.declared.find("new_rows", plan.label) is not None

    def _tell_places(self, one: Looked, kept: KeptTable, after: Sums, bad: Collection[int]) -> None:
        """Without the rows of before: how many differ at least, and where."""
        nothing = Sum(0, 0, ())
        open_questions = 0
        for bucket in sorted(bad):
            then, now = kept.sums.get(bucket, nothing), after.get(bucket, nothing)
            if then[:2] == now[:2] or self.extra_declared(one.plan):
                open_questions += 1
                continue
            one.tally.missing += max(0, then.rows - now.rows)
            one.tally.extra += max(0, now.rows - then.rows)
            one.tally.changed += then.rows == now.rows
            one.result.at_least = True
            if len(one.result.places) < PLACES:
                one.result.places.append(_place(one.plan, kept, bucket))
        if open_questions:
            one.result.unsound.append(
                f"in {open_questions} of {len(kept.sums)} parts it is open whether differences are declared;"
                f" {NEEDS_BACKUP}"
            )


def _prove_rows(one: Looked) -> None:
    """Parts that differ must have rows that do, and these make up for the difference of the counts."""
    tally, result = one.tally, one.result
    balance = tally.missing - tally.extra - tally.new_rows
    found = tally.differing or tally.new_rows or tally.rules.total()
    if not result.unsound and (not found or balance != result.source_rows - result.target_rows):
        result.unsound.append(
            "its sums differ and its rows do not explain that, so nothing is proven: compare it again"
        )


def _place(plan: TablePlan, kept: KeptTable, bucket: int) -> str:
    bits = kept.buckets.bits
    if kept.buckets.how == "range" and bucket != OF_NULL:
        return f"{plan.key[0]} {bucket << bits} to {(bucket + 1 << bits) - 1}"
    return f"part {bucket} of {1 << bits} by hash of the key"
