"""Goes from table to table; after a lost connection it goes on in new snapshots, a few times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from psycopg import sql

from integrations.errors import Unreachable
from integrations.parity.look import Look, Looked
from integrations.parity.plan import TablePlan
from integrations.parity.progress import Meter
from integrations.parity.result import TableResult
from integrations.parity.snapshot import GaveWay, Snapshot
from integrations.parity.watch import TableProgress

MOST_LOSSES = 3  # in one comparison
PATIENCE = 30  # seconds for a server to come back

Sizes = Mapping[str, int]  # side → pages


class Tour:
    """All tables in their order. ``gone`` says, at the end, why not every table could be looked at."""

    def __init__(self, look: Look, finish: Callable[[Looked], None], patience: float | None = None) -> None:
        self.look, self.watch, self.finish, self.patience = (
            look,
            look.watch,
            finish,
            PATIENCE if patience is None else patience,
        )
        self.snapshots: list[Snapshot] = [side for side in (look.source, look.target) if side]
        self.gone, self.note, self.losses = "", "", 0

    def run(self, plans: Sequence[TablePlan], sizes: Mapping[str, Sizes]) -> list[Looked]:
        """Every table's look, in order; ``sizes`` by the label of the table."""
        looked = []
        for plan in plans:
            self.watch.table(TableProgress(plan.label, "waiting", max(sizes[plan.label].values(), default=0)))
        for plan, meter in zip(plans, self._meters(plans, sizes), strict=True):
            self.watch.check()
            one = self._one(plan, meter)
            one.meter.tell("failed" if one.result.unsound else "done")
            self.watch.finished(one.result)
            self.watch.log(line(one))
            looked.append(one)
        return looked

    def _meters(self, plans: Sequence[TablePlan], sizes: Mapping[str, Sizes]) -> Iterator[Meter]:
        pages = [max((1, *sizes[plan.label].values())) for plan in plans]
        for number, plan in enumerate(plans):
            yield Meter(self.watch, plan.label, sizes[plan.label], sum(pages[:number]), sum(pages))

    def _one(self, plan: TablePlan, meter: Meter) -> Looked:
        while not self.gone:
            try:
                one = self.look.look(plan, meter)
                self.finish(one)
            except Unreachable as lost:
                self._go_on(lost)
                meter = meter.again()
            else:
                one.result.notes += [self.note] if self.note else []
                return one
        result = TableResult(plan.label, key=list(plan.key), pages=meter.pages, partial=self.gone)
        result.unsound.append(f"it was not compared: {self.gone}")
        return Looked(plan, result, meter)

    def _go_on(self, lost: Unreachable) -> None:
        """Takes new snapshots, or says in ``gone`` why there will be none."""
        self.losses += 1
        self.look.reader.let_go()
        self.watch.log(f"{lost} Trying to go on in a new snapshot.")
        if self.losses > MOST_LOSSES:
            trouble = "" if isinstance(lost, GaveWay) else ", and one side may be in trouble"
            self.gone = f"{lost} It was the {self.losses}th time{trouble}"
            return
        until = time.monotonic() + self.patience
        while True:
            self.watch.check()
            try:
                for snapshot in self.snapshots:
                    snapshot.renew()
            except Unreachable as still:
                if time.monotonic() >= until:
                    self.gone = (
                        f"{lost} It did not come back within {self.patience:g} s ({still.means or still})"
                    )
                    return
                time.sleep(min(1.0, self.patience))
            else:
                moment = sql.SQL('SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')')
                taken = self.snapshots[-1].value(moment)
                why = (
                    "a standby gave way to its primary"
                    if isinstance(lost, GaveWay)
                    else "a connection was lost"
                )
                self.note = f"read in another snapshot, taken at {taken} after {why}"
                return


def line(one: Looked) -> str:
    """A table's outcome for the log."""
    rows = f"{one.result.source_rows:,} rows"
    verdict = f"{one.tally.differing} differ" if one.tally.differing else "equal"
    said = "; ".join([verdict if not one.result.unsound else "not proven", *one.result.unsound])
    return f"{one.plan.label}: {rows}, {said}, {one.result.seconds:.2f} s"
