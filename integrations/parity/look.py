"""Looks at one table: sums of its buckets on both sides, then the rows of buckets that differ."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from integrations.parity.baseline import KeptTable, sums_digest
from integrations.parity.declared import Declared
from integrations.parity.differences import Tally, compare_rows, suspicious
from integrations.parity.plan import TablePlan
from integrations.parity.questions import OF_NULL, Hashed, Key, Questions, Sum, choose_buckets
from integrations.parity.result import TableResult, digest_of
from integrations.parity.snapshot import Snapshot, at_once

NEEDS_BACKUP = "only the restored backup can tell more: give it to the comparison"
PLACES = 20  # differing parts named of a table whose rows cannot be asked


@dataclass
class Looked:
    """A table after its pass: what is needed to ask for its rows again."""

    plan: TablePlan
    result: TableResult
    tally: Tally = field(default_factory=Tally)
    source: Questions | None = None
    target: Questions | None = None


class Look:
    """Looks at tables on two sides, or on one side and in a fingerprint (``kept``) of the other."""

    def __init__(
        self,
        source: Snapshot | None,
        target: Snapshot,
        kept: Mapping[tuple[str, str], KeptTable],
        declared: Declared,
    ) -> None:
        self.source, self.target, self.kept, self.declared = source, target, kept, declared

    def look(self, plan: TablePlan) -> Looked:
        """One table; what goes wrong with it alone is said in its result and ends nothing else."""
        started = time.monotonic()
        one = Looked(plan, TableResult(plan.label, key=list(plan.key)))
        one.result.unsound += plan.unsound
        one.result.not_compared += plan.left_out
        try:
            with ExitStack() as savepoints:
                for snapshot in filter(None, (self.source, self.target)):
                    savepoints.enter_context(snapshot.attempt())
                self._pass(one)
        except psycopg.DataError as error:
            if (less := plan.without_json()) is not None:
                return self.look(less)
            one.result.unsound.append(_reason(error))
        except psycopg.Error as error:
            one.result.unsound.append(_reason(error))
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
        buckets = choose_buckets(source, one.plan.source, one.plan.key)
        one.source = Questions(source, one.plan, "source", buckets)
        one.target = Questions(self.target, one.plan, "target", buckets)
        before, after = at_once(source, one.source.sums, self.target, one.target.sums)
        bad = self._weigh(one, before, after)
        if bad:
            rows = one.source.rows_of(bad, len(before))
            self._drill(one, rows, one.target.rows_of(bad, len(after)))

    def _pass_kept(self, one: Looked, kept: KeptTable) -> None:
        one.target = Questions(self.target, one.plan, "target", kept.buckets)
        bad = self._weigh(one, kept.sums, after := one.target.sums())
        if bad and self.source is not None:
            one.source = Questions(self.source, one.plan, "source", kept.buckets)
            rows = _proven(one, kept, one.source.rows_of(bad, len(kept.sums)), bad)
            self._drill(one, rows, one.target.rows_of(bad, len(after)))
        elif bad:
            self._tell_places(one, kept, after, bad)

    def _weigh(self, one: Looked, before: Mapping[int, Sum], after: Mapping[int, Sum]) -> set[int]:
        one.result.source_rows = sum(bucket.rows for bucket in before.values())
        one.result.target_rows = sum(bucket.rows for bucket in after.values())
        one.result.digest = digest_of([one.plan.recipe, sums_digest(before), sums_digest(after)])
        return suspicious(one.plan, before, after, one.tally)

    def _drill(
        self, one: Looked, before: Iterable[tuple[int, Key, Hashed]], after: Iterable[tuple[int, Key, Hashed]]
    ) -> None:
        compare_rows(one.plan, before, after, one.tally, self.extra_declared(one.plan))

    def extra_declared(self, plan: TablePlan) -> bool:
        """Whether rows that only the target has are declared."""
        return self.declared.find("new_rows", plan.label) is not None

    def _tell_places(self, one: Looked, kept: KeptTable, after: Mapping[int, Sum], bad: set[int]) -> None:
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


def _proven(
    one: Looked, kept: KeptTable, rows: Iterable[tuple[int, Key, Hashed]], bad: set[int]
) -> Iterator[tuple[int, Key, Hashed]]:
    """Passes the backup's rows on, and says so when they are not those of the fingerprint."""
    found: dict[int, list[int]] = {bucket: [0, 0] for bucket in bad}
    for bucket, key, hashed in rows:
        found[bucket][0] += 1
        found[bucket][1] += hashed.row
        yield bucket, key, hashed
    nothing = Sum(0, 0, ())
    if any(tuple(seen) != kept.sums.get(bucket, nothing)[:2] for bucket, seen in found.items()):
        one.result.unsound.append("the restored backup is not the state of which the fingerprint was taken")


def _place(plan: TablePlan, kept: KeptTable, bucket: int) -> str:
    bits = kept.buckets.bits
    if kept.buckets.how == "range" and bucket != OF_NULL:
        return f"{plan.key[0]} {bucket << bits} to {(bucket + 1 << bits) - 1}"
    return f"part {bucket} of {1 << bits} by hash of the key"


def _reason(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"it could not be read: {error.diag.message_primary}; grant SELECT to the role that compares"
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "it could not be read: another session holds a lock on it (a migration?)"
    return f"it could not be read: {error.diag.message_primary or error}"
