"""Carries out items of the runbook on a copy: the same actions with the same parameters, on other systems."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from django import forms

from integrations import actions
from integrations.clients import postgres
from integrations.errors import Problem, Unreachable
from integrations.prisma.lock_sampler import LockSampler, SampledLock
from integrations.systems import System, Systems

#: The actions that only use PostgreSQL, the Prisma project and the API, so that a copy can stand for
#: production.
REHEARSABLE = (
    "login.canary",
    "parity.compare",
    "parity.fingerprint",
    "prisma.align",
    "prisma.baseline",
    "prisma.deploy",
    "prisma.drift",
    "prisma.generate",
    "prisma.sanity",
    "prisma.status",
    "rows.present",
    "sql.check",
)
#: Those of them that ask the API.
NEED_API = ("login.canary",)
#: Those of them that change the database with the Prisma CLI, whose locks are measured.
RUN_THE_CLI = ("prisma.align", "prisma.baseline", "prisma.deploy")
#: The kinds of system that an item on the copy can reach, beside the API that runs on the copy.
REACHABLE = ("postgres", "prisma", "login")


class RehearsedItem(TypedDict):
    """An item as it ended on the copy."""

    item: str
    action: str
    ok: bool
    summary: str
    locks: NotRequired[list[SampledLock]]  # of an item that runs the CLI, as far as they were seen


class StepReport:
    """The report of one rehearsed item: its log goes on with its key in front, its evidence stays here."""

    def __init__(self, key: str, report: actions.Report, sampler: LockSampler | None = None) -> None:
        self.key, self.report, self.sampler = key, report, sampler
        self.facts: dict[str, Any] = {}
        self.attempt = getattr(report, "attempt", "")
        self._unfinished = set[str]()  # streams in the middle of a line
        self._tables_with_differences: set[tuple[str, str]] = set()

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Adds the line with the item's key in front."""
        key = "" if stream in self._unfinished else f"{self.key}: "
        (self._unfinished.add if more else self._unfinished.discard)(stream)
        self.report.log(f"{key}{line}", stream=stream, more=more)

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Is left out: the rehearsal shows the progress over all of its items."""

    def measure(self, **values: float) -> None:
        """Is left out: curves belong to the item in production."""

    def table_progress(self, table: str, state: str, **how: Any) -> None:
        """Is left out: the page of the rehearsal shows no comparison."""

    def row_difference(self, table: str, kind: str, key: Any, columns: Any, **more: Any) -> None:
        """Logs once for a table that rows differ, without values; the item's verdict has the numbers."""
        if (table, kind) not in self._tables_with_differences:
            self._tables_with_differences.add((table, kind))
            self.log(f"rows of {table} are {kind}")

    def secret(self, *values: str) -> None:
        """Masks the values in the log of the rehearsal."""
        self.report.secret(*values)

    def raise_if_cancelled(self) -> None:
        """Stops the rehearsal; while a program runs this is called all the time, and looks at its locks."""
        self.report.raise_if_cancelled()
        if self.sampler is not None:
            self.sampler.poll()

    def evidence(self, facts: Mapping[str, Any], /) -> None:
        """Keeps the facts for later items of the rehearsal."""
        self.facts.update(facts)


@dataclass
class ItemRehearsal:
    """Items on a copy. ``evidence`` replaces that of the cutover for them, and grows with every item.

    In ``context`` every system of kind postgres leads to the copy, except the server of the copies, and there
    is no system by which an item could reach production.
    """

    context: actions.Context
    evidence: dict[str, Mapping[str, Any]]
    done: list[RehearsedItem] = field(default_factory=list)

    def run(self, key: str, report: actions.Report, item: actions.RunbookItem) -> actions.Outcome:
        """Carries out one item. Raises its `Problem` with the item's key in front."""
        context = replace(self.context, evidence=dict(self.evidence), traces={})
        action = actions.registry()[item.action]
        sampler = self._sample_locks(item)
        step = StepReport(key, report, sampler)
        try:
            with closing(sampler) if sampler else nullcontext():
                outcome = action.run(action.bind(item.params, context), step)
        except Problem as problem:
            raise _on_the_copy(key, problem) from problem
        except forms.ValidationError as error:
            raise Problem(
                f"“{key}” cannot be rehearsed: {' '.join(error.messages)}",
                means="On the copy it can use PostgreSQL, this Prisma project, and the API that runs on the "
                "copy. Production was not touched.",
                next="Take it out of items: of this item, and rehearse it another way.",
            ) from None
        self.evidence[key] = step.facts
        ended: RehearsedItem = {
            "item": key,
            "action": item.action,
            "ok": outcome.ok,
            "summary": outcome.summary,
        }
        if sampler is not None:
            ended["locks"] = sampler.list_locks()
        self.done.append(ended)
        report.log(f"{key}: {'✓' if outcome.ok else '✗'} {outcome.summary}")
        return outcome

    def _sample_locks(self, item: actions.RunbookItem) -> LockSampler | None:
        """A look at the locks of an item that changes the copy with the CLI; None for others."""
        if item.action not in RUN_THE_CLI:
            return None
        prisma = self.context.systems[str(item.params["prisma"])]
        return LockSampler(prisma["database"], f"cutover:{self.context.attempt}")


