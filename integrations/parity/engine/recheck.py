"""Compares again, after a full pass, by reading only what was written to since: minutes before the switch."""

from __future__ import annotations

from pathlib import Path

from integrations.errors import Problem
from integrations.parity.compare import Comparison
from integrations.parity.kept_pass import KeptPass, KeptSums, read_pass
from integrations.parity.options import Options
from integrations.parity.passes import FullPass
from integrations.parity.plan import Buckets, TablePlan
from integrations.parity.progress import Meter
from integrations.parity.questions import Questions
from integrations.parity.reading import Reader
from integrations.parity.result import Result, TableResult
from integrations.parity.snapshot import Server, Snapshot, at_once, of_each, opened
from integrations.parity.state import State, by_name, read_files, read_state
from integrations.parity.sums import Sums
from integrations.parity.versions import refreshed
from integrations.parity.watch import Watch


def keep_pass(
    source: Server, target: Server, path: Path, options: Options, watch: Watch | None = None
) -> tuple[Result, str]:
    """Compares both sides in full and keeps the pass in a file: the result, and the SHA-256 of the file.

    Raises `Problem` when a server does not tell its identity, and what `compare_live` raises.
    """
    with opened(source, target, options.longest) as (first, second):
        comparison = Comparison(first, second, None, options, watch or Watch())
        keeping = Keeping(comparison.look.reader, first, second)
        comparison.look.method = keeping
        result = comparison.run()
        keeping.kept.taken_at = result.started
        return result, keeping.kept.write(path)


def recheck(
    source: Server, target: Server, pass_file: Path, options: Options, watch: Watch | None = None,
    *, sha256: str = "",
) -> Result:  # fmt: skip
    """Compares both sides as they are now, by what a kept pass knows; the verdict is about everything.

    Raises `Problem` when that pass does not hold any more: after a restore, a failover, a restart.
    A table that was rewritten, or is compared by other rules, is read in full, and its result says so.
    """
    kept = read_pass(pass_file, sha256)
    with opened(source, target, options.longest) as (first, second):
        comparison = Comparison(first, second, None, options, watch or Watch())
        comparison.look.method = Recheck(comparison.look.reader, first, second, kept)
        result = comparison.run()
    result.mode = "recheck"
    result.source["pass_taken_at"] = kept.taken_at
    return result


class Keeping(FullPass):
    """Reads every row, and keeps the sums."""

    def __init__(self, reader: Reader, source: Snapshot, target: Snapshot) -> None:
        super().__init__(reader)
        self.kept = KeptPass("", *of_each(source, target, _told))
        self.files = of_each(source, target, read_files)
        self.first_snapshots = source.number, target.number

    def both(
        self, source: Questions, target: Questions, meter: Meter, result: TableResult
    ) -> tuple[Sums, Sums]:
        """See `Method`; what was read in a later snapshot is not kept, for it has another horizon."""
        before, after = super().both(source, target, meter, result)
        same = (source.snapshot.number, target.snapshot.number) == self.first_snapshots
        if same and not _unkept(source.plan):
            files = _files(self.files, source.plan)
            kept = KeptSums(source.plan.recipe, source.buckets, files, before, after)
            self.kept.tables[source.plan.source.schema, source.plan.source.name] = kept
        return before, after


class Recheck(FullPass):
    """Reads again what was written to since the kept pass."""

    def __init__(self, reader: Reader, source: Snapshot, target: Snapshot, kept: KeptPass) -> None:
        super().__init__(reader)
        self.kept = kept
        self._require(source, target)

    def _require(self, source: Snapshot, target: Snapshot) -> None:
        """That the pass holds for what these snapshots see: after a loss another server may answer."""
        self.required_of = source.number, target.number
        self.files = of_each(source, target, read_files)
        then = self.kept.source, self.kept.target
        for side, of_pass, now in zip(
            ("source", "target"), then, of_each(source, target, _told), strict=True
        ):
            if reason := of_pass.changed(now):
                raise Problem(
                    f"The kept pass of {self.kept.taken_at} does not hold for the {side} any more: {reason}.",
                    means="What changed since cannot be told from the versions of its rows.",
                    next="Compare in full, and keep that pass.",
                )

    def buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> Buckets:
        """See `Method`; those of the pass, where it holds."""
        kept = self._usable(plan)
        return super().buckets(plan, source, pages) if isinstance(kept, str) else kept.buckets

    def both(
        self, source: Questions, target: Questions, meter: Meter, result: TableResult
    ) -> tuple[Sums, Sums]:
        """See `Method`."""
        if (source.snapshot.number, target.snapshot.number) != self.required_of:
            self._require(source.snapshot, target.snapshot)
        kept = self._usable(source.plan)
        if isinstance(kept, str):
            result.notes.append(f"read in full: {kept}")
            return super().both(source, target, meter, result)
        result.mode = "recheck"
        meter.begin("source", "target")
        self.reader.pages += sum(meter.pages_of.values())
        return at_once(
            source.snapshot, lambda: refreshed(source, kept.source, self.kept.source.horizon),
            target.snapshot, lambda: refreshed(target, kept.target, self.kept.target.horizon),
            self.reader.watch.check,
        )  # fmt: skip

    def _usable(self, plan: TablePlan) -> KeptSums | str:
        """What is kept of a table, or why that does not hold."""
        kept = self.kept.tables.get((plan.source.schema, plan.source.name))
        if kept is None:
            return _unkept(plan) or "the pass did not read it"
        if kept.recipe != plan.recipe:
            return "its columns, or the rules for them, are not those of the pass"
        if kept.files != _files(self.files, plan):
            return "it was rewritten since the pass, or its columns were altered"
        return kept


def _told(snapshot: Snapshot) -> State:
    state = read_state(snapshot)
    if isinstance(state, str):
        raise Problem(
            f"A pass over {snapshot.server.address} cannot be kept: {state}.",
            means="Without it, a restored server could be taken for the one that was read.",
            next="Grant the role EXECUTE on pg_control_system() and pg_control_checkpoint(),"
            " or compare in full.",
        )
    return state


def _unkept(plan: TablePlan) -> str:
    """Why a pass over this table says nothing later, or nothing."""
    if not plan.key:
        return "it has no key by which its rows fall into buckets"
    if plan.source.is_view or plan.target.is_view:
        return "it is a view, whose rows have no versions"
    if by_name(column.base for table in (plan.source, plan.target) for column in table.columns):
        return "it holds names of other objects, which may be renamed without touching it"
    return ""


def _files(
    files: tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]], plan: TablePlan
) -> tuple[str, str]:
    places = (plan.source.schema, plan.source.name), (plan.target.schema, plan.target.name)
    return files[0].get(places[0], ""), files[1].get(places[1], "")
