"""One rehearsal of the migration on a copy: what it is given, how it goes, and what it records."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

from integrations import actions
from integrations.actions.backup_verify import BackupVerifyEvidence
from integrations.actions.item_rehearsal import (
    NEED_API,
    CopyTarget,
    ItemRehearsal,
    RehearsedItem,
    evidence_on_copy,
    lead_to_copy,
)
from integrations.actions.rehearsal_differences import (
    RehearsedSetup,
    describe_what_matters,
    leave_out,
    list_differences,
    sort_differences,
)
from integrations.backups.kept_copies import make_copy_name
from integrations.clients import postgres
from integrations.environment.api_process import ApiProcess
from integrations.environment.database_traits import RehearsalDifference
from integrations.prisma.alignment import Alignment, build_alignment
from integrations.prisma.alignment_rehearsal import RehearsalResult, measure_script
from integrations.prisma.cli import Prisma
from integrations.sql_review import ScriptReview, review_script
from integrations.systems import System

ALIGN = "prisma.align"
#: What is rehearsed where the item does not say it: the first item of the runbook with each of these actions.
DEFAULT_ACTIONS = ("prisma.baseline", "prisma.deploy", ALIGN, "prisma.drift")


@dataclass(frozen=True)
class PrismaAlignRehearseParams(actions.ActionParams):
    """The project, the restored backup, and the decisions that the alignment needs.

    ``defaults``: “table.column” → SQL value; ``may_lose``: tables and “table.column”s.
    """

    prisma: System
    scratch: System
    verified: actions.EarlierItem[BackupVerifyEvidence]
    defaults: dict[str, str]
    may_lose: list[str]
    items: list[str]
    api: System | None

    @property
    def steps(self) -> list[str]:
        """The keys of the items that are rehearsed, in their order."""
        known = self.context.items
        first: dict[str, str] = {}
        for key, item in known.items():
            if item.action in DEFAULT_ACTIONS and item.params.get("prisma") == self.prisma.name:
                first.setdefault(item.action, key)
        return self.items or [first[action] for action in DEFAULT_ACTIONS if action in first]

    @property
    def project_copy(self) -> Path:
        """Where the private copy of the Prisma project is made."""
        return self.context.folder / "rehearsals" / make_copy_name(self.restored_database)

    @property
    def restored_database(self) -> str:
        """The name of the restored backup; empty until one was kept, and when a later verification failed."""
        facts = self.verified.evidence.get("verified")
        return (facts.get("database") or "") if facts and facts.get("equal") else ""


class AlignmentRehearsal(TypedDict):
    """A rehearsed alignment: the SQL (file, SHA-256), the decisions that it was built with, the measured
    seconds and locks, and how many statements the diff still had afterwards (``left``)."""

    sha256: str
    file: str
    aligned: bool
    statements: int
    seconds: float
    slowest: list[dict[str, Any]]
    locks: list[dict[str, Any]]
    backfills: list[str]
    losses: list[str]
    defaults: dict[str, str]
    may_lose: list[str]
    database: str
    left: int


class PrismaAlignRehearseEvidence(TypedDict, total=False):
    """What a run records: the alignment, every item as it ended on the copy, the copy's name and the folder
    of its Prisma project, which both stay, and every difference between this rehearsal and production.
    ``warnings`` are those that matter, in words."""

    rehearsal: AlignmentRehearsal
    rehearsed: list[RehearsedItem]
    differences: list[RehearsalDifference]
    warnings: list[str]
    copy: str
    project: str


@dataclass
class RehearsalRun:
    """One rehearsal: the items in their order, with the alignment built and measured before its own.

    ``running`` ends what was started for the items, such as the API on the copy.
    """

    params: PrismaAlignRehearseParams
    target: CopyTarget
    running: ExitStack
    report: actions.RunReport[PrismaAlignRehearseEvidence]
    rehearsal: ItemRehearsal = field(init=False)
    prisma: Prisma = field(init=False)
    api: ApiProcess | None = field(init=False)
    differences: list[RehearsalDifference] = field(init=False)

    def __post_init__(self) -> None:
        params, context = self.params, self.params.context
        copied = self._lead(self.target)
        self.rehearsal = ItemRehearsal(copied, evidence_on_copy(context, params.verified.key))
        self.prisma = Prisma(copied.systems[params.prisma.name], attempt=context.attempt, report=self.report)
        scratch = params.scratch["url"]
        self.api = ApiProcess(params.api, self.target.url, scratch) if params.api else None
        decisions = {"may_lose": params.may_lose, "defaults": params.defaults}
        setup = RehearsedSetup(context, copied, params.prisma, params.steps, params.verified.key, decisions)
        self.differences = list_differences(setup, self.api)

    def carry_out(self) -> actions.Outcome:
        """Runs every item; the first that is red ends the rehearsal with its verdict."""
        steps = self.params.steps
        self._report_differences()
        alignment, measured = None, None
        for number, key in enumerate(steps):
            self.report.progress(number, len(steps), key)
            item = self.params.context.items[key]
            if item.action in NEED_API and not self._has_api(key, item.action):
                continue
            if item.action == ALIGN:
                alignment, measured = self._measure_alignment(str(item.params.get("rehearsal", "")))
            outcome = self.rehearsal.run(key, self.report, item)
            self.report.evidence({"rehearsed": self.rehearsal.done})
            if not outcome.ok:
                return actions.Outcome(False, f"On the copy, “{key}” ended red: {outcome.summary}")
        assert alignment is not None  # `_refuse_without_align`
        assert measured is not None
        remaining = review_script(self.prisma.diff())
        facts = _facts(self.params, alignment, measured, file=str(self._path), left=len(remaining))
        self.report.evidence({"rehearsal": facts})
        return _outcome(alignment, measured, remaining, self.rehearsal.done, self.differences)

    def _report_differences(self) -> None:
        self.report.evidence(
            {"differences": self.differences, "warnings": describe_what_matters(self.differences)}
        )

    def _lead(self, target: CopyTarget) -> actions.Context:
        """The context of the items on the copy, with a folder of their own."""
        context = self.params.context
        folder = context.folder / "rehearsal"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        systems = lead_to_copy(
            context.systems, prisma=self.params.prisma, scratch=self.params.scratch, target=target
        )
        return replace(context, systems=systems, folder=folder)

    def _has_api(self, key: str, action: str) -> bool:
        """Starts the API on the copy for the first item that needs it; without one, says what is left out."""
        if self.target.apis:
            return True
        if self.api is None or not self.api.is_configured:
            why = "No API runs on the copy: " + (
                f"{self.api.system.name} has no command" if self.api else "this item has no api:"
            )
            self.differences = sort_differences([*self.differences, leave_out(key, action, why)])
            self._report_differences()
            self.report.log(f"{key}: left out. {why}.")
            return False
        context = self.params.context
        self.report.secret(*self.api.list_secrets())
        run = self.api.run(self.report, attempt=context.attempt, folder=context.folder)
        url = self.running.enter_context(run)
        self.target = replace(self.target, apis={self.api.stands_for: url})
        self.rehearsal.context = self._lead(self.target)
        return True

    def _measure_alignment(self, rehearsal_key: str) -> tuple[Alignment, RehearsalResult]:
        """Builds the alignment from the diff of the copy, measures it, and leaves it for prisma.align."""
        with postgres.connect(self.prisma.url, readonly=True) as conn:
            alignment = build_alignment(
                self.prisma.diff(),
                conn,
                defaults=self.params.defaults,
                may_lose=self.params.may_lose,
                explicit_transaction=self.prisma.engine == "adapter",
            )
        self._path.write_bytes(alignment.sql.encode())
        self.params.context.artefacts.publish(self._path)
        measured = measure_script(
            self.prisma.url, alignment.sql, attempt=self.prisma.attempt, on_statement=self._log_statement
        )
        facts = _facts(self.params, alignment, measured, file=str(self._path), left=0)
        self.rehearsal.evidence[rehearsal_key] = {"rehearsal": facts}
        return alignment, measured

    @property
    def _path(self) -> Path:
        # Each rehearsed backup has a file of its own: the alignment that production applies is read from it.
        return self.params.context.folder / f"{make_copy_name(self.params.restored_database)}.sql"

    def _log_statement(self, number: int, total: int, what: str) -> None:
        self.report.raise_if_cancelled()
        self.report.log(f"{number} of {total}: {what}")


def _outcome(
    alignment: Alignment,
    measured: RehearsalResult,
    remaining: ScriptReview,
    done: list[RehearsedItem],
    differences: list[RehearsalDifference],
) -> actions.Outcome:
    if len(remaining) or remaining.unparsable:
        first = "; ".join(each.summary for each in remaining.statements[:3]) or remaining.unparsable
        return actions.Outcome(
            False, f"After the alignment the diff still has {len(remaining)} statements: {first}."
        )
    if not alignment.sql:
        return actions.Outcome(True, "Nothing to align: after the deploy the diff is empty already.")
    longest: dict[str, Any] = measured.locks[0] if measured.locks else {"table": "no table", "seconds": 0}
    matter = sum(each["matters"] for each in differences)
    return actions.Outcome(
        True,
        f"{len(done)} items carried out on the copy; {measured.statements} statements in "
        f"{measured.seconds:.2f} s, then the diff was empty. "
        f"Longest lock: {longest['table']}, {1000 * longest['seconds']:.0f} ms."
        + (f" {matter} differences from production matter: see the list." if matter else ""),
    )


def _facts(
    params: PrismaAlignRehearseParams,
    alignment: Alignment,
    measured: RehearsalResult,
    *,
    file: str,
    left: int,
) -> AlignmentRehearsal:
    return {
        "sha256": alignment.sha256,
        "file": file,
        "aligned": left == 0,
        "statements": measured.statements,
        "seconds": measured.seconds,
        "slowest": measured.slowest,
        "locks": measured.locks,
        "backfills": [backfill.description for backfill in alignment.backfills],
        "losses": list(alignment.losses),
        "defaults": params.defaults,
        "may_lose": params.may_lose,
        "database": params.restored_database,
        "left": left,
    }