def _on_the_copy(key: str, problem: Problem) -> Problem:
    what = f"On the copy, “{key}” stopped: {problem.what}"
    if isinstance(problem, Unreachable):
        return Unreachable(what, means=problem.means, next=problem.next)
    return Problem(
        what,
        means=f"{problem.means} It would stop in the same way in production, which was not touched.".strip(),
        next=f"{problem.next} Only the cause counts here: the next rehearsal makes a new copy.".strip(),
    )


@dataclass(frozen=True)
class CopyTarget:
    """Where the items work: the copy's address, the private copy of the Prisma project, and by the name of
    the system that it stands for, the address of the API on the copy."""

    url: str
    project: str
    apis: Mapping[str, str] = field(default_factory=dict)


def lead_to_copy(systems: Systems, *, prisma: System, scratch: System, target: CopyTarget) -> Systems:
    """Returns the systems that an item on the copy can reach, led there.

    Every PostgreSQL database but ``scratch`` becomes the copy, ``prisma`` works there with the private copy
    of the project, and of the APIs only those that run on the copy are left.
    """
    sections: dict[str, dict[str, Any]] = {}
    for system in systems.values():
        section = {"kind": system.kind, **system.settings}
        if system.kind == "postgres" and system.name != scratch.name:
            section["url"] = target.url
        if system.kind == "prisma":
            section |= lead_project_to_copy(system, target).settings
        if system.name in target.apis:
            section["url"] = target.apis[system.name]
        elif system.kind not in REACHABLE or (system.kind == "prisma" and system.name != prisma.name):
            continue
        sections[system.name] = section
    return Systems(sections, systems.environ)


def find_copy(rehearsal: actions.EarlierItem[Any]) -> CopyTarget:
    """The copy that a rehearsal left. Raises `Problem` when there is none."""
    facts, item = rehearsal.evidence, rehearsal.context.items.get(rehearsal.key)
    if item is None or not facts.get("copy"):
        raise Problem(
            f"“{rehearsal.key}” has left no copy.",
            means="There is nothing to look at. Nothing was read.",
            next="Run that item first: its copy stays until an item drops it.",
        )
    scratch = rehearsal.context.systems[str(item.params["scratch"])]
    return CopyTarget(postgres.with_database(scratch["url"], facts["copy"]), facts.get("project", ""))


def refuse_absent_project(rehearsal: actions.EarlierItem[Any], target: CopyTarget) -> None:
    """Raises `Problem` when the private copy of the Prisma project is not on this host: it is not shared."""
    here = socket.gethostname()
    if not target.project or Path(target.project).is_dir():
        return
    where = f"on {rehearsal.host}, where" if rehearsal.host not in ("", here) else "where"
    raise Problem(
        f"The private copy of the Prisma project is not on {here}.",
        means=f"It is {where} “{rehearsal.key}” was carried out, or dropped since: its packages are links "
        "into that host's folders, so it is not shared between hosts. Nothing was read.",
        next=f"Stop the worker for steps on {here} and start this item again, or rehearse again.",
    )


def lead_project_to_copy(prisma: System, target: CopyTarget) -> System:
    """The Prisma project on the copy, with its private copy of the project where there is one."""
    copied = {"copy": target.project} if target.project else {}
    return replace(prisma, settings={**prisma.settings, "database": target.url, **copied})


def lead_database_to_copy(database: System, target: CopyTarget) -> System:
    """A system of kind postgres, led to the copy."""
    return replace(database, settings={**database.settings, "url": target.url})


def evidence_on_copy(context: actions.Context, verified: str) -> dict[str, Mapping[str, Any]]:
    """The evidence for the items: any backup that they name is the one that the copy was made from."""
    backups = [key for key, item in context.items.items() if item.action == "backup.verify"]
    return {**context.evidence, **dict.fromkeys(backups, context.evidence.get(verified, {}))}
